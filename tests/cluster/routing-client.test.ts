// A gateway that talks to several cores: requests find who serves them, and follow when that changes. Real links, over TLS.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Ask } from '../../actors/messages.ts';
import { leaseMs } from '../../cluster/link-lease.ts';
import { partitionCount } from '../../runtime/account-id.ts';
import { statusRowOf } from '../support/records.ts';
import { until } from '../support/until.ts';
import { Ends, ManualClock, messagesTravel } from './link-ends.ts';
import { accountIn, Held, listOf, moved, postOf, RoutingEnds } from './routing-ends.ts';

const ends = new RoutingEnds();
afterEach(() => ends.close());

const ann = accountIn(1);
const ben = accountIn(2);
const page = { maxId: null, sinceId: null, minId: null, limit: 20 };
const home = { account: ann, ...page };
const follow = { account: ann, target: ben, boosts: true };
const unavailable = { ok: false, rejection: { code: 'unavailable' } };
const empty = { ids: [], flags: new Uint8Array(), completeThroughMs: null };
const publish = (once: string | null): Ask<'publish'> => ({
  account: ann,
  text: 'hello',
  visibility: null,
  sensitive: null,
  spoiler: '',
  language: null,
  replyTo: null,
  mentions: [],
  app: null,
  once,
});

/** Core 1 serves ann's partition, core 2 ben's. */
async function two() {
  const one = await ends.core(1);
  const other = await ends.core(2);
  one.serve(1, [1, 0]);
  other.serve(1, [2]);
  const gateway = await ends.gateway([one, other]);
  return { one, other, gateway };
}

describe('a request', () => {
  test('goes to the core that serves whom it is about', async () => {
    const { one, other, gateway } = await two();
    const mine = await gateway.client.call('home', home);
    const theirs = await gateway.client.call('home', { ...home, account: ben });
    expect([mine.core, theirs.core]).toEqual([1, 2]);
    expect([one.kinds(), other.kinds()]).toEqual([['home'], ['home']]);
  });

  test('about statuses of many authors asks each core once, and keeps order and gaps', async () => {
    const { one, other, gateway } = await two();
    const gap = postOf(ben, 7);
    const text = new Map([1, 2].map((node) => [node, `core-${node}`]));
    other.answers = ({ kind, ask }) => {
      const { ids } = ask as Ask<'statuses'>;
      const rows = ids.map((id) => (id === gap ? null : statusRowOf(id, text.get(2) ?? '')));
      return kind === 'statuses' ? { outcome: { ok: true, value: { rows } } } : null;
    };
    const ids = [postOf(ben, 1), postOf(ann, 2), gap, postOf(ann, 3), postOf(ben, 4)];
    const answered = await gateway.client.call('statuses', { ids });
    if (!answered.ok) throw new Error(answered.rejection.message);
    expect(answered.value.rows.map((row) => row && [row.id, row.text])).toEqual([
      [ids[0], 'core-2'],
      [ids[1], 'core-1'],
      null,
      [ids[3], 'core-1'],
      [ids[4], 'core-2'],
    ]);
    expect([one.kinds(), other.kinds()]).toEqual([['statuses'], ['statuses']]);
    expect(one.asked[0]?.ask).toEqual({ ids: [ids[1], ids[3]] });
  });

  test('for a judgement as nobody, and for new accounts, is split and put together as well', async () => {
    const { gateway } = await two();
    const ids = [postOf(ben), postOf(ann), postOf(ben, 2)];
    const judged = await gateway.client.call('judge', { viewer: null, ids });
    expect(judged.ok && [...judged.value.flags]).toEqual([2, 1, 2]);
    const asAnn = await gateway.client.call('judge', { viewer: ann, ids });
    expect(asAnn.ok && [...asAnn.value.flags]).toEqual([1, 1, 1]);
    expect(await gateway.client.call('statuses', { ids: [] })).toMatchObject({
      ok: true,
      value: { rows: [] },
    });
  });

  test('is refused as a whole when one of its cores refuses its part', async () => {
    const { other, gateway } = await two();
    other.answers = () => ({ outcome: { ok: false, rejection: { code: 'busy', message: 'later' } } });
    const answered = await gateway.client.call('accounts', { ids: [ann, ben] });
    expect(answered).toMatchObject({ ok: false, rejection: { code: 'busy' } });
  });

  test('is counted where its token is kept: with the request there, by a question of its own elsewhere', async () => {
    const { one, other, gateway } = await two();
    const limitKey = `${ann}.aGFzaA`;
    const allowance = { limit: 9, remaining: 8, resetMs: 1 };
    one.answers = ({ kind }) => (kind === 'home' ? { outcome: { ok: true, value: empty }, allowance } : null);
    expect(await gateway.client.call('home', home, { limitKey })).toMatchObject({ ok: true, allowance });
    expect(one.asked).toEqual([{ kind: 'home', ask: home, limitKey }]);

    one.answers = ({ kind }) => (kind === 'admit' ? { outcome: { ok: true, value: {} }, allowance } : null);
    const followers = await gateway.client.call('home', { ...home, account: ben }, { limitKey });
    expect(followers).toMatchObject({ ok: true, allowance });
    expect(one.asked.at(-1)).toEqual({ kind: 'admit', ask: {}, limitKey });
    expect(other.asked.at(-1)?.limitKey).toBeNull();

    const rejection = { code: 'rate-limited', message: 'Slow down.' } as const;
    one.answers = () => ({ outcome: { ok: false, rejection }, allowance });
    const before = other.asked.length;
    const refused = await gateway.client.call('follow', { ...follow, account: ben }, { limitKey });
    expect(refused).toEqual({ ok: false, rejection, allowance });
    expect(other.asked, 'nothing is done that is too much').toHaveLength(before);
  });

  test('that any core can answer is asked of one that is up', async () => {
    const { one, gateway } = await two();
    one.cut();
    const answered = await gateway.client.call('instance', {});
    expect(answered).toMatchObject({ ok: true });
  });
});

