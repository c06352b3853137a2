// The agent's part in the cluster: the DHT, a link to every core, and cluster.json, by which the node finds the cluster again.
import type { Outcome } from '../runtime/behaviours.ts';
import { ManifestItem } from './agent-cluster-item.ts';
import { joinCluster } from './agent-cluster-joining.ts';
import type { AgentDht, DhtAddress } from './agent-dht.ts';
import { type ClusterFile, manifestIn, packManifest, writeClusterFile } from './cluster-file.ts';
import { readKeeper } from './keeper.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import type { VerifiedManifest } from './manifest.ts';
import { Membership } from './membership.ts';
import { judgeHello } from './mesh-admission.ts';
import { MeshDialing, type MeshLink, type MeshReceiver } from './mesh-dialing.ts';
import { bootOf, MeshGossip } from './mesh-gossip.ts';
import { MeshLinks } from './mesh-links.ts';
import { ManifestHeld } from './mesh-manifest.ts';
import { type AgentEntry, isMeshOnly, type MemberEntry, meshMessages } from './mesh-messages.ts';
import type { ReleaseHeld } from './mesh-release.ts';
import { entryOf, helloOf, type MeshSelf, newSelf } from './mesh-self.ts';
import type { NodeIdentity } from './node-identity.ts';
import { rejected } from './rejection.ts';
import type { Admission, WireAddress, WireHello } from './wire-hello.ts';
import { noWireMeter, type WireLog } from './wire-meter.ts';

export interface AgentClusterOptions {
  data: string;
  identity: NodeIdentity;
  /** As it was settled. From now on only this writes it. */
  file: ClusterFile;
  name: string;
  version: string;
  /** Null: this machine's addresses are no use to a DHT. */
  dht: AgentDht | null;
  /** Where this machine's own core takes links; null: it has none. */
  core: WireAddress | null;
  release: ReleaseHeld;
  log: WireLog;
  clock?: LinkClock;
}

export interface AgentCluster {
  /** Gets the manifest from the cluster if this node has none yet. Rejects with a `CommandFault`. */
  join(withinMs: number): Promise<void>;
  /** Announces this machine, looks for the others, links to every core. After `join`, once the children run. */
  run(): void;
  readonly manifest: VerifiedManifest | null;
  /** Numbers of the cores it is linked to. */
  readonly linked: number[];
  /** All processes of the cluster that have been heard of lately, this one's machine's too. */
  entries(): MemberEntry[];
  /** What this agent says of itself from now on. */
  say(agent: AgentEntry): void;
  /** Asks this machine's own core: a command of mesh-commands.ts as JSON, and so is the answer. Never rejects. */
  askOwnCore(json: string): Promise<Outcome<string>>;
  /** The file is on disk when it resolves. */
  close(): Promise<void>;
}

const lookupEveryMs = 30_000;
/** While a core is away: it may be somewhere else. */
const lookupSoonMs = 2000;
const contactsEveryMs = 60_000;
const tickMs = 1000;
const placesMost = 256;

export function createAgentCluster(options: AgentClusterOptions): AgentCluster {
  return new Clustered(options);
}

