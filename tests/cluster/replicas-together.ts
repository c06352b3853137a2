// Several replicas on simulated disks, in virtual time: what is sent, lost and held back is the test's to say, and nothing is by chance.
import type { Copy, Lane, PeerMessage } from '../../cluster/peer-messages.ts';
import { Replica } from '../../cluster/replica.ts';
import type { PeerIdentity } from '../../cluster/replica-ports.ts';
import { Ring, type RingCore } from '../../cluster/ring.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { accountAt, type Key, keyOf } from '../../runtime/key.ts';
import { noVersion, type Version } from '../../runtime/version.ts';
import { Disk, emptyImage, type Image } from '../simulation/disk.ts';
import { Events } from '../simulation/events.ts';
import { decodeValue, encodeValue } from '../simulation/requests.ts';

export const partitions = 8;

export interface Sent {
  from: number;
  to: number;
  message: PeerMessage;
  atMs: number;
}

export interface TestReplica {
  node: number;
  image: Image;
  disk: Disk;
  replica: Replica;
  /** What it was told of others' entries, in order. */
  arrived: { from: number; lane: Lane | 'relayed' | 'pulled'; key: Key }[];
  /** How far its wall clock is off. */
  wallOffsetMs: number;
  /** What it does again after a failure it does after this share of the longest wait. */
  chance: number;
  /** Requests about these are under way. */
  busy: Set<number>;
  /** It owns them, and is not to serve any. */
  isIdle: boolean;
  /** What is written does not get to the disk. */
  isStuck: boolean;
  /** What waits for a disk that is stuck. */
  stuck: (() => void)[];
}

/** How long an fsync takes, and a process waits between two ticks. */
const fsyncMs = 1;
const tickMs = 50;
/** Above every version that was ever given at a start. */
const wallAtStartMs = 1_000_000;

export class Replicas {
  readonly events = new Events();
  ring: Ring;
  readonly sent: Sent[] = [];
  /** How long a message is under way. */
  messageMs = 1;
  /** True: the message is lost. A test may do something else with it first, or send it later. */
  loses: (sent: Sent) => boolean = () => false;
  readonly #nodes = new Map<number, TestReplica>();
  readonly #links = new Set<string>();

  readonly #partitions: number;

  /** All own what the ring gives them, and have it. */
  constructor(nodes: readonly number[], count = partitions) {
    this.#partitions = count;
    this.ring = new Ring(coresOf(nodes), null, count);
    for (const node of nodes) {
      this.#start(node, emptyImage(node * 100));
      this.of(node).replica.scans.founded();
    }
    for (const one of nodes) for (const other of nodes) if (one < other) this.link(one, other);
  }

  of(node: number): TestReplica {
    const found = this.#nodes.get(node);
    if (found === undefined) throw new Error(`no node ${node}`);
    return found;
  }

  get nowMs(): number {
    return this.events.nowMs;
  }

