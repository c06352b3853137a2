// Copies of the others' logs, asked of a new server: when its word is believed.
import { expect, test } from 'vitest';
import { type PeerMessage, relayOf } from '../../cluster/peer-messages.ts';
import { Copies } from '../../cluster/replica-copies.ts';
import { Ring } from '../../cluster/ring.ts';

const self = 1;
const server = 2;
const away = 3;
const partition = 2;

type Pull = Extract<PeerMessage, { kind: 'pull' }>;

/** A core of three that listens to a server; the third is away. */
function listening() {
  const cores = [self, server, away].map((node) => ({ node, machine: `m${node}`, weight: 1 }));
  const ring = new Ring(cores, null, 8);
  const pulls: Pull[] = [];
  let nowMs = 0;
  const copies = new Copies({
    self,
    store: { adopt: (_, done) => done() },
    clock: { monoMs: () => nowMs, wallMs: () => nowMs },
    ring: () => ring,
    leases: { isLinked: (node) => node === server },
    horizon: { says: () => false },
    intake: { seqOf: () => 0, originsOf: () => [] },
    send: (_, message) => {
      if (message.kind === 'pull') pulls.push(message);
    },
    partitionOf: () => partition,
    arrived() {},
    missed() {},
  });
  copies.linked(server);
  return {
    copies,
    /** What was asked since this was called last. */
    asked: (): Pull[] => pulls.splice(0),
    ask: (version: number): void => copies.ask(server, { version, terms: [{ partition, term: version }] }),
    answer: (pull: Pull | undefined, lives: number[] = []): void => {
      if (pull === undefined) throw new Error('nothing was asked');
      const { id } = pull;
      copies.pulled(server, {
        kind: 'pulled',
        id,
        entries: [],
        upTo: 0,
        isLast: true,
        trimmedUpTo: 0,
        lives,
      });
    },
    isBelieved: (version: number): boolean =>
      copies.mayFollow({ partition, former: null, next: server, version }),
    pass: (ms: number): void => {
      nowMs += ms;
      copies.tick();
    },
  };
}

test('a new server is believed when it has answered for both logs of who is away, in each of their lives', () => {
  const { ask, asked, answer, isBelieved } = listening();
  ask(1);
  const [own, relay] = asked();
  expect([own?.origin, relay?.origin]).toEqual([away, relayOf(away)]);
  answer(own, [77]);
  const [life] = asked();
  expect(life?.incarnation).toBe(77);
  answer(relay);
  expect(isBelieved(1)).toBe(false);
  answer(life);
  expect(isBelieved(1)).toBe(true);
  expect(isBelieved(2)).toBe(false);
});

test('it is believed for what it serves by now, although an answer to what it served before comes last', () => {
  const { ask, asked, answer, isBelieved } = listening();
  ask(1);
  const former = asked();
  ask(2);
  const latter = asked();
  for (const pull of latter) answer(pull);
  expect(isBelieved(2)).toBe(false);
  for (const pull of former) answer(pull);
  expect(isBelieved(2)).toBe(true);
});

test('an answer that was lost is asked for once more, and what it belongs to is over when it has come', () => {
  const { ask, asked, answer, isBelieved, pass } = listening();
  ask(1);
  const [lost, other] = asked();
  answer(other);
  ask(2);
  for (const pull of asked()) answer(pull);
  pass(3999);
  expect(asked()).toEqual([]);
  pass(1);
  const [again] = asked();
  answer(lost);
  expect(isBelieved(2)).toBe(false);
  answer(again);
  expect(isBelieved(2)).toBe(true);
});
