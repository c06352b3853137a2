// What a claim asks of others while links are replaced: it is asked again by the next one, and answered once.
import { expect, test } from 'vitest';
import type { Copy, PeerMessage, Reach, Term } from '../../cluster/peer-messages.ts';
import { Backing } from '../../cluster/replica-backing.ts';
import type { Claim, Granted } from '../../cluster/replica-claim.ts';
import { Claims, type ClaimsOptions } from '../../cluster/replica-claims.ts';
import { Gathering, type GatheringOptions } from '../../cluster/replica-gathering.ts';
import type { Key } from '../../runtime/key.ts';
import { makeVersion } from '../../runtime/version.ts';

const partition = 7;
const self = 1;
const peer = 2;
const third = 3;

interface Stage {
  gathering: Gathering;
  claim: Claim;
  sent: [number, PeerMessage][];
  gathered(): number;
}

function entryOf(seq: number): Copy {
  const version = makeVersion(1000 + seq, 0, third);
  return { seq, version, key: `k${seq}` as Key, packed: new Uint8Array([1]), live: true, to: [] };
}

/** The peer's answer, with its own log up to 10; and of the third one's log this node has what the peer lacks. `from`: see `Reach`. */
function parts(from: number): { answer: Granted; intake: unknown; store: unknown } {
  const store = {
    clock: makeVersion(1, 0, self),
    adopt: (_adoption: unknown, done: () => void) => done(),
    trimmedUpTo: () => 0,
    read: (origin: number, _incarnation: number, after: number) =>
      origin === third && after < 5 ? { entries: [entryOf(5)], upTo: 5 } : { entries: [], upTo: after },
  };
  const have: Reach = { origin: third, incarnation: 1, seq: 5, from: 0 };
  const intake = {
    have: () => [have],
    originsOf: () => [],
    seqOf: (_lane: string, origin: number) => (origin === third ? 5 : 0),
  };
  const answer: Granted = {
    kind: 'granted',
    id: 1,
    granted: [partition],
    refused: [],
    held: [partition],
    have: [{ origin: peer, incarnation: 1, seq: 10, from }],
    clock: makeVersion(1, 0, peer),
  };
  return { answer, intake, store };
}

function stage(from = 0): Stage {
  const sent: [number, PeerMessage][] = [];
  let gathered = 0;
  const { answer, intake, store } = parts(from);
  const gathering = new Gathering({
    self,
    store,
    intake,
    send: (node: number, message: PeerMessage) => sent.push([node, message]),
    partitionOf: () => partition,
    arrived: () => {},
    relayed: () => {},
    isOpen: () => true,
    gathered: () => gathered++,
    failed: () => {},
  } as unknown as GatheringOptions);
  const claim: Claim = {
    id: 1,
    phase: 'gathering',
    atMs: 0,
    patience: 1,
    terms: new Map([[partition, 4]]),
    isSelfGranted: true,
    isAsked: true,
    answers: new Map([[peer, answer]]),
    open: new Set(),
    aloneMs: null,
  };
  gathering.begin(claim);
  return { gathering, claim, sent, gathered: () => gathered };
}

function idOf(sent: readonly [number, PeerMessage][], kind: 'pull' | 'give' | 'scan'): number {
  const found = sent.find(([, message]) => message.kind === kind)?.[1];
  if (found?.kind !== kind) throw new Error(`no ${kind} was sent`);
  return found.id;
}

const kinds = (sent: readonly [number, PeerMessage][]): string[] => sent.map(([, { kind }]) => kind).sort();

test('what a link took away with it is asked by the next one', () => {
  const { gathering, claim, sent } = stage();
  expect(kinds(sent)).toEqual(['give', 'pull']);
  const first = [...sent];
  sent.length = 0;
  gathering.linked(third);
  expect(sent).toEqual([]);
  gathering.linked(peer);
  expect(sent).toEqual(first);
  expect([...new Set(gathering.waitsFor(claim))]).toEqual([peer]);
});

