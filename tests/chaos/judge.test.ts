// The judge finds each kind of broken promise in a record, and finds nothing where there is an excuse.
import { describe, expect, test } from 'vitest';
import { judge } from './judge.ts';
import type { Entry } from './record.ts';
import {
  asked,
  deletes,
  finds,
  givesUp,
  harms,
  postOf,
  posts,
  readsAuthor,
  readsHome,
  readsRelation,
  readsStatus,
  record,
  signsUp,
  streams,
  turns,
} from './record-samples.ts';
import { violationText } from './violation.ts';

const first = postOf('ada', 1_000);
const second = postOf('ada', 2_000);
const follow = turns('gina', 'follow', 'ada', { atMs: 0 });

function verdict(...entries: Entry[]): string[] {
  return judge(record(...entries)).map(({ promise, text }) => `${promise}: ${text}`);
}

const page = (target: string, shown: (typeof first)[]) => ({ kind: 'author', target, posts: shown }) as const;
const unclear = { kind: 'none', why: 'ECONNRESET' } as const;
const busy = { kind: 'refused', status: 503, reason: 'No core serves this' } as const;

test('a run in which all goes well has nothing to find', () => {
  const verdicts = verdict(
    follow,
    streams('gina', { kind: 'opening', since: '' }, { atMs: 100 }),
    streams('gina', { kind: 'start' }, { atMs: 110 }),
    posts(first),
    streams('gina', { kind: 'update', shown: first }, { atMs: 1_030 }),
    posts(second),
    streams('gina', { kind: 'update', shown: second }, { atMs: 2_030 }),
    readsHome('gina', [second, first], { atMs: 5_000 }),
    readsAuthor('ada', 'ada', [second, first], { atMs: 5_000 }),
    deletes(first, { atMs: 6_000 }),
    streams('gina', { kind: 'deleted', id: first.id }, { atMs: 6_010 }),
    readsHome('gina', [second], { atMs: 7_000 }),
    readsStatus('gina', first, false, { atMs: 7_000 }),
    signsUp('new', 'won', { atMs: 8_000 }),
    signsUp('new', 'taken', { atMs: 8_000, via: 'b' }),
    finds('ada', 'a', page('ada', [second])),
    finds('ada', 'b', page('ada', [second])),
  );
  expect(verdicts).toEqual([]);
});

describe('durable', () => {
  test('an acknowledged post that a gateway does not have at the end is lost', () => {
    expect(verdict(posts(first), finds('ada', 'b', page('ada', [])))).toEqual([
      expect.stringMatching(/^durable: post ada-1000 .* b does not have it at the end$/),
    ]);
  });

  test('one that nobody was told of may be there or not', () => {
    const lost = asked('ada', { do: 'post', key: 'x' }, unclear, { atMs: 0 });
    const harm = harms('kill', 'begins', ['a'], 0);
    expect(verdict(harm, lost, finds('ada', 'b', page('ada', [])))).toEqual([]);
  });

  test('a follow that was acknowledged last is there at the end, and so is its end', () => {
    const relations = (following: string[]) => ({ kind: 'relations', following, blocking: [] }) as const;
    expect(verdict(follow, finds('gina', 'a', relations([])))).toEqual([
      'durable: gina follows ada, and a says otherwise at the end',
    ]);
    const unfollow = turns('gina', 'unfollow', 'ada', { atMs: 1_000 });
    expect(verdict(follow, unfollow, finds('gina', 'a', relations(['ada'])))).toEqual([
      'durable: gina does not follow ada any more, and a says otherwise at the end',
    ]);
  });

  test('a block that was acknowledged is there at the end', () => {
    const block = turns('gina', 'block', 'ada', { atMs: 0 });
    const relations = { kind: 'relations', following: [], blocking: [] } as const;
    expect(verdict(block, finds('gina', 'a', relations))).toEqual([
      'durable: gina blocks ada, and a says otherwise at the end',
    ]);
  });

  test('what an unclear request may have turned since is not judged', () => {
    const unfollow = asked('gina', { do: 'unfollow', target: 'ada' }, busy, { atMs: 80_000 });
    const relations = { kind: 'relations', following: [], blocking: [] } as const;
    expect(verdict(follow, unfollow, finds('gina', 'a', relations))).toEqual([]);
  });
});

describe('once', () => {
  const other = { ...postOf('ada', 1_500), key: first.key };
  const violation = `once: one key, ada-1000, has made two posts: ${first.id} and ${other.id}`;

  test('a key that has made two posts is found, once', () => {
    const shown = finds('ada', 'a', page('ada', [other, first]));
    expect(verdict(posts(first), shown, { ...shown, via: 'b' })).toContain(violation);
  });

  test('a post that nobody was told of may be seen beside the other for a while, and no longer', () => {
    const seen = (atMs: number) => readsHome('gina', [other, first], { atMs });
    const once = (...entries: Parameters<typeof verdict>) =>
      verdict(...entries).filter((text) => text.startsWith('once'));
    expect(once(posts(first), seen(3_000), readsHome('gina', [first], { atMs: 60_000 }))).toEqual([]);
    expect(once(posts(first), seen(3_000), seen(60_000))).toEqual([violation]);
  });
});