describe('when an account is served elsewhere', () => {
  test('who is asked wrongly says so, and the request follows', async () => {
    const { one, other, gateway } = await two();
    one.answers = () => {
      other.serve(2, [1, 2]);
      return moved;
    };
    expect(await gateway.client.call('follow', follow)).toMatchObject({ ok: true, core: 2 });
    expect(one.kinds()).toEqual(['follow']);
  });

  test('`moved` before anybody knows where is waited out, and asked again', async () => {
    const { one, gateway } = await two();
    let times = 0;
    one.answers = () => (++times < 3 ? moved : null);
    expect(await gateway.client.call('home', home)).toMatchObject({ ok: true, core: 1 });
    expect(times).toBe(3);
  });

  test('what its former server answers late is dropped, and asked of the new one', async () => {
    const { one, other, gateway } = await two();
    const late = new Held();
    one.answers = () => late.take();
    const call = gateway.client.call('accounts', { ids: [ann] });
    await until(() => late.isAsked);
    other.serve(2, [1, 2]);
    await until(() => gateway.happened.some(({ kind }) => kind === 'lost'));
    late.give({ outcome: { ok: true, value: { rows: [null] } } });
    const answered = await call;
    expect(answered.ok && answered.value.rows[0]?.handle).toBe('core-2');
  });

  test('the parts of a request that were asked of it are asked again, each where it is served', async () => {
    const { one, other, gateway } = await two();
    const third = await ends.core(3);
    third.serve(9, []);
    gateway.client.setCores(listOf(2, [one, other, third]));
    await until(() => third.peers.length === 1);
    one.answers = ({ kind }) => {
      if (kind !== 'accounts') return null;
      other.serve(2, [1, 2]);
      third.serve(2, [0]);
      one.serve(1, []);
      return moved;
    };
    const ids = [accountIn(0), ben, ann, accountIn(0, 2)];
    const answered = await gateway.client.call('accounts', { ids });
    expect(answered.ok && answered.value.rows.map((row) => [row?.id, row?.handle])).toEqual([
      [ids[0], 'core-3'],
      [ids[1], 'core-2'],
      [ids[2], 'core-2'],
      [ids[3], 'core-3'],
    ]);
  });

  test.each([
    ['a read', 'home', home],
    ['a post with a key', 'publish', publish('key')],
  ] as const)('%s whose link breaks is asked again', async (_what, kind, ask) => {
    const { one, other, gateway } = await two();
    one.answers = () => new Held().take();
    other.answers = () =>
      kind === 'publish'
        ? { outcome: { ok: true, value: { id: postOf(ann), repeated: true, row: null, author: null } } }
        : null;
    const call = gateway.client.call(kind, ask as never);
    await until(() => one.asked.length === 1);
    one.cut();
    other.serve(2, [1, 2]);
    expect(await call).toMatchObject({ ok: true, core: 2 });
  });

  test.each([
    ['a command', 'follow', follow],
    ['a post without a key', 'publish', publish(null)],
  ] as const)('%s whose link breaks is not: nobody knows what became of it', async (_what, kind, ask) => {
    const { one, other, gateway } = await two();
    one.answers = () => new Held().take();
    const call = gateway.client.call(kind, ask as never);
    await until(() => one.asked.length === 1);
    one.cut();
    other.serve(2, [1, 2]);
    expect(await call).toMatchObject(unavailable);
    expect(other.asked).toEqual([]);
  });

  test('sessions are told at once rather than kept waiting', async () => {
    const { one, other, gateway } = await two();
    one.answers = () => moved;
    const attach = { account: ann, session: 1, since: null };
    expect(await gateway.client.call('attach', attach)).toMatchObject(unavailable);
    one.serve(1, []);
    await until(() => !gateway.serves(1));
    expect(await gateway.client.call('attach', attach)).toMatchObject(unavailable);
    expect(other.asked).toEqual([]);
  });
});

