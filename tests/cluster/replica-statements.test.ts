// What a core says of the end of its log, and what it spares itself saying.
import { expect, test } from 'vitest';
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import { Statements, type StatementsOptions } from '../../cluster/replica-statements.ts';
import { hybridClock } from '../../runtime/clock.ts';
import { makeVersion, noVersion, type Version, versionMs } from '../../runtime/version.ts';

const peer = 2;

function statementsOf({ isAlone = false } = {}) {
  const clock = hybridClock(1, noVersion);
  const time = { monoMs: 0, wallMs: 5_000, isTelling: false };
  const serving = { version: 1 };
  const kept = { ceiling: makeVersion(1_000_000, 0, 0) };
  const sent: Extract<PeerMessage, { kind: 'closed' }>[] = [];
  const options = {
    self: 1,
    store: {
      get clock(): Version {
        return clock.last();
      },
      observe: (version: Version) => clock.observe(version),
      inFlight: 0,
      incarnation: 7,
      head: () => 0,
    },
    clock: { monoMs: () => time.monoMs, wallMs: () => time.wallMs },
    stored: {
      version: makeVersion(100, 0, 1),
      isWaiting: false,
      upTo: { own: 3, relay: 0 },
      atStart: { own: 0, relay: 0 },
      wholeUpTo: { own: 3, relay: 0 },
      relayUpTo: 0,
    },
    feeds: { committed: () => [peer] },
    intake: {},
    horizon: { take: () => {} },
    serving,
    send: (_to: number, message: PeerMessage) => {
      if (message.kind === 'closed') sent.push(message);
    },
    terms: () => [{ partition: 4, term: 9 }],
    everyMs: 500,
    isAlone: () => isAlone,
    isTelling: () => time.isTelling,
    kept,
    moved: () => {},
  };
  return { statements: new Statements(options as unknown as StatementsOptions), time, serving, kept, sent };
}

test('terms are said when they are others, and now and then; in between it is enough to say that they are the same', () => {
  const { statements, time, serving, sent } = statementsOf();
  const says = (): boolean => {
    statements.say();
    return sent.at(-1)?.terms !== null;
  };
  expect(says()).toBe(true);
  time.monoMs = 500;
  expect(says()).toBe(false);
  serving.version++;
  expect(says()).toBe(true);
  time.monoMs = 1_000;
  expect(says()).toBe(false);
  // A message may have been lost.
  time.monoMs = 2_600;
  expect(says()).toBe(true);
  // A new link has heard nothing.
  time.monoMs = 2_700;
  statements.forget(peer);
  expect(says()).toBe(true);
});

test('nothing is closed above the ceiling on the disk', () => {
  const { statements, time, kept, sent } = statementsOf();
  kept.ceiling = makeVersion(6_000, 0, 0);
  time.wallMs = 9_000;
  statements.say();
  expect(sent.at(-1)?.closed).toBe(kept.ceiling);
  kept.ceiling = makeVersion(20_000, 0, 0);
  statements.say();
  expect(versionMs(sent.at(-1)?.closed ?? noVersion)).toBe(9_000);
});

test('nothing more is closed while something that others are to have is on its way into the relay', () => {
  const { statements, time, sent } = statementsOf();
  statements.say();
  time.wallMs = 9_000;
  time.isTelling = true;
  statements.say();
  expect(versionMs(sent.at(-1)?.closed ?? noVersion)).toBe(5_000);
  time.isTelling = false;
  statements.say();
  expect(versionMs(sent.at(-1)?.closed ?? noVersion)).toBe(9_000);
});

test('a core that is alone closes what is stored, and not what its wall shows', () => {
  const { statements, sent } = statementsOf({ isAlone: true });
  statements.say();
  expect(sent.at(-1)?.closed).toBe(makeVersion(100, 0, 1));
});