describe('delete', () => {
  const gone = [posts(first), deletes(first, { atMs: 3_000 })];

  test.each([
    ['a home', readsHome('gina', [first], { atMs: 3_100 })],
    ['a page', readsAuthor('gina', 'ada', [first], { atMs: 3_100, via: 'b' })],
    ['a status', readsStatus('gina', first, true, { atMs: 3_100 })],
    ['the end', finds('ada', 'a', page('ada', [first]))],
  ])('%s that is read after the acknowledgement must not show it', (_, read) => {
    expect(verdict(...gone, read)).toEqual([
      expect.stringMatching(/^delete: post ada-1000 .* after its delete was acknowledged$/),
    ]);
  });

  test('a read that began before the acknowledgement may show it', () => {
    expect(verdict(...gone, readsHome('gina', [first], { atMs: 3_010, tookMs: 500 }))).toEqual([]);
  });

  test('a socket that is opened afterwards must not bring it', () => {
    const opening = streams('gina', { kind: 'opening', since: 'c' }, { atMs: 3_100, socket: 2 });
    const update = streams('gina', { kind: 'update', shown: first }, { atMs: 3_200, socket: 2 });
    expect(verdict(...gone, opening, update)).toEqual([expect.stringMatching(/^delete: /)]);
    const early = streams('gina', { kind: 'opening', since: 'c' }, { atMs: 2_900, socket: 2 });
    expect(verdict(...gone, early, update)).toEqual([]);
  });

  test('nor a socket that has brought something that is later than the acknowledgement', () => {
    const later = postOf('bob', 3_500);
    const marker = streams('gina', { kind: 'update', shown: later }, { atMs: 3_600 });
    const update = streams('gina', { kind: 'update', shown: first }, { atMs: 3_700 });
    expect(verdict(...gone, posts(later), marker, update)).toEqual([expect.stringMatching(/^delete: /)]);
  });

  test('who was sent it is told, and is not sent it again', () => {
    const start = streams('gina', { kind: 'start' }, { atMs: 500 });
    const update = streams('gina', { kind: 'update', shown: first }, { atMs: 1_100 });
    expect(verdict(follow, start, update, ...gone)).toEqual([
      'live: gina was sent post ada-1000 and is never told that it is deleted',
    ]);
    const told = streams('gina', { kind: 'deleted', id: first.id }, { atMs: 2_990 });
    const again = streams('gina', { kind: 'update', shown: first }, { atMs: 2_995 });
    expect(verdict(follow, start, update, told, again, ...gone)).toEqual([
      'delete: gina is sent post ada-1000 after its delete',
    ]);
  });

  test('after an unclear request, "not there" is an acknowledgement', () => {
    const harm = harms('kill', 'begins', ['a'], 0);
    const absent = { kind: 'refused', status: 404, reason: 'Record not found' } as const;
    const tries = [deletes(first, { atMs: 3_000 }, unclear), deletes(first, { atMs: 3_100 }, absent)];
    const read = readsHome('gina', [first], { atMs: 3_200 });
    expect(verdict(harm, posts(first), ...tries, read)).toEqual([expect.stringMatching(/^delete: /)]);
    expect(verdict(harm, posts(first), tries[0] ?? harm, read)).toEqual([]);
  });
});

describe('complete', () => {
  test('a home lacks nothing that is older than a second', () => {
    expect(verdict(follow, posts(first), readsHome('gina', [], { atMs: 2_100 }))).toEqual([
      expect.stringMatching(
        /^complete: the home of gina lacks post ada-1000 .* acknowledged 1080 ms before it was read$/,
      ),
    ]);
    expect(verdict(follow, posts(first), readsHome('gina', [], { atMs: 2_000 }))).toEqual([]);
  });

  test('or nothing up to what its header says', () => {
    const late = readsHome('gina', [], { atMs: 60_000, throughMs: 500 });
    expect(verdict(follow, posts(first), late)).toEqual([]);
    const lying = readsHome('gina', [], { atMs: 60_000, throughMs: 50_000 });
    expect(verdict(follow, posts(first), lying)).toEqual([expect.stringMatching(/^complete: /)]);
  });

  test('a page that ends above it does not lack it', () => {
    const ended = readsHome('gina', [second], { atMs: 9_000, hasMore: true });
    expect(verdict(follow, posts(first), posts(second), ended)).toEqual([]);
  });

  test.each([
    ['deleted', [deletes(first, { atMs: 1_500 })]],
    ['unfollowed', [turns('gina', 'unfollow', 'ada', { atMs: 1_500 })]],
    ['blocked', [turns('ada', 'block', 'gina', { atMs: 1_500 })]],
    ['perhaps unfollowed', [asked('gina', { do: 'unfollow', target: 'ada' }, busy, { atMs: 1_500 })]],
  ])('what was %s is not missing', (_, more) => {
    expect(verdict(follow, posts(first), ...more, readsHome('gina', [], { atMs: 9_000 }))).toEqual([]);
  });
});