test('so is a scan', () => {
  const { gathering, claim, sent, gathered } = stage(3);
  const first = sent.filter(([, { kind }]) => kind === 'scan');
  expect(first).toHaveLength(1);
  gathering.given(idOf(sent, 'give'));
  sent.length = 0;
  gathering.linked(peer);
  expect(sent).toEqual(first);
  const message = { kind: 'scanned', id: idOf(sent, 'scan'), facts: [], next: null, terms: [] } as const;
  gathering.scanned(peer, message as unknown as Extract<PeerMessage, { kind: 'scanned' }>, () => {});
  expect(gathered()).toBe(2);
  sent.length = 0;
  gathering.linked(peer);
  expect(sent).toEqual([]);
  expect([...gathering.waitsFor(claim)]).toEqual([]);
});

test('what was answered is not asked again, and a second answer is nobody’s', () => {
  const { gathering, claim, sent, gathered } = stage();
  const pulled: Extract<PeerMessage, { kind: 'pulled' }> = {
    kind: 'pulled',
    id: idOf(sent, 'pull'),
    entries: [],
    upTo: 10,
    isLast: true,
    trimmedUpTo: 0,
    lives: [],
  };
  const given = idOf(sent, 'give');
  sent.length = 0;
  expect(gathering.pulled(pulled)).toBe(true);
  expect(gathering.pulled(pulled)).toBe(false);
  gathering.given(given);
  gathering.given(given);
  expect(gathered()).toBe(2);
  expect(claim.open.size).toBe(0);
  gathering.linked(peer);
  expect(sent).toEqual([]);
});

test('a claim that has come to nothing asks nobody', () => {
  const { gathering, claim, sent } = stage();
  sent.length = 0;
  gathering.stop(claim);
  gathering.linked(peer);
  expect(sent).toEqual([]);
  expect([...gathering.waitsFor(claim)]).toEqual([]);
});

/** A claim of the partition that the peer has granted and is asked for what it has. */
function claiming(): {
  claims: Claims;
  clock: { ms: number };
  links: Set<number>;
  failed: number[];
  sent: [number, PeerMessage][];
} {
  const clock = { ms: 0 };
  const links = new Set([peer]);
  const failed: number[] = [];
  const sent: [number, PeerMessage][] = [];
  const { answer, intake, store } = parts(0);
  const claims = new Claims({
    self: { node: self, boot: 'a', incarnation: 1 },
    store,
    clock: { monoMs: () => clock.ms, wallMs: () => clock.ms },
    ring: () => ({ placement: () => ({ owners: [self, peer, third], next: null }) }),
    leases: { isLinked: (node: number) => links.has(node), isAhead: () => false },
    grants: {
      consider: (_by: unknown, terms: readonly Term[], done: (granted: number[]) => void) =>
        done(terms.map((term) => term.partition)),
    },
    backing: new Backing(),
    intake,
    send: (node: number, message: PeerMessage) => sent.push([node, message]),
    partitionOf: () => partition,
    chance: () => 0,
    relayed: () => {},
    arrived: () => {},
    failed: (terms: readonly Term[]) => failed.push(...terms.map((term) => term.partition)),
    serve: () => true,
    served: () => {},
  } as unknown as ClaimsOptions);
  claims.begin(new Map([[partition, 4]]), 0);
  claims.granted(peer, answer);
  return { claims, clock, links, failed, sent };
}

test('a claim whose question stays unanswered because the link is gone comes to nothing soon, and another can be made', () => {
  const { claims, clock, links, failed } = claiming();
  claims.tick();
  clock.ms += 400;
  claims.tick();
  links.delete(peer);
  claims.tick();
  expect(claims.has(partition)).toBe(true);
  clock.ms += 400;
  claims.tick();
  expect(claims.has(partition)).toBe(false);
  expect(failed).toEqual([partition]);
});

test('one whose link is replaced goes on', () => {
  const { claims, clock, links, failed } = claiming();
  links.delete(peer);
  claims.tick();
  clock.ms += 200;
  links.add(peer);
  claims.tick();
  links.delete(peer);
  clock.ms += 200;
  claims.tick();
  expect(claims.has(partition)).toBe(true);
  expect(failed).toEqual([]);
});

test('a claim asks the next link what it has yet to gather', () => {
  const { claims, sent } = claiming();
  const asked = sent.filter(([, { kind }]) => kind !== 'claim');
  expect(kinds(asked)).toEqual(['give', 'pull']);
  sent.length = 0;
  claims.linked(peer);
  expect(sent).toEqual(asked);
});
