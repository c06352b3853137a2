// The checkers of the simulation: what clients were told, held against what is there. Each says a violation in one sentence.
import type { Ring } from '../../cluster/ring.ts';
import { accountAt, type Key } from '../../runtime/key.ts';
import { noVersion, printCursor, type Version, versionMs } from '../../runtime/version.ts';
import { Order } from './order.ts';
import type { Random } from './random.ts';
import { authorOf, type Facts, isPost, type SimSession, type Value } from './requests.ts';
import type { Process } from './sim-process.ts';
import type { World } from './world.ts';

interface Acknowledged {
  version: Version;
  removed: boolean;
}

/** What was known when a request began: all that was learned before this moment. */
export interface Begun {
  moment: number;
  atMs: number;
}

/** That a key has at least this version, and when somebody was told so. Later ones are higher. */
interface Floor {
  moment: number;
  version: Version;
}

interface Followed {
  received: Set<string>;
  /** Acknowledged posts of the followees that were neither received nor replaced when that was last looked at. */
  open: { key: Key; version: Version }[];
  cursor: Version;
}

/** What is there when nothing happens any more. */
export interface End {
  ring: Ring;
  nodes: ReadonlyMap<number, Process>;
  sessions: readonly SimSession[];
  /** By a clock that is right. */
  wallMs: number;
}

const mostViolations = 20;
/** So far behind the clock a watermark may be in the end: answers that were lost are asked for again after 4 s. */
const mostBehindMs = 5000;
const mostTermsInPeace = 6;
/** Above all that is ever given. */
const lastVersion = '\u00ff'.repeat(12) as Version;

export class Checks {
  readonly violations: string[] = [];
  readonly #world: World;
  readonly #partitions: number;
  /** By account and key: the highest version that anybody was told of, by an acknowledgement, a read or the committed lane. */
  readonly #floors = new Map<number, Map<Key, Floor[]>>();
  #moment = 0;
  /** Posts that a read has shown. */
  readonly #found = new Set<string>();
  readonly #acknowledged = new Map<Key, Acknowledged[]>();
  readonly #owners = new Map<Key, string>();
  readonly #holders = new Map<string, number>();
  /** By partition: the terms under which it was served since there is peace. */
  readonly #peaceful = new Map<number, Set<number>>();
  readonly #sessions = new Map<SimSession, Followed>();
  readonly #order = new Order();

  constructor(world: World, partitions: number) {
    this.#world = world;
    this.#partitions = partitions;
  }