describe('session', () => {
  test.each([
    ['home', readsHome('ada', [], { atMs: 1_100, via: 'b' })],
    ['page', readsAuthor('ada', 'ada', [], { atMs: 1_100, via: 'b' })],
    ['status', readsStatus('ada', first, false, { atMs: 1_100, via: 'b' })],
  ])('authors see at once what they were told is there: %s', (_, read) => {
    expect(verdict(posts(first), read)).toEqual([expect.stringMatching(/^session: /)]);
  });

  test('a first delete is not told that its post is not there', () => {
    const absent = { kind: 'refused', status: 404, reason: 'Record not found' } as const;
    const refused = deletes(first, { atMs: 1_100 }, absent);
    expect(verdict(posts(first), refused)).toEqual([expect.stringMatching(/^session: /)]);
  });

  test('who was told that they follow reads it so, and the other way round', () => {
    expect(verdict(follow, readsRelation('gina', 'ada', false, { atMs: 100 }))).toEqual([
      'session: gina is told following: false of ada',
    ]);
    const unfollow = turns('gina', 'unfollow', 'ada', { atMs: 100 });
    expect(verdict(follow, unfollow, readsRelation('gina', 'ada', true, { atMs: 200 }))).toEqual([
      'session: gina is told following: true of ada',
    ]);
  });

  test('what was on a page before is on it again', () => {
    const seen = readsHome('gina', [first], { atMs: 1_100 });
    const lost = readsHome('gina', [], { atMs: 1_200, via: 'b' });
    expect(verdict(follow, posts(first), seen, lost)).toEqual([
      'session: gina was shown post ada-1000 of ada before, and is not any more',
    ]);
    const meanwhile = readsHome('gina', [], { atMs: 1_110, via: 'b' });
    expect(verdict(follow, posts(first), seen, meanwhile)).toEqual([]);
  });

  test('what a stream has brought is at home, too', () => {
    const update = streams('gina', { kind: 'update', shown: first }, { atMs: 1_100 });
    const lost = readsHome('gina', [], { atMs: 1_200, via: 'b' });
    expect(verdict(follow, posts(first), update, lost)).toEqual([
      'session: gina was shown post ada-1000 of ada before, and is not any more',
    ]);
  });

  test('but for a home that says itself that it does not go so far', () => {
    const update = streams('gina', { kind: 'update', shown: first }, { atMs: 1_100 });
    const dated = readsHome('gina', [], { atMs: 1_200, via: 'b', throughMs: 500 });
    expect(verdict(follow, posts(first), update, dated)).toEqual([]);
    const seen = readsHome('gina', [first], { atMs: 1_100 });
    expect(verdict(follow, posts(first), seen, dated)).toHaveLength(1);
  });

  test('who was blocked or unfollowed is not at home', () => {
    const read = readsHome('gina', [first], { atMs: 9_000 });
    const shows =
      'session: the home of gina shows post ada-1000 of ada, who was blocked or unfollowed before';
    const block = turns('gina', 'block', 'ada', { atMs: 2_000 });
    expect(verdict(follow, posts(first), block, read)).toEqual([shows]);
    const unfollow = turns('gina', 'unfollow', 'ada', { atMs: 2_000 });
    expect(verdict(follow, posts(first), unfollow, read)).toEqual([shows]);
    const unblock = turns('gina', 'unblock', 'ada', { atMs: 3_000 });
    expect(verdict(follow, posts(first), block, unblock, read)).toEqual([]);
  });
});

describe('live', () => {
  const start = streams('gina', { kind: 'start' }, { atMs: 500 });

  test('a stream brings all that followees post', () => {
    expect(verdict(follow, start, posts(first))).toEqual([
      expect.stringMatching(/^live: the stream of gina never brings post ada-1000 /),
    ]);
  });

  test('who is told to read anew has had it', () => {
    const resync = streams('gina', { kind: 'resync' }, { atMs: 1_200 });
    expect(verdict(follow, start, posts(first), resync)).toEqual([]);
  });

  test('each author in order; doubles do not count', () => {
    const update = (shown: typeof first, atMs: number) =>
      streams('gina', { kind: 'update', shown }, { atMs, socket: 3 });
    const both = [follow, start, posts(first), posts(second)];
    expect(verdict(...both, update(second, 2_100), update(first, 2_200))).toEqual([
      'live: the stream of gina brings post ada-1000 of ada after a later one, ada-2000',
    ]);
    expect(verdict(...both, update(first, 2_100), update(second, 2_200), update(first, 2_300))).toEqual([]);
    const again = [
      turns('gina', 'unfollow', 'ada', { atMs: 900 }),
      turns('gina', 'follow', 'ada', { atMs: 2_050 }),
    ];
    expect(verdict(...both, ...again, update(second, 2_100), update(first, 2_200))).toEqual([]);
  });
});