describe('what nobody serves', () => {
  test('is waited for, and answered as soon as somebody does', async () => {
    const { one, other, gateway } = await two();
    one.cut();
    await until(() => !gateway.serves(1));
    const call = gateway.client.call('follow', follow);
    other.serve(2, [1, 2]);
    expect(await call).toMatchObject({ ok: true, core: 2 });
  });

  test('is unavailable after 5 s, then at once, and never `moved`', async () => {
    const clock = new ManualClock();
    const core = await ends.core(1);
    core.serve(1, [1]);
    const gateway = await ends.gateway([core], { clock });
    core.serve(1, [2]);
    await until(() => gateway.serves(2));
    let settled: unknown = null;
    const call = gateway.client.call('home', home).then((answered) => {
      settled = answered;
    });
    await clock.advance(4800);
    expect(settled).toBeNull();
    await clock.advance(400);
    await call;
    expect(settled).toMatchObject(unavailable);
    expect(await gateway.client.call('home', home)).toMatchObject(unavailable);
    expect(await gateway.client.call('accounts', { ids: [ben, ann] })).toMatchObject(unavailable);
  });

  test('keeps a thousand waiting and no more', async () => {
    const core = await ends.core(1);
    core.serve(1, [1]);
    const gateway = await ends.gateway([core]);
    core.serve(1, []);
    await until(() => !gateway.serves(1));
    const calls = Array.from({ length: 1001 }, () => gateway.client.call('home', home));
    expect(await calls.at(-1)).toMatchObject(unavailable);
    core.serve(1, [1]);
    for (const call of calls.slice(0, -1)) expect(await call).toMatchObject({ ok: true });
  });

  test('is refused to all who wait when the program ends', async () => {
    const core = await ends.core(1);
    const gateway = await ends.gateway([core]);
    const call = gateway.client.call('home', home);
    await gateway.client.close();
    expect(await call).toMatchObject(unavailable);
  });
});

describe('caches', () => {
  test('may be used for those whose server has told that it serves them, and whose lease holds', async () => {
    const clock = new ManualClock();
    const one = await ends.core(1);
    const other = await ends.core(2);
    one.serve(1, [1]);
    other.serve(1, [2]);
    const gateway = await ends.gateway([one, other], { clock });
    const serves = (): boolean[] => [1, 2, 3].map((partition) => gateway.serves(partition));
    expect(serves()).toEqual([true, true, false]);

    one.silence();
    await clock.advance(leaseMs - 500);
    await until(async () => {
      await clock.advance(50);
      return !gateway.serves(1);
    });
    expect([gateway.serves(2), gateway.client.isUp], 'the other is none the worse').toEqual([true, true]);
    await until(async () => {
      await clock.advance(50);
      return gateway.happened.some(({ kind }) => kind === 'lost');
    });
    expect(gateway.happened.filter(({ kind }) => kind === 'lost')).toEqual([
      { kind: 'lost', partitions: [1] },
    ]);
  });

  test('are over for all at the first look after a standstill', async () => {
    const clock = new ManualClock();
    const core = await ends.core(1);
    core.serve(1, [1]);
    const gateway = await ends.gateway([core], { clock });
    const before = gateway.kinds();
    clock.jump(leaseMs);
    expect([gateway.serves(1), gateway.client.isUp]).toEqual([false, false]);
    expect(gateway.kinds(), 'nothing but the clock has told it').toEqual(before);
  });

  test('of those who change hands are dropped before anything else of the new server is taken in', async () => {
    const { one, other, gateway } = await two();
    const from = gateway.happened.length;
    other.serve(2, [1, 2]);
    other.changed({ statuses: [], accounts: [ann], tokens: [] });
    await until(() => gateway.kinds().includes('changed'));
    expect(gateway.happened.slice(from)).toEqual([
      { kind: 'lost', partitions: [2, 1].sort() },
      { kind: 'served', partitions: [1, 2] },
      { kind: 'changed' },
    ]);
    expect(one.peers[0]?.isOpen).toBe(true);
  });
});

