// The mesh of a cluster's cores, as one core has it: links to all others, the manifest, who is there, commands. What cores say of the
// data they share passes through unread.
import { join } from 'node:path';
import type { Outcome } from '../runtime/behaviours.ts';
import { type Keeper, readKeeper } from './keeper.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import type { VerifiedManifest } from './manifest.ts';
import { Membership } from './membership.ts';
import { letIn } from './mesh-admission.ts';
import { CopiedKeys, placeOf, takenByText } from './mesh-copied-keys.ts';
import { type DialedCore, MeshDialing, type MeshLink, type MeshReceiver } from './mesh-dialing.ts';
import { bootOf, MeshGossip } from './mesh-gossip.ts';
import { MeshLinks } from './mesh-links.ts';
import { ManifestHeld } from './mesh-manifest.ts';
import { keepManifest, readManifest } from './mesh-manifest-file.ts';
import {
  isMeshOnly,
  type MemberEntry,
  type MeshControl,
  type MeshData,
  meshMessages,
} from './mesh-messages.ts';
import { MeshOperators } from './mesh-operators.ts';
import type { CorePlace, MeshEvents, MeshOptions, MeshPorts, SwapOrder } from './mesh-ports.ts';
import { openReleaseHeld, type ReleaseHeld } from './mesh-release.ts';
import { MeshReleases } from './mesh-releases.ts';
import { MeshRing } from './mesh-ring.ts';
import { addressesOf, coreEntriesOf, helloOf, type MeshSelf, newSelf } from './mesh-self.ts';
import { type MeshStatus, ringStatusOf, type StatusParts, statusOf } from './mesh-status.ts';
import { sameBytes } from './packed.ts';
import { isControl, type PeerMessage } from './peer-messages.ts';
import type { Ring } from './ring.ts';
import type { CoreProgress } from './ring-keeper.ts';
import type { Admission, WireAddress, WireHello } from './wire-hello.ts';
import { noWireMeter, type WireMeter } from './wire-meter.ts';
import { openWireServer, type WireServer } from './wire-server.ts';

/** Of two nodes that dial each other at once, the link dialed by the smaller number stays: it gets this long to come about. */
const patienceMs = 1000;
const lookEveryMs = 500;
const releaseFileName = 'release.json';

interface Remembered {
  verified: VerifiedManifest;
  release: ReleaseHeld;
  keeper: Keeper | null;
  cores: { node: number; address: WireAddress }[];
  doors: WireAddress[];
}

/** Reads what is known of the cluster; nothing is opened yet. Rejects with a `ClusterFileError` when this node is in none. */
export async function createMesh(options: MeshOptions): Promise<Mesh> {
  const { file, verified } = await readManifest(options.data);
  const release = await openReleaseHeld({
    path: join(options.data, releaseFileName),
    releaseKey: () => mesh.manifest.manifest.releaseKey,
    log: options.log,
  });
  const mesh = new Mesh(options, {
    verified,
    release,
    keeper: await readKeeper(options.data),
    cores: file.cores.map(({ node, host, port }) => ({ node, address: { host, port } })),
    doors: file.doors,
  });
  return mesh;
}

export class Mesh {
  readonly node: number;
  readonly #options: MeshOptions;
  readonly #remembered: Remembered;
  readonly #clock: LinkClock;
  readonly #meter: WireMeter;
  readonly #self: MeshSelf;
  readonly #held: ManifestHeld;
  readonly #membership: Membership;
  readonly #links: MeshLinks<MeshLink>;
  readonly #copiedKeys: CopiedKeys;
  readonly #ring: MeshRing;
  readonly releases: MeshReleases;
  readonly #operators: MeshOperators;
  readonly #coresListeners = new Set<(cores: CorePlace[]) => void>();
  #open: Opened | null = null;
  #cores = '';