describe('unique', () => {
  test('one name is given once', () => {
    const both = [signsUp('new', 'won', { atMs: 0 }), signsUp('new', 'won', { atMs: 0, via: 'b' })];
    expect(verdict(...both)).toEqual(['unique: 2 of 2 sign-ups as new succeeded']);
  });

  test('and is given to somebody when nobody was left in doubt', () => {
    const taken = [signsUp('new', 'taken', { atMs: 0 }), signsUp('new', 'taken', { atMs: 0, via: 'b' })];
    expect(verdict(...taken)).toEqual(['unique: 0 of 2 sign-ups as new succeeded']);
    const harm = harms('kill', 'begins', ['a'], 0);
    const doubt = [signsUp('new', 'unknown', { atMs: 0 }), signsUp('new', 'taken', { atMs: 0, via: 'b' })];
    expect(verdict(harm, ...doubt)).toEqual([]);
  });
});

test('converge: gateways that say different things at the end are named', () => {
  const home = (shown: (typeof first)[]) => ({ kind: 'home', posts: shown }) as const;
  const other = postOf('bob', 3_000);
  expect(verdict(finds('gina', 'a', home([other])), finds('gina', 'b', home([])))).toEqual([
    `converge: home of gina is not the same through a and b: only a has ${other.id}`,
  ]);
  const swapped = [finds('gina', 'a', home([other, first])), finds('gina', 'b', home([first, other]))];
  expect(verdict(...swapped)).toEqual([
    'converge: home of gina is not the same through a and b: not in the same order',
  ]);
});

describe('clear', () => {
  const read = { do: 'readHome' } as const;

  test.each([
    ['took 16000 ms', asked('gina', read, busy, { atMs: 0, tookMs: 16_000 })],
    ['got no answer in 20 ms', asked('gina', read, unclear, { atMs: 0 })],
    ['without a reason', asked('gina', read, { ...busy, reason: '' }, { atMs: 0 })],
    ['cannot be', asked('gina', read, { ...busy, status: 500 }, { atMs: 0 })],
    ['cannot be', asked('gina', read, { ...busy, status: 401 }, { atMs: 0 })],
  ])('an answer that %s is found', (words, entry) => {
    expect(verdict(entry)).toEqual([expect.stringMatching(new RegExp(`^clear: .*${words}`))]);
  });

  test('a 503 with a reason is clear', () => {
    expect(verdict(asked('gina', read, busy, { atMs: 0, tookMs: 9_000 }))).toEqual([]);
  });

  test('a machine that clients cannot reach is an excuse, for itself and for a while', () => {
    const stop = [harms('stop', 'begins', ['a'], 1_000), harms('stop', 'ends', ['a'], 5_000)];
    const silent = (atMs: number, via: string) => asked('gina', read, unclear, { atMs, via });
    expect(verdict(...stop, silent(2_000, 'a'))).toEqual([]);
    expect(verdict(...stop, silent(2_000, 'b'))).toHaveLength(1);
    expect(verdict(...stop, silent(60_000, 'a'))).toHaveLength(1);
    expect(verdict(...stop, silent(0, 'a'))).toHaveLength(1);
  });

  test('who gives up a write is heard', () => {
    expect(verdict(givesUp('gina', { do: 'follow', target: 'ada' }, 70_000))).toEqual([
      'clear: gina could not follow ada for 60 s',
    ]);
  });
});

test('an account of a violation has the lines that show it, what was harmed, and what else went on', () => {
  const entries = record(
    harms('kill -9 of the core of b', 'begins', [], 900),
    posts(first),
    turns('hal', 'follow', 'bob', { atMs: 89_000 }),
    finds('ada', 'b', page('ada', [])),
  );
  const [violation] = judge(entries);
  if (violation === undefined) throw new Error('nothing is found');
  const text = violationText(violation, entries);
  expect(text).toContain(`ada via a: post ada-1000 -> id ${first.id}`);
  expect(text).toContain('ada via b at the end: page of ada, 0 posts []');
  expect(text).toContain('==== kill -9 of the core of b begins');
  expect(text).not.toContain('hal via a: follow bob');
});