describe('the list of cores', () => {
  test('is followed as it changes, whoever brings it: those who are off it are let go', async () => {
    const { one, other, gateway } = await two();
    const third = await ends.core(3);
    third.serve(1, [3]);
    one.peers[0]?.sendCores(listOf(5, [one, third]));
    await until(() => gateway.serves(3));
    await until(() => other.gone.length === 1);
    expect([gateway.serves(1), gateway.serves(2)]).toEqual([true, false]);
    gateway.client.setCores(listOf(4, [other]));
    gateway.client.setCores({ epoch: 9, cores: [] });
    await messagesTravel();
    expect([gateway.serves(1), gateway.serves(3)], 'an older list, and an empty one, change nothing').toEqual(
      [true, true],
    );
  });

  test('leaves links alone whose core is where it was, and dials again one that is elsewhere', async () => {
    const { one, other, gateway } = await two();
    const list = listOf(2, [one, other]);
    const moving = list.cores[1];
    if (moving === undefined) throw new Error('there are two');
    moving.addresses = [{ host: 'localhost', port: other.port }, ...moving.addresses];
    gateway.client.setCores(list);
    await until(() => other.peers.length === 2 && gateway.serves(2));
    expect(one.peers).toHaveLength(1);
  });

  test('with a wrong key for a core never links to it', async () => {
    const core = await ends.core(1);
    const list = listOf(1, [core]);
    if (list.cores[0] !== undefined) list.cores[0].publicKey = Buffer.alloc(32, 1);
    const gateway = await ends.gateway([]);
    gateway.client.setCores(list);
    await until(() =>
      gateway.said.some(({ fields }) => JSON.stringify(fields).includes('another node answers')),
    );
    expect(core.connections).toEqual([]);
    expect(gateway.client.isUp).toBe(false);
  });
});

describe('a machine with a core of its own', () => {
  const own = new Ends();
  beforeEach(() => own.open());
  afterEach(() => own.close());

  test('alone, that says nothing of what it serves, is asked for everything', async () => {
    const core = await own.core();
    const gateway = await ends.gateway([], { own: { linkFile: own.linkFile, node: 7 } });
    await until(() => gateway.client.isUp);
    expect(await gateway.client.call('admit', {})).toEqual({ ok: true, value: {}, core: 7 });
    expect(await gateway.client.call('follow', follow)).toMatchObject({ ok: true, core: 7 });
    expect(gateway.happened.map(({ kind }) => kind)).toEqual(['served', 'up']);
    core.peers[0]?.close('a test');
    await until(() => gateway.kinds().length >= 5);
    expect(gateway.kinds().slice(2, 6)).toEqual(['lost', 'down', 'served', 'up']);
  });

  test('asks it for what is about the machine, by its file, and others for the rest', async () => {
    const kinds: string[] = [];
    const core = await own.core({
      handle: (kind) => {
        kinds.push(kind);
        return { outcome: { ok: true, value: { json: '{}' } } } as never;
      },
    });
    const other = await ends.core(2);
    other.serve(
      1,
      Array.from({ length: partitionCount }, (_, partition) => partition),
    );
    const gateway = await ends.gateway([other], { own: { linkFile: own.linkFile, node: 7 } });
    const place = { node: 7, publicKey: Buffer.alloc(32), addresses: [] };
    gateway.client.setCores({ epoch: 2, cores: [place, other.place] });
    await until(() => core.peers.some(({ isOpen }) => isOpen));
    expect(await gateway.client.call('status', {})).toMatchObject({ ok: true, core: 7 });
    expect(await gateway.client.call('home', home)).toMatchObject({ ok: true, core: 2 });
    expect(kinds).toEqual(['status']);
  });
});

test('topics are listened to at every core, and ticks say whose they are', async () => {
  const { one, other, gateway } = await two();
  gateway.client.listen(['public']);
  for (const core of [one, other]) await until(() => core.peers[0]?.topics.has('public'));
  other.push({ items: [], cursor: 'b'.repeat(24) });
  one.push({ items: [], cursor: 'a'.repeat(24) });
  await until(() => gateway.kinds().filter((kind) => kind === 'tick').length === 2);
  const ticks = gateway.happened.flatMap((event) =>
    event.kind === 'tick' ? [[event.core, event.cursor]] : [],
  );
  expect(ticks.sort()).toEqual([
    [1, 'a'.repeat(24)],
    [2, 'b'.repeat(24)],
  ]);
});
