// What a core sends of its logs: to whom it is wanted, and in what order.
import { expect, test } from 'vitest';
import { bitsOf } from '../../cluster/partition-set.ts';
import { type Copy, type PeerMessage, relayOf } from '../../cluster/peer-messages.ts';
import { Feeds } from '../../cluster/replica-feeds.ts';
import { Interest } from '../../cluster/replica-interest.ts';
import { type AccountId, firstAccountOf } from '../../runtime/account-id.ts';
import { keyOf, partitionOfKey } from '../../runtime/key.ts';
import { makeVersion } from '../../runtime/version.ts';

const self = 1;
const follower = 2;
const incarnation = 7;
const author = firstAccountOf(900);

/** Logs in memory, all of which enough owners have. */
function feedsOf() {
  const logs = new Map<number, Copy[]>([
    [self, []],
    [relayOf(self), []],
  ]);
  const sent: Extract<PeerMessage, { kind: 'entries' }>[] = [];
  const trimmed: Extract<PeerMessage, { kind: 'trimmed' }>[] = [];
  const logOf = (log: 'own' | 'relay'): Copy[] => logs.get(log === 'own' ? self : relayOf(self)) ?? [];
  const upTo = {
    get own() {
      return logOf('own').length;
    },
    get relay() {
      return logOf('relay').length;
    },
  };
  const options = {
    self,
    store: {
      incarnation,
      head: (log: 'own' | 'relay') => logOf(log).length,
      resume: (_log: string, reached: readonly { seq: number }[]) =>
        reached.length === 0 ? null : (reached.at(-1)?.seq ?? 0),
      trimmedUpTo: () => 0,
      read: (origin: number, _incarnation: number, after: number, most: number) => {
        const entries = (logs.get(origin) ?? []).slice(after, after + most);
        return { entries, upTo: after + entries.length };
      },
    },
    stored: {
      upTo,
      isOrphan: () => false,
      firstOrphan: () => Number.POSITIVE_INFINITY,
      forget() {},
      acknowledge() {},
    },
    send: (_to: number, message: PeerMessage) => {
      if (message.kind === 'entries') sent.push(message);
      if (message.kind === 'trimmed') trimmed.push(message);
    },
    isWritable: () => true,
    partitionOf: partitionOfKey,
    epoch: () => 4,
  };
  const feeds = new Feeds(options as unknown as ConstructorParameters<typeof Feeds>[0]);
  const write = (log: 'own' | 'relay', by: AccountId): string => {
    const entries = logOf(log);
    const seq = entries.length + 1;
    const key = keyOf(by, 's', `${log}${seq}`);
    entries.push({
      seq,
      version: makeVersion(seq, 0, self),
      key,
      packed: new Uint8Array(1),
      live: true,
      to: [],
    });
    return key;
  };
  const keys = (): string[] => sent.splice(0).flatMap(({ entries }) => entries.map(({ key }) => key));
  feeds.linked(follower);
  return { feeds, write, keys, trimmed };
}

/** The committed lane from its beginning, to one who owns nothing. */
function follow(feeds: Feeds, want: number): void {
  const positions = [self, relayOf(self)].map((origin) => ({ origin, incarnation, seq: 0 }));
  const partitions = bitsOf([], 1024);
  feeds.follow(follower, { kind: 'follow', id: 1, lane: 'committed', partitions, positions, want });
}

test('who is wanted is sent while the list of those who are is said again, part by part', () => {
  const { feeds, write, keys } = feedsOf();
  const parts: Extract<PeerMessage, { kind: 'want' }>[] = [];
  let nowMs = 0;
  const interest = new Interest({
    clock: { monoMs: () => nowMs, wallMs: () => 0 },
    send: (_to, message) => {
      if (message.kind === 'want') parts.push(message);
    },
  });
  const strangers = Array.from({ length: 15_000 }, (_, place) => place);
  interest.want([...strangers, author], []);
  interest.linked(follower);
  for (const part of parts) feeds.want(follower, part);
  follow(feeds, interest.sentTo(follower));
  const before = write('own', author);
  feeds.pump();
  expect(keys()).toEqual([before]);
  // What is wanted beside them is lost on the way; nobody confirms it, so all is said again.
  interest.want([15_000], []);
  parts.length = 0;
  nowMs = 60_000;
  interest.tick(follower);
  expect(parts.length).toBeGreaterThan(1);
  const [first, ...others] = parts;
  if (first === undefined) throw new Error('a list in parts');
  feeds.want(follower, first);
  const meanwhile = write('own', author);
  feeds.pump();
  for (const part of others) feeds.want(follower, part);
  const after = write('own', author);
  feeds.pump();
  expect(keys()).toEqual([meanwhile, after]);
});

test('a list that comes once more, behind later changes of it, takes nobody off', () => {
  const { feeds, write, keys } = feedsOf();
  const first: Extract<PeerMessage, { kind: 'want' }> = {
    kind: 'want',
    version: 1_000_000,
    from: 0,
    add: [],
    remove: [],
  };
  feeds.want(follower, first);
  feeds.want(follower, { kind: 'want', version: 2_000_000, from: 1_000_000, add: [author], remove: [] });
  feeds.want(follower, first);
  follow(feeds, 2_000_000);
  const post = write('own', author);
  feeds.pump();
  expect(keys()).toEqual([post]);
});

test('what was found at a takeover is sent before what was written since', () => {
  const { feeds, write, keys } = feedsOf();
  feeds.want(follower, { kind: 'want', version: 1_000_000, from: 0, add: [author], remove: [] });
  const since = write('own', author);
  const found = write('relay', author);
  follow(feeds, 1_000_000);
  feeds.pump();
  expect(keys()).toEqual([found, since]);
});

test('who can not be sent what it lacks is told so, and by which ring that is', () => {
  const { feeds, trimmed } = feedsOf();
  const partitions = bitsOf([], 1024);
  feeds.follow(follower, { kind: 'follow', id: 1, lane: 'replica', partitions, positions: [], want: 0 });
  expect(trimmed).toEqual([{ kind: 'trimmed', follow: 1, lane: 'replica', epoch: 4 }]);
});