  #start(node: number, image: Image): void {
    const partitionOf = (key: Key): number => accountAt(key) % this.#partitions;
    const disk = new Disk({
      node,
      image,
      fsync: (done) => {
        // Already as it begins it writes something down.
        const now = this.#nodes.get(node);
        if (now?.isStuck === true) now.stuck.push(done);
        else this.events.after(fsyncMs, done);
      },
      partitionOf,
      addressed: (packed) => decodeValue(packed).to,
      closedOf: (key) => replicaOf()?.horizon.closedOf(partitionOf(key)) ?? noVersion,
    });
    // As it begins it writes something down already.
    let made: Replica | null = null;
    const replicaOf = (): Replica | null => made;
    const replica = new Replica({
      self: identityOf(node, image),
      store: disk,
      clock: { monoMs: () => this.nowMs, wallMs: () => this.wallMs(node) },
      ring: this.ring,
      epoch: 1,
      send: (to, message) => this.#send(node, to, message),
      isWritable: () => true,
      partitionOf,
      mayServe: () => !here.isIdle,
      isBusy: (partition) => here.busy.has(partition),
      chance: () => here.chance,
      closedEveryMs: 100,
      // What a comparison would mend is not to be mended.
      digestEveryMs: Number.MAX_SAFE_INTEGER,
      events: {
        serving() {},
        arrived: (from, lane, entries) => {
          for (const { key } of entries) here.arrived.push({ from, lane, key });
        },
        stored() {},
        horizonMoved() {},
        wanted() {},
        scanned() {},
        epochOf() {},
        repaired() {},
        missed() {},
        ahead() {},
      },
    });
    made = replica;
    const here: TestReplica = {
      node,
      image,
      disk,
      replica,
      arrived: [],
      wallOffsetMs: 0,
      chance: 0,
      busy: new Set(),
      isIdle: false,
      isStuck: false,
      stuck: [],
    };
    this.#nodes.set(node, here);
    this.#tick(here);
  }

  /** Another process on the same disk, linked to nobody. What the first one had not on its disk by then is not waited for. */
  restart(node: number): void {
    this.away(node);
    this.#start(node, this.of(node).image);
  }

  /** And on a new disk: it has nothing of what it had. */
  wipe(node: number): void {
    this.away(node);
    this.#start(node, emptyImage(this.of(node).image.incarnation + 1));
  }

  /** By its own clock. */
  wallMs(node: number): number {
    return wallAtStartMs + this.nowMs + (this.#nodes.get(node)?.wallOffsetMs ?? 0);
  }

  #tick(here: TestReplica): void {
    this.events.after(tickMs, () => {
      if (this.of(here.node) !== here) return;
      here.replica.tick();
      this.#tick(here);
    });
  }

  /** A later ring, that everybody knows at once; `next`: it is about to change to these. */
  changeRing(epoch: number, nodes: readonly number[], next: readonly number[] | null): void {
    this.ring = new Ring(coresOf(nodes), next === null ? null : coresOf(next), this.#partitions);
    for (const { replica } of this.#nodes.values()) replica.adoptRing(this.ring, epoch);
  }

  // Links

  link(one: number, other: number): void {
    this.#links.add(wayOf(one, other));
    this.#links.add(wayOf(other, one));
    this.of(one).replica.linked(identityOf(other, this.of(other).image));
    this.of(other).replica.linked(identityOf(one, this.of(one).image));
  }

  /** Both notice it. */
  unlink(one: number, other: number): void {
    this.loseLink(one, other);
    this.of(one).replica.unlinked(other);
    this.of(other).replica.unlinked(one);
  }

  /** Nobody notices it: both take each other for linked, and nothing arrives. */
  loseLink(one: number, other: number): void {
    this.loseWay(one, other);
    this.loseWay(other, one);
  }

  /** In one direction only. */
  loseWay(from: number, to: number): void {
    this.#links.delete(wayOf(from, to));
  }

  /** As if its machine were switched off. */
  away(node: number): void {
    for (const other of this.#nodes.keys()) if (other !== node) this.unlink(node, other);
  }

  #send(from: number, to: number, message: PeerMessage): void {
    const sent = { from, to, message, atMs: this.nowMs };
    this.sent.push(sent);
    if (!this.loses(sent)) this.deliver(sent);
  }

  /** Messages arrive in the order in which this is called. */
  deliver({ from, to, message }: Sent): void {
    const way = wayOf(from, to);
    this.events.after(this.messageMs, () => {
      if (this.#links.has(way)) this.of(to).replica.receive(from, message);
    });
  }

  /** All that was sent, of one kind. */
  all<K extends PeerMessage['kind']>(kind: K): (Sent & { message: Extract<PeerMessage, { kind: K }> })[] {
    return this.sent.flatMap((sent) => (isOf(sent, kind) ? [sent] : []));
  }

  // Time

  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.events.step(untilMs));
  }

  /** The node listens to all of these partitions, and has everybody's word for it. */
  listening(node: number, ...partitions: number[]): TestReplica {
    const listener = this.of(node);
    const list = listener.replica.want(partitions, []);
    this.until(() => listener.replica.wantedThrough() >= list);
    return listener;
  }

  /** Until something is so: a minute at most, of virtual time. */
  until(condition: () => boolean, what = 'what was waited for'): void {
    const endMs = this.nowMs + 60_000;
    while (!condition()) {
      if (!this.events.step(endMs)) throw new Error(`${what} did not happen`);
    }
  }

  /** What waited for a disk that was stuck gets there. */
  unstick(node: number): void {
    const here = this.of(node);
    here.isStuck = false;
    for (const done of here.stuck.splice(0)) this.events.after(fsyncMs, done);
  }

  // Partitions

  serverOf(partition: number): number | null {
    const found = [...this.#nodes.values()].find(({ replica }) => replica.server.isOpen(partition));
    return found?.node ?? null;
  }

  /** Until each partition is served by the first of its owners. */
  ready(): void {
    this.until(() => {
      for (let partition = 0; partition < this.#partitions; partition++)
        if (this.serverOf(partition) !== this.ring.placement(partition).owners[0]) return false;
      return true;
    }, 'that each partition is served by the first of its owners');
  }

  /** A partition with these owners, in this order. */
  partitionOwnedBy(...owners: number[]): number {
    for (let partition = 0; partition < this.#partitions; partition++) {
      const all = this.ring.placement(partition).owners;
      if (owners.every((node, place) => all[place] === node)) return partition;
    }
    throw new Error(`no partition has the owners ${owners.join(', ')}`);
  }

  /** A post of the account whose number is that of the partition, where it is served or not; on the disk some time later. */
  write(node: number, partition: number, number: number, addressed: readonly number[] = []): Key {
    const { disk, replica } = this.of(node);
    const key = postOf(partition, number);
    const packed = encodeValue({ by: String(node), to: [...addressed] });
    disk.submit(this.wallMs(node), [{ key, packed, to: addressed }], ([written]) => {
      if (written !== undefined) replica.wrote([{ ...written, partition }]);
    });
    return key;
  }

  /** And waits until enough owners have it. */
  post(node: number, partition: number, number: number, addressed: readonly number[] = []): Key {
    const key = this.write(node, partition, number, addressed);
    const { disk, replica } = this.of(node);
    let isStored = false;
    replica.stored.when('own', disk.head('own') + disk.inFlight, partition, () => {
      isStored = true;
    });
    this.until(() => isStored, 'that enough owners have a post');
    return key;
  }

  /** The version of a post, as this node has it; null: it has not. */
  versionAt(node: number, key: Key): Version | null {
    return this.of(node).disk.fact(key)?.version ?? null;
  }
}

export function postOf(partition: number, number: number): Key {
  return keyOf(partition as AccountId, 's', String(number).padStart(6, '0'));
}

/** Of what arrived, each only as it came first. */
export function firstArrivals(here: TestReplica): Key[] {
  return [...new Set(here.arrived.map(({ key }) => key))];
}

/** Keys that stand in a log of a node's own, or in copies of another's. */
export function keysIn(disk: Disk, origin: number, incarnation: number): Key[] {
  const piece = disk.read(origin, incarnation, disk.trimmedUpTo(origin, incarnation), 100_000);
  return (piece?.entries ?? []).map(({ key }: Copy) => key);
}

function identityOf(node: number, { incarnation }: Image): PeerIdentity {
  return { node, boot: `boot-${node}`, incarnation };
}

function coresOf(nodes: readonly number[]): RingCore[] {
  return nodes.map((node) => ({ node, machine: `m${node}`, weight: 1 }));
}

function wayOf(from: number, to: number): string {
  return `${from} ${to}`;
}

function isOf<K extends PeerMessage['kind']>(
  sent: Sent,
  kind: K,
): sent is Sent & { message: Extract<PeerMessage, { kind: K }> } {
  return sent.message.kind === kind;
}
