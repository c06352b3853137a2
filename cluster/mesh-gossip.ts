// What a process of the mesh tells on each of its links, and takes from them: manifests, members, commands. Links come from others.
import type { Outcome } from '../runtime/behaviours.ts';
import type { LinkClock } from './link-clock.ts';
import type { SignedManifest } from './manifest.ts';
import { credible, type Membership, tellEveryMs } from './membership.ts';
import type { MeshLink } from './mesh-dialing.ts';
import type { ManifestHeld } from './mesh-manifest.ts';
import { commandCall, type MemberEntry, type MeshOnly, type ReleaseNews } from './mesh-messages.ts';
import type { ReleaseOffered } from './mesh-release.ts';
import { rejected } from './rejection.ts';
import { answerCall, WireCalls } from './wire-calls.ts';
import type { FarewellReason } from './wire-close.ts';
import type { WirePeer } from './wire-end.ts';
import type { WireAddress } from './wire-hello.ts';
import type { WireMeter } from './wire-meter.ts';

/** The release pointer that is passed on. */
export interface GossipedRelease {
  news(): ReleaseNews | null;
  offer(news: ReleaseNews, from: string): Promise<ReleaseOffered>;
}

export interface MeshGossipOptions {
  manifest: ManifestHeld;
  release: GossipedRelease;
  membership: Membership;
  /** All that this process tells others: itself first. */
  entries(): MemberEntry[];
  /** Somebody is new, or somewhere else, or gone. */
  moved(): void;
  places(addresses: WireAddress[], from: WirePeer): void;
  command(json: string, from: WirePeer): Promise<Outcome<string>>;
  clock: LinkClock;
  meter: WireMeter;
}

interface Gossiping {
  link: MeshLink;
  boot: string;
  /** Of the manifest it has, as it said last. */
  epoch: number;
  /** Its commands that are not answered yet. */
  underWay: number;
  /** It is to end when they are. */
  ending: { text: string; reason: FarewellReason } | null;
  calls: WireCalls<{ command: string }, { json: string }>;
}

/** One message holds no more; a cluster has far fewer. */
const entriesMost = 4096;
const soonMs = 20;
/** Commands of one link that are being done. More are answered `busy`. */
const commandsMost = 64;

export class MeshGossip {
  readonly #options: MeshGossipOptions;
  readonly #links = new Map<MeshLink, Gossiping>();
  readonly #stopTelling: () => void;
  #stopSoon: (() => void) | null = null;

  constructor(options: MeshGossipOptions) {
    this.#options = options;
    this.#stopTelling = options.clock.every(tellEveryMs, () => this.#tell());
  }

  opened(link: MeshLink): void {
    const { clock, meter } = this.#options;
    const gossiping: Gossiping = {
      link,
      boot: bootOf(link),
      epoch: link.peer.hello.epoch,
      underWay: 0,
      ending: null,
      calls: new WireCalls({
        ...commandCall,
        send: (message) => link.control(message),
        clock,
        meter,
      }),
    };
    this.#links.set(link, gossiping);
    this.#pushIfOlder(gossiping);
    this.#pushRelease(link);
    this.#tellOne(link, this.#options.entries());
    this.tellSoon();
  }

  closed(link: MeshLink): void {
    const gossiping = this.#links.get(link);
    if (gossiping === undefined) return;
    this.#links.delete(link);
    gossiping.calls.close();
    this.#options.membership.gone({ node: link.peer.hello.node, boot: gossiping.boot });
    this.#options.moved();
    this.tellSoon();
  }

  async take(link: MeshLink, message: MeshOnly): Promise<void> {
    const gossiping = this.#links.get(link);
    if (gossiping === undefined || gossiping.ending !== null) return;
    const { peer } = link;
    switch (message.kind) {
      case 'manifest':
        return await this.#offered(gossiping, message.signed);
      case 'members':
        this.#heard(gossiping, message.entries);
        return;
      case 'pointer':
        return await this.#offeredRelease(link, message);
      case 'places':
        this.#options.places(message.addresses, peer);
        return;
      case 'call':
        // Not awaited: what comes behind it must not wait for what may take long.
        void this.#answer(gossiping, message);
        return;
      case 'answer':
        gossiping.calls.take(message);
        return;
    }
  }

  /** Asks who is at the other end of a link. Never rejects. */
  async ask(link: MeshLink, json: string): Promise<Outcome<string>> {
    const gossiping = this.#links.get(link);
    if (gossiping === undefined) return rejected('unavailable', 'there is no link to it');
    const outcome = await gossiping.calls.call({ command: json });
    return outcome.ok ? { ok: true, value: outcome.value.json } : outcome;
  }