  #violated(text: string): void {
    if (this.violations.length >= mostViolations) return;
    this.violations.push(text);
    this.#world.note(`VIOLATED: ${text}`);
  }

  // Requests

  /** A request begins: what is known by now it must respect. */
  begin(): Begun {
    return { moment: this.#moment, atMs: this.#world.nowMs };
  }

  #raise(key: Key, version: Version): void {
    const account = accountAt(key);
    const ofAccount = this.#floors.get(account) ?? new Map<Key, Floor[]>();
    this.#floors.set(account, ofAccount);
    const floors = ofAccount.get(key) ?? [];
    ofAccount.set(key, floors);
    if ((floors.at(-1)?.version ?? noVersion) < version) floors.push({ moment: ++this.#moment, version });
  }

  /** A write without an answer may be there or not, now or later: nothing follows from it, and nothing is said of it here. */
  written(key: Key, version: Version, begun: Begun, value: Value | null): void {
    const before = knownAt(this.#floors.get(accountAt(key))?.get(key) ?? [], begun);
    if (before !== null && before >= version)
      this.#violated(
        `durable: a write of ${show(key)} that began after ${cursor(before)} was known got ${cursor(version)}`,
      );
    this.#raise(key, version);
    const all = this.#acknowledged.get(key) ?? [];
    all.push({ version, removed: value === null });
    this.#acknowledged.set(key, all);
    if (!isPost(key)) return;
    if (value !== null)
      this.#order.acknowledged({ key, version, beganMs: begun.atMs, acknowledgedMs: this.#world.nowMs });
    for (const [{ followees }, { open }] of this.#sessions)
      if (followees.includes(authorOf(key))) open.push({ key, version });
  }

  /** The committed lane has brought it to some node: enough owners have it, so it is there from then on. */
  committed(key: Key, version: Version): void {
    this.#raise(key, version);
  }

  trimmed(): void {
    this.#order.isTrimmed = true;
  }

  /** A claim was acknowledged: nobody else may be told the same. */
  claimed(key: Key, by: string): void {
    const owner = this.#owners.get(key);
    if (owner !== undefined && owner !== by)
      this.#violated(`unique: ${show(key)} was given to ${owner} and to ${by}`);
    this.#owners.set(key, by);
  }

  /** A read was answered: with nothing older than what was known when it began. */
  read(account: number, facts: Facts, begun: Begun): void {
    for (const [key, floors] of this.#floors.get(account) ?? []) {
      const floor = knownAt(floors, begun);
      if (floor === null) continue;
      const found = facts.get(key);
      if (found === undefined || found.version < floor) {
        this.#violated(
          `monotonic: ${cursor(floor)} of ${show(key)} was known before a read that gave ${found === undefined ? 'nothing' : cursor(found.version)}`,
        );
      }
    }
    for (const [key, { version, isThere }] of facts) {
      this.#raise(key, version);
      if (isPost(key) && isThere) this.#shown(key, version);
    }
  }

  /** Whoever asked for it and had no answer asks again, and has one by now: it counts as acknowledged. */
  #shown(key: Key, version: Version): void {
    const name = `${key} ${version}`;
    if (this.#found.has(name)) return;
    this.#found.add(name);
    if (this.#acknowledged.get(key)?.some((one) => one.version === version) === true) return;
    for (const [{ followees }, { open, received }] of this.#sessions)
      if (followees.includes(authorOf(key)) && !received.has(name)) open.push({ key, version });
  }

  /** Whoever serves a partition could be asked at this moment for anything in it: as if it was. */
  served(partition: number, { node, fact }: { node: number; fact(key: Key): Version | undefined }): void {
    for (const [account, ofAccount] of this.#floors) {
      if (account % this.#partitions !== partition) continue;
      for (const [key, floors] of ofAccount) {
        const floor = floors.at(-1)?.version ?? noVersion;
        const found = fact(key);
        if (found === undefined || found < floor)
          this.#violated(
            `monotonic: ${cursor(floor)} of ${show(key)} is known, and node ${node}, which serves it, has ${found === undefined ? 'nothing' : cursor(found)}`,
          );
      }
    }
  }

  /** One that was acknowledged, to be deleted. */
  somePost(random: Random): { key: Key; account: number } | null {
    const keys = [...this.#acknowledged.keys()].filter(isPost);
    if (keys.length === 0) return null;
    const key = random.pick(keys);
    return { key, account: authorOf(key) };
  }

  // Servers

  /** Who would answer for it at this moment: one at most, and each term is of one node for ever. */
  live(partition: number, live: readonly { node: number; term: number }[]): void {
    if (live.length > 1) {
      const who = live.map(({ node, term }) => `${node} (term ${term})`).join(' and ');
      this.#violated(`one server: partition ${partition} is served by ${who}`);
    }
    for (const { node, term } of live) {
      const name = `${partition} ${term}`;
      const holder = this.#holders.get(name);
      if (holder !== undefined && holder !== node)
        this.#violated(
          `one server: term ${term} of partition ${partition} was served by ${holder} and ${node}`,
        );
      this.#holders.set(name, node);
      this.#peaceful.get(partition)?.add(term);
    }
  }

  /** Nothing goes wrong any more: whoever serves goes on doing so, but for a few changes until all is in order. */
  peace(): void {
    for (let partition = 0; partition < this.#partitions; partition++)
      this.#peaceful.set(partition, new Set());
  }

  // Sessions

  /** From now on it is to be given all that its followees write. */
  session(session: SimSession): void {
    this.#sessions.set(session, { received: new Set(), open: [], cursor: noVersion });
  }

  pushed(
    session: SimSession,
    entry: { key: Key; version: Version; removed: boolean } | null,
    at: Version,
  ): void {
    const followed = this.#sessions.get(session);
    if (followed === undefined) return;
    if (entry !== null) {
      const name = `${entry.key} ${entry.version}`;
      if (!followed.received.has(name)) this.#order.shown(session, entry, followed.cursor);
      followed.received.add(name);
    }
    if (at < followed.cursor) this.#violated(`live: the cursor of session ${session.id} went back`);
    if (at === followed.cursor) return;
    followed.cursor = at;
    // A cursor says: all up to here was given.
    this.#complete(session, followed);
  }

  #complete(session: SimSession, followed: Followed): void {
    const { open, cursor: upTo } = followed;
    const lacking = this.#lacking(followed, upTo);
    followed.open = open.filter(({ version }) => version > upTo);
    for (const { key, version } of lacking)
      this.#violated(
        `complete: session ${session.id} has the cursor ${cursor(upTo)}, but not ${show(key)} of ${cursor(version)}`,
      );
  }

  /** What it should have been given up to there. */
  #lacking({ open, received }: Followed, upTo: Version): { key: Key; version: Version }[] {
    return open.filter(
      ({ key, version }) =>
        version <= upTo && !received.has(`${key} ${version}`) && !this.#isReplaced(key, version, received),
    );
  }

  /** It has a later one of the same key: a deleted post need not be shown before it is gone. */
  #isReplaced(key: Key, version: Version, received: ReadonlySet<string>): boolean {
    for (const one of received) {
      if (
        one.length === key.length + 1 + version.length &&
        one.startsWith(`${key} `) &&
        one.slice(key.length + 1) > version
      )
        return true;
    }
    return false;
  }

  // The end

  /** All is quiet and whole again: everybody has what they should have. */
  finish(end: End): void {
    for (const text of this.#unfinished(end)) this.#violated(text);
  }

  /** As if this were the end already: is everything as it should be then? */
  isFinished(end: End): boolean {
    return this.#unfinished(end).next().done === true;
  }

  *#unfinished({ ring, nodes, sessions, wallMs }: End): Generator<string> {
    for (let partition = 0; partition < this.#partitions; partition++) {
      const { owners } = ring.placement(partition);
      const served = owners.filter((node) => nodes.get(node)?.replica.server.term(partition) !== null);
      if (served.length !== 1)
        yield `available: partition ${partition} has ${served.length} servers in the end`;
      const terms = this.#peaceful.get(partition)?.size ?? 0;
      if (terms > mostTermsInPeace)
        yield `steady: partition ${partition} was served under ${terms} terms although nothing went wrong`;
      yield* unequal(partition, owners, nodes);
    }
    for (const node of ring.nodes()) {
      // It has no need of one.
      if (ring.isAlone(node)) continue;
      const watermark = nodes.get(node)?.replica.horizon.watermark();
      if (watermark !== undefined && versionMs(watermark) < wallMs - mostBehindMs)
        yield `current: node ${node} has taken in everything up to ${cursor(watermark)} in the end, ${wallMs - versionMs(watermark)} ms ago`;
    }
    for (const [key, all] of this.#acknowledged) yield* this.#lost(key, all, ring, nodes);
    yield* this.#unaddressed(ring, nodes);
    for (const { session, late, after } of this.#order.violations())
      yield `order: session ${session.id} was given ${show(late)} after ${show(after)}, which is later`;
    for (const session of sessions) {
      const followed = this.#sessions.get(session);
      if (followed === undefined) continue;
      if (!session.isLive) yield `live: session ${session.id} is not attached in the end`;
      for (const { key, version } of this.#lacking(followed, lastVersion))
        yield `complete: session ${session.id} has not got ${show(key)} of ${cursor(version)} in the end`;
    }
  }

  *#lost(
    key: Key,
    all: readonly Acknowledged[],
    ring: Ring,
    nodes: ReadonlyMap<number, Process>,
  ): Generator<string> {
    const partition = accountAt(key) % this.#partitions;
    let highest: Acknowledged | null = null;
    for (const one of all) if (highest === null || one.version > highest.version) highest = one;
    if (highest === null) return;
    const wasRemoved = all.some(({ removed }) => removed);
    for (const node of ring.placement(partition).owners) {
      const fact = nodes.get(node)?.disk.fact(key);
      if (fact === undefined || fact.version < highest.version) {
        yield `durable: ${show(key)} of ${cursor(highest.version)} was acknowledged and is not on node ${node}`;
      } else if (isPost(key) && wasRemoved && fact.packed !== null) {
        yield `delete: ${show(key)} was deleted and is there again on node ${node}`;
      }
    }
  }

  /** What is addressed to a partition is with its owners. */
  *#unaddressed(ring: Ring, nodes: ReadonlyMap<number, Process>): Generator<string> {
    for (const [, { disk }] of nodes) {
      for (const [key, { version, to, packed }] of disk.facts()) {
        const home = accountAt(key) % this.#partitions;
        const isHome = ring.placement(home).owners.some((node) => nodes.get(node)?.disk === disk);
        if (!isHome) continue;
        for (const partition of to) {
          for (const owner of ring.placement(partition).owners) {
            const known = nodes.get(owner)?.disk.fact(key);
            // A newcomer need not hear of what was gone before it came.
            const isGone = packed === null && (known === undefined || known.packed === null);
            if (!isGone && (known === undefined || known.version < version)) {
              yield `addressed: ${show(key)} of ${cursor(version)} is addressed to partition ${partition} and not on node ${owner}`;
            }
          }
        }
      }
    }
  }
}

function* unequal(
  partition: number,
  owners: readonly number[],
  nodes: ReadonlyMap<number, Process>,
): Generator<string> {
  const digests = owners.map((node) => {
    const digest = nodes.get(node)?.disk.digest(partition);
    return `${digest?.count}/${digest?.sum}`;
  });
  if (digests.some((digest) => digest !== digests[0]))
    yield `converge: owners ${owners.join(' ')} of partition ${partition} have ${digests.join(' ')}`;
}

/** The highest that was known when the request began. */
function knownAt(floors: readonly Floor[], { moment }: Begun): Version | null {
  return floors.findLast((floor) => floor.moment <= moment)?.version ?? null;
}

function show(key: Key): string {
  return `${accountAt(key)}/${key.slice(7)}`;
}

function cursor(version: Version): string {
  return printCursor(version).slice(4, 16);
}