  /** Use `createMesh`. */
  constructor(options: MeshOptions, remembered: Remembered) {
    const { identity, name, version, log, data } = options;
    this.#options = options;
    this.#remembered = remembered;
    this.#clock = options.clock ?? machineClock;
    this.#meter = options.meter ?? noWireMeter;
    this.node = identity.number;
    this.#self = newSelf({ node: this.node, role: 'core', name, version });
    this.#held = new ManifestHeld({
      current: remembered.verified,
      keep: (signed) => keepManifest(data, signed),
      changed: (verified) => this.#changed(verified),
      log,
      meter: this.#meter,
    });
    this.#membership = new Membership(() => this.#clock.nowMs());
    this.#links = new MeshLinks(this.node);
    this.#copiedKeys = new CopiedKeys({
      self: this.node,
      monoMs: () => this.#clock.nowMs(),
      found: (copied) => {
        this.#meter.count('copied-keys', 1);
        log.error({ ...copied }, 'two processes have the key of one node: a data folder was copied');
      },
    });
    this.#ring = new MeshRing(() => this.manifest, {
      monoMs: () => this.#clock.nowMs(),
      progressOf: (node) => this.#progressOf(node),
    });
    this.releases = new MeshReleases({
      node: this.node,
      held: remembered.release,
      manifest: () => this.manifest,
      others: () => this.#others(),
    });
    remembered.release.onChanged(() => this.#open?.gossip.pushRelease());
    this.#operators = new MeshOperators({
      node: this.node,
      data,
      log,
      held: this.#held,
      keeper: remembered.keeper,
      ringChange: () => this.#ring.change(),
      entries: () => this.#known(),
      cores: () => this.cores,
      ask: (node, json) => {
        const link = this.#links.get(node);
        return link === null ? null : (this.#open?.gossip.ask(link, json) ?? null);
      },
      status: () => this.status(),
      ring: () => ringStatusOf(this.#parts(), this.#open?.ports.servers?.() ?? []),
      deploys: this.releases,
      swap: (order) => this.#swap(order),
    });
  }

  get manifest(): VerifiedManifest {
    return this.#held.current;
  }

  /** Of the present manifest. */
  get ring(): Ring {
    return this.#ring.ring;
  }

  /** The cluster port; 0 before it is open. */
  get port(): number {
    return this.#open?.server.port ?? 0;
  }

  get boot(): string {
    return Buffer.from(this.#self.boot).toString('hex');
  }

  /** Listens, and dials everybody. Rejects when the port cannot be had. */
  async open(ports: MeshPorts): Promise<void> {
    const { identity, listen, log, clock, bounds } = this.#options;
    const shared = {
      tls: identity.tls,
      hello: () => this.#hello(ports.incarnation),
      admits: (hello: WireHello, key: Uint8Array) => this.#admits(hello, key),
      messages: meshMessages,
      log,
      meter: this.#meter,
      ...(clock === undefined ? {} : { clock }),
      ...(bounds === undefined ? {} : { bounds }),
    };
    const server = await openWireServer<MeshData, MeshControl>({
      ...shared,
      ...listen,
      ...(ports.otherPaths === undefined ? {} : { otherPaths: ports.otherPaths }),
      onLink: (link) => this.#opened(link, 'taken'),
    });
    const dialing = new MeshDialing({
      ...shared,
      onLink: (link, isKept) => this.#opened(link, isKept ? 'kept' : 'knocked'),
      refused: ({ reason, text, by }, { host, port }) => {
        if (reason === 'manifest-conflict' && by === 'there') this.#held.conflicting(text, `${host}:${port}`);
      },
    });
    const gossip = new MeshGossip({
      manifest: this.#held,
      release: this.#remembered.release,
      membership: this.#membership,
      entries: () => [...this.#own(), ...this.#membership.firstHand()],
      moved: () => this.#moved(),
      places: (addresses, { hello }) => {
        if (hello.role === 'agent') dialing.knock(addresses);
      },
      command: (json, from) => this.#operators.commandOf(from, json),
      clock: this.#clock,
      meter: this.#meter,
    });
    const stopLooking = this.#clock.every(lookEveryMs, () => void this.#look());
    this.#open = { ports, server, dialing, gossip, stopLooking };
    dialing.setCores(this.#otherCores(), this.#remembered.cores);
    this.#knock();
  }

  /** Does nothing while there is no link: `unlinked` has said so. */
  send(node: number, message: PeerMessage): void {
    const link = this.#links.get(node);
    if (isControl(message)) link?.control(message);
    else link?.post(message);
  }

  isWritable(node: number): boolean {
    return this.#links.get(node)?.writable() ?? false;
  }

  status(): MeshStatus {
    return statusOf(this.#parts());
  }

  /** One of mesh-commands.ts, as JSON; so is the answer. Never rejects. */
  command(json: string): Promise<Outcome<string>> {
    return this.#operators.command(json, { isLast: false });
  }

  /** All cores of the manifest, this one included. */
  get cores(): CorePlace[] {
    return this.manifest.manifest.members.flatMap(({ node, key, roles }) =>
      roles.includes('core') ? [{ node, publicKey: key, addresses: this.#addressesOf(node) }] : [],
    );
  }

  /** Called when `cores` has changed. Gives back what ends that. */
  onCoresChanged(listener: (cores: CorePlace[]) => void): () => void {
    this.#coresListeners.add(listener);
    return () => this.#coresListeners.delete(listener);
  }

  /** Ends all links and stops listening. */
  async close(): Promise<void> {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    open.stopLooking();
    open.dialing.close('this core is going away');
    open.gossip.close('this core is going away');
    await open.server.close();
  }

  get #events(): MeshEvents {
    return this.#open?.ports.events ?? noEvents;
  }

  #opened(link: MeshLink, how: 'taken' | 'kept' | 'knocked'): MeshReceiver {
    const { hello, publicKey } = link.peer;
    const { node, role, incarnation } = hello;
    const boot = bootOf(link);
    if (role !== 'core') {
      this.#open?.gossip.opened(link);
      return this.#receiver(link, () => {});
    }
    const settled = this.#links.opened({ link, node, boot, dialedBy: how === 'taken' ? node : this.node });
    if (settled.kind === 'needless') {
      link.close('there is a link already', 'duplicate');
      return { data: () => {}, control: () => {}, closed: () => {} };
    }
    if (settled.kind === 'instead') {
      const isOther = settled.of.boot !== boot;
      const text = isOther ? takenByText(placeOf(hello.addresses)) : 'another link has taken its place';
      settled.of.link.close(text, 'duplicate');
      this.#open?.gossip.closed(settled.of.link);
      this.#events.unlinked(node);
    }
    // Only an attempt that is under way can have a link at the other end already, which both would keep.
    const mayBeBetter = how === 'taken' && this.node < node && this.#open?.dialing.isDialing(node) === true;
    this.#copiedKeys.linked(node, { boot, address: placeOf(hello.addresses) });
    this.#open?.gossip.opened(link);
    this.#open?.dialing.locate(node, [...hello.addresses, ...(this.#open.dialing.addressesOf(node) ?? [])]);
    this.#events.linked({ node, boot, incarnation: incarnation ?? 0, publicKey });
    if (how !== 'kept') this.#holdBack(node, link, mayBeBetter ? patienceMs : 0);
    return this.#receiver(link, () => {
      if (!this.#links.closed(node, link)) return;
      this.#open?.dialing.hold(node, false);
      this.#events.unlinked(node);
    });
  }

  /** One link is enough: no other is dialed as long as this one holds. */
  #holdBack(node: number, link: MeshLink, afterMs: number): void {
    if (afterMs === 0) this.#open?.dialing.hold(node, true);
    else
      this.#clock.after(afterMs, () => {
        if (this.#links.isUsed(node, link)) this.#open?.dialing.hold(node, true);
      });
  }

  #receiver(link: MeshLink, closed: () => void): MeshReceiver {
    const { node, role } = link.peer.hello;
    const passOn = (message: PeerMessage): void | Promise<void> =>
      role === 'core' && this.#links.isUsed(node, link) ? this.#events.message(node, message) : undefined;
    return {
      data: passOn,
      control: (message) => (isMeshOnly(message) ? this.#open?.gossip.take(link, message) : passOn(message)),
      writable: () => {
        if (role === 'core' && this.#links.isUsed(node, link)) this.#events.writable(node);
      },
      closed: ({ text, by }) => {
        if (by === 'there') this.#copiedKeys.ended(text, placeOf(this.#ownAddresses()));
        this.#open?.gossip.closed(link);
        closed();
      },
    };
  }

  #admits(hello: WireHello, publicKey: Uint8Array): Promise<Admission> {
    return letIn(hello, publicKey, {
      manifest: () => this.manifest,
      conflicting: (reason, from) => this.#held.conflicting(reason, from),
      command: (json) => this.command(json),
    });
  }

  #changed(verified: VerifiedManifest): void {
    const { members } = verified.manifest;
    for (const link of this.#open?.gossip.links ?? []) {
      const { publicKey, hello } = link.peer;
      if (members.some(({ key }) => sameBytes(key, publicKey))) continue;
      // An operator may have asked for just this.
      if (hello.role === 'operator') this.#open?.gossip.end(link, 'its key was revoked', 'revoked-key');
      else link.close('its key was revoked', 'revoked-key');
    }
    if (!members.some(({ node }) => node === this.node))
      this.#options.log.error({ epoch: verified.manifest.epoch }, 'this node was thrown out of the cluster');
    this.#open?.dialing.setCores(this.#otherCores());
    this.#events.manifest(verified);
    this.#open?.gossip.pushManifest();
    this.#moved();
  }

  /** Somebody is elsewhere now, or there or away. */
  #moved(): void {
    for (const { node, core } of this.#membership.all()) {
      if (core !== null && core.addresses.length > 0 && node !== this.node)
        this.#open?.dialing.locate(node, [...core.addresses, ...this.#open.dialing.addressesOf(node)]);
    }
    const { cores } = this;
    const said = JSON.stringify(cores.map(({ node, addresses }) => [node, addresses]));
    if (said === this.#cores) return;
    this.#cores = said;
    for (const listener of this.#coresListeners) listener(cores);
  }

  async #look(): Promise<void> {
    this.#knock();
    await this.#operators.look();
  }

  /** While a core is away of which nobody says where it is. */
  #knock(): void {
    const isLost = this.#otherCores().some(
      ({ node }) => this.#links.get(node) === null && this.#open?.dialing.addressesOf(node).length === 0,
    );
    if (isLost) this.#open?.dialing.knock(this.#remembered.doors);
  }

  #progressOf(node: number): CoreProgress | null {
    const ports = this.#open?.ports;
    if (ports?.progressOf !== undefined) return ports.progressOf(node);
    const entry = this.#known().find((one) => one.node === node && one.core !== null);
    return entry === undefined ? null : { epoch: entry.epoch, unheld: entry.core?.unheld ?? 0 };
  }

  #parts(): StatusParts {
    return {
      self: this.node,
      verified: this.manifest,
      conflict: this.#held.conflict,
      copiedKeys: this.#copiedKeys.list(),
      entries: this.#known(),
      ring: this.ring,
      change: this.#ring.change(),
    };
  }

  /** All processes of the cluster that have been heard of lately. */
  #known(): MemberEntry[] {
    return [...this.#own(), ...this.#others()];
  }

  #others(): MemberEntry[] {
    return this.#membership.all().filter(({ node, role }) => node !== this.node || role !== 'core');
  }

  /** This core, and the gateways that nobody else can speak for. */
  #own(): MemberEntry[] {
    const report = this.#open?.ports.report();
    if (report === undefined) return [];
    const { gateways, ...counts } = report;
    const { hasKeeper: keeper } = this.#operators;
    const core = { ...counts, addresses: this.#ownAddresses(), keeper, rollout: this.releases.rollout() };
    return coreEntriesOf(this.#self, this.manifest.manifest.epoch, { core, gateways });
  }

  #swap(order: SwapOrder): Promise<Outcome<string>> {
    return this.#open?.ports.swap?.(order) ?? Promise.resolve(noSwap);
  }

  #hello(incarnation: number): WireHello {
    const { cluster } = this.manifest.manifest;
    return helloOf(this.#self, {
      cluster,
      verified: this.manifest,
      addresses: this.#ownAddresses(),
      incarnation,
    });
  }

  #ownAddresses(): WireAddress[] {
    return this.port === 0 ? [] : addressesOf({ ...this.#options.listen, port: this.port });
  }

  #addressesOf(node: number): readonly WireAddress[] {
    return node === this.node ? this.#ownAddresses() : (this.#open?.dialing.addressesOf(node) ?? []);
  }

  #otherCores(): DialedCore[] {
    return this.manifest.manifest.members.flatMap(({ node, key, roles }) =>
      node !== this.node && roles.includes('core') ? [{ node, publicKey: key }] : [],
    );
  }
}

const noSwap: Outcome<never> = {
  ok: false,
  rejection: { code: 'unavailable', message: 'this core cannot change its behaviours now' },
};

interface Opened {
  ports: MeshPorts;
  server: WireServer<MeshData, MeshControl>;
  dialing: MeshDialing;
  gossip: MeshGossip;
  stopLooking(): void;
}

const noEvents: MeshEvents = {
  linked() {},
  unlinked() {},
  message() {},
  writable() {},
  manifest() {},
};