class Clustered implements AgentCluster {
  readonly #options: AgentClusterOptions;
  readonly #clock: LinkClock;
  readonly #self: MeshSelf;
  #file: ClusterFile;
  #manifest: VerifiedManifest | null;
  #agent: AgentEntry | null = null;
  #running: Running | null = null;
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #contactsAtMs: number;
  #looking: Promise<void> | null = null;
  #isChanged = false;
  #saving: Promise<void> | null = null;
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: AgentClusterOptions) {
    const { identity, name, version, file } = options;
    this.#options = options;
    this.#clock = options.clock ?? machineClock;
    this.#self = newSelf({ node: identity.number, role: 'agent', name, version });
    this.#file = file;
    this.#manifest = manifestIn(file);
    options.release.onChanged(() => this.#running?.gossip.pushRelease());
    this.#contactsAtMs = this.#clock.nowMs() + contactsEveryMs;
  }

  get manifest(): VerifiedManifest | null {
    return this.#running?.held.current ?? this.#manifest;
  }

  get linked(): number[] {
    return this.#running?.links.all().map(({ node }) => node) ?? [];
  }

  entries(): MemberEntry[] {
    return [...(this.#running?.membership.all() ?? []), this.#own()];
  }

  say(agent: AgentEntry): void {
    this.#agent = agent;
    this.#running?.gossip.tellSoon();
  }

  async askOwnCore(json: string): Promise<Outcome<string>> {
    const link = this.#running?.links.get(this.#self.node) ?? null;
    return link === null
      ? rejected('unavailable', 'there is no link to this machine’s core')
      : ((await this.#running?.gossip.ask(link, json)) ?? notRunning);
  }

  #own(): MemberEntry {
    const epoch = this.manifest?.manifest.epoch ?? 0;
    return entryOf(this.#self, epoch, this.#agent === null ? {} : { agent: this.#agent });
  }

  async join(withinMs: number): Promise<void> {
    if (this.#manifest !== null) return;
    const { identity, dht, log, clock } = this.#options;
    const verified = await joinCluster({
      identity,
      file: this.#file,
      self: this.#self,
      places: async () => (await dht?.lookup()) ?? [],
      log,
      withinMs,
      ...(clock === undefined ? {} : { clock }),
    });
    this.#manifest = verified;
    this.#file = { ...this.#file, manifest: packManifest(verified.signed), admission: null, dhtKey: null };
    await writeClusterFile(this.#options.data, this.#file);
  }

  run(): void {
    if (this.#manifest === null || this.#isClosed) return;
    const { core, dht } = this.#options;
    const running = this.#start(this.#manifest);
    this.#running = running;
    running.dialing.setCores(
      coresOf(this.#manifest),
      this.#file.cores.map(({ node, host, port }) => ({ node, address: { host, port } })),
    );
    if (core !== null) {
      running.dialing.locate(this.#self.node, [core]);
      void dht?.announce(core.port);
    }
    dht?.setKeys(this.#manifest.manifest.dhtKeys);
    running.dialing.knock(this.#file.doors);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { dht } = this.#options;
    this.#running?.stopTicking();
    this.#running?.dialing.close('the agent is going away');
    this.#running?.gossip.close('the agent is going away');
    this.#keepContacts();
    await this.#saving;
    await this.#save();
    await dht?.close();
    await this.#looking;
  }

  #start(verified: VerifiedManifest): Running {
    const { identity, log, clock } = this.#options;
    const held = new ManifestHeld({
      current: verified,
      // Its core keeps its own; this one is for the next start, and for the gateways.
      keep: async (signed) => {
        this.#file = { ...this.#file, manifest: packManifest(signed) };
        await this.#write();
      },
      changed: (next) => this.#changed(next),
      log,
      meter: noWireMeter,
    });
    const membership = new Membership(() => this.#clock.nowMs());
    const links = new MeshLinks<MeshLink>(identity.number);
    const gossip = new MeshGossip({
      manifest: held,
      membership,
      entries: () => [this.#own()],
      release: this.#options.release,
      moved: () => this.#moved(),
      places() {},
      command: () =>
        Promise.resolve({
          ok: false,
          rejection: { code: 'forbidden', message: 'an agent takes no commands' },
        }),
      clock: this.#clock,
      meter: noWireMeter,
    });
    const dialing = new MeshDialing({
      tls: identity.tls,
      hello: () => helloOf(this.#self, { cluster: held.current.manifest.cluster, verified: held.current }),
      admits: (hello, publicKey) => admits(hello, publicKey, held.current),
      messages: meshMessages,
      onLink: (link, isKept) => this.#opened(link, isKept),
      refused: ({ reason, text, by }, { host, port }) => {
        if (reason === 'manifest-conflict')
          held.conflicting(text, by === 'there' ? `${host}:${port}` : 'here');
      },
      log,
      ...(clock === undefined ? {} : { clock }),
    });
    const stopTicking = this.#clock.every(tickMs, () => this.#tick());
    const item = this.#options.dht === null ? null : new ManifestItem(this.#options.dht);
    return { held, membership, links, gossip, dialing, item, stopTicking };
  }

  #opened(link: MeshLink, isKept: boolean): MeshReceiver {
    const { node } = link.peer.hello;
    const running = this.#running;
    const settled = running?.links.opened({ link, node, boot: bootOf(link), dialedBy: this.#self.node });
    if (running === null || settled === undefined || settled.kind === 'needless') {
      link.close('there is a link already', 'duplicate');
      return { data() {}, control() {}, closed() {} };
    }
    if (settled.kind === 'instead') settled.of.link.close('another link has taken its place', 'duplicate');
    running.gossip.opened(link);
    if (!isKept) running.dialing.hold(node, true);
    // Now everything it says of where the others are is worth a look.
    this.#lookAtMs = Math.min(this.#lookAtMs, this.#clock.nowMs() + lookupSoonMs);
    return {
      data() {},
      control: (message) => (isMeshOnly(message) ? running.gossip.take(link, message) : undefined),
      closed: () => {
        running.gossip.closed(link);
        if (running.links.closed(node, link)) running.dialing.hold(node, false);
      },
    };
  }

  #changed(verified: VerifiedManifest): void {
    const { dht } = this.#options;
    dht?.setKeys(verified.manifest.dhtKeys);
    this.#running?.dialing.setCores(coresOf(verified));
    this.#running?.gossip.pushManifest();
    this.#moved();
  }

  /** Somebody is elsewhere now. */
  #moved(): void {
    const { dialing, membership } = this.#running ?? {};
    if (dialing === undefined || membership === undefined) return;
    for (const { node, core } of membership.all()) {
      // This machine's own core is where it was started.
      if (core === null || core.addresses.length === 0 || node === this.#self.node) continue;
      dialing.locate(node, [...core.addresses, ...dialing.addressesOf(node)]);
    }
    const cores = dialing.places;
    if (JSON.stringify(cores) === JSON.stringify(this.#file.cores)) return;
    this.#file = { ...this.#file, cores };
    this.#saveSoon();
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#contactsAtMs) {
      this.#contactsAtMs = nowMs + contactsEveryMs;
      this.#keepContacts();
      this.#saveSoon();
    }
    if (nowMs < this.#lookAtMs || this.#looking !== null) return;
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
      const known = this.#running?.held.current;
      const isWhole = known !== undefined && coresOf(known).every(({ node }) => this.linked.includes(node));
      // Apart from each other, so that a cluster that was started at once does not look at once for ever.
      const restMs = isWhole ? lookupEveryMs * (0.75 + 0.5 * Math.random()) : lookupSoonMs;
      this.#lookAtMs = this.#clock.nowMs() + restMs;
    });
  }

  async #look(): Promise<void> {
    const { dht, data, log } = this.#options;
    const running = this.#running;
    if (dht === null || running === null) return;
    this.#knock(await dht.lookup());
    const keeper = await readKeeper(data).catch((error: unknown) => {
      log.warn({ error: String(error) }, 'the keeper’s key cannot be read');
      return null;
    });
    const look = await running.item?.look(running.held.current, keeper, this.#clock.nowMs());
    if (look?.kind === 'conflict') running.held.conflicting(look.reason, 'the DHT');
    if (look?.kind === 'behind') log.info({}, 'the DHT has heard of a later manifest than this node');
  }

  /** Somebody of the cluster may be there. The machine's own core is told as well: it knows no DHT. */
  #knock(found: readonly DhtAddress[]): void {
    const running = this.#running;
    if (running === null || this.#isClosed || found.length === 0) return;
    const addresses = found.slice(0, placesMost).map(({ host, port }) => ({ host, port }));
    running.dialing.knock(addresses);
    running.links.get(this.#self.node)?.control({ kind: 'places', addresses });
  }

  #keepContacts(): void {
    const contacts = this.#options.dht?.contacts() ?? [];
    // Nobody answered lately: who was there before may come back.
    if (contacts.length > 0) this.#file = { ...this.#file, contacts };
  }

  #saveSoon(): void {
    this.#isChanged = true;
    this.#saving ??= this.#saveAll().finally(() => {
      this.#saving = null;
    });
  }

  async #saveAll(): Promise<void> {
    while (this.#isChanged) {
      this.#isChanged = false;
      await this.#save();
    }
  }

  /** As it is when its turn has come: what was written last is never older. */
  #write(): Promise<void> {
    const written = this.#writing.then(() => writeClusterFile(this.#options.data, this.#file));
    this.#writing = written.catch(() => {});
    return written;
  }

  async #save(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      this.#options.log.error({ error: String(error) }, 'cluster.json cannot be written');
    }
  }
}

const notRunning: Outcome<never> = {
  ok: false,
  rejection: { code: 'unavailable', message: 'the agent has just stopped' },
};

interface Running {
  held: ManifestHeld;
  membership: Membership;
  links: MeshLinks<MeshLink>;
  gossip: MeshGossip;
  dialing: MeshDialing;
  item: ManifestItem | null;
  stopTicking(): void;
}

function coresOf({ manifest }: VerifiedManifest): { node: number; publicKey: Uint8Array }[] {
  return manifest.members.flatMap(({ node, key, roles }) =>
    roles.includes('core') ? [{ node, publicKey: key }] : [],
  );
}

/** Only members answer, and what a member says of its role is held against the manifest. */
function admits(hello: WireHello, publicKey: Uint8Array, { manifest }: VerifiedManifest): Admission {
  const judged = judgeHello(hello, publicKey, { manifest, nowMs: Date.now() });
  return judged.ok === 'newcomer' ? { ok: false, reason: 'unknown-key' } : judged;
}