  /** To everybody who lacks the present manifest. */
  pushManifest(): void {
    for (const gossiping of this.#links.values()) this.#pushIfOlder(gossiping);
    this.tellSoon();
  }

  /** To everybody: who has it already does nothing. */
  pushRelease(): void {
    for (const link of this.#links.keys()) this.#pushRelease(link);
  }

  /** Something about this process has changed. Several changes at once are told once. */
  tellSoon(): void {
    this.#stopSoon ??= this.#options.clock.after(soonMs, () => {
      this.#stopSoon = null;
      this.#tell();
    });
  }

  /** Takes nothing more from it, and closes it once it has the answers to what it has asked. */
  end(link: MeshLink, text: string, reason: FarewellReason): void {
    const gossiping = this.#links.get(link);
    if (gossiping === undefined || gossiping.underWay === 0) link.close(text, reason);
    else gossiping.ending ??= { text, reason };
  }

  get links(): MeshLink[] {
    return [...this.#links.keys()];
  }

  /** Ends the links, too, whoever has dialed them. */
  close(text: string): void {
    this.#stopTelling();
    this.#stopSoon?.();
    for (const { calls, link } of this.#links.values()) {
      calls.close();
      link.close(text, 'going-away');
    }
    this.#links.clear();
  }

  async #answer(gossiping: Gossiping, message: MeshOnly & { kind: 'call' }): Promise<void> {
    const { link } = gossiping;
    gossiping.underWay++;
    const isFull = gossiping.underWay > commandsMost;
    const answer = await answerCall(commandCall, message, async ({ command }) => {
      if (isFull) return rejected('busy', 'too many commands at once');
      const outcome = await this.#options.command(command, link.peer);
      return outcome.ok ? { ok: true, value: { json: outcome.value } } : outcome;
    });
    gossiping.underWay--;
    link.control(answer);
    const { ending, underWay } = gossiping;
    if (ending !== null && underWay === 0) link.close(ending.text, ending.reason);
  }

  async #offered(gossiping: Gossiping, signed: SignedManifest): Promise<void> {
    const { name } = gossiping.link.peer.hello;
    const offered = await this.#options.manifest.offer(signed, name);
    switch (offered.kind) {
      case 'taken':
      case 'same':
        gossiping.epoch = Math.max(gossiping.epoch, this.#options.manifest.current.manifest.epoch);
        return;
      case 'older':
        gossiping.epoch = 0;
        this.#pushIfOlder(gossiping);
        return;
      case 'conflict':
        gossiping.link.close(offered.reason, 'manifest-conflict');
        return;
      case 'refused':
        return;
    }
  }

  async #offeredRelease(link: MeshLink, news: ReleaseNews): Promise<void> {
    const offered = await this.#options.release.offer(news, link.peer.hello.name);
    if (offered.kind === 'older') this.#pushRelease(link);
  }

  #pushRelease(link: MeshLink): void {
    const news = this.#options.release.news();
    if (news !== null) link.control({ kind: 'pointer', ...news });
  }

  #heard(gossiping: Gossiping, entries: MemberEntry[]): void {
    const { node, role } = gossiping.link.peer.hello;
    const from = { node, boot: gossiping.boot, role, isCore: role === 'core' };
    const { members } = this.#options.manifest.current.manifest;
    const believed = credible(from, entries, members);
    const isNews = this.#options.membership.take(from, believed);
    const own = believed.find(({ node, boot }) => node === from.node && boot === from.boot);
    if (own !== undefined) {
      gossiping.epoch = own.epoch;
      // It said so a moment ago, and may have it by now. To be told twice does no harm.
      this.#pushIfOlder(gossiping);
    }
    if (isNews) this.#options.moved();
  }

  #pushIfOlder(gossiping: Gossiping): void {
    const { current } = this.#options.manifest;
    if (gossiping.epoch >= current.manifest.epoch) return;
    gossiping.epoch = current.manifest.epoch;
    gossiping.link.control({ kind: 'manifest', signed: current.signed });
  }

  #tell(): void {
    const entries = this.#options.entries();
    for (const link of this.#links.keys()) this.#tellOne(link, entries);
  }

  #tellOne(link: MeshLink, entries: MemberEntry[]): void {
    link.control({ kind: 'members', entries: entries.slice(0, entriesMost) });
  }
}

export function bootOf(link: MeshLink): string {
  return Buffer.from(link.peer.hello.boot).toString('hex');
}
