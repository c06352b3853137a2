// Who gets a link between machines, and who does not. Over real TLS.

import { connect as connectPlain, createServer as createPlainServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { closeCodeOf } from '../../cluster/wire-close.ts';
import { packWire } from '../../cluster/wire-frame.ts';
import { type Admission, type WireHello, wireHello } from '../../cluster/wire-hello.ts';
import { until } from '../support/until.ts';
import { ManualClock, messagesTravel } from './link-ends.ts';
import { dataFrame, entry, foreignKey, goesOn, helloOf, members, nodeKey, WireEnds } from './wire-ends.ts';

const ends = new WireEnds();
afterEach(() => ends.close());

test('two nodes get a link: each has the other’s hello and proved key, and messages go both ways', async () => {
  const { near, far } = await ends.linked({
    server: { admits: members(2) },
    dial: { admits: members(1), hello: () => helloOf(2, { role: 'gateway', protocolTo: 7 }) },
  });
  expect(far.link.peer).toEqual({
    hello: expect.objectContaining({ node: 2, role: 'gateway', name: 'node-2' }),
    publicKey: nodeKey(2).publicKey,
    protocol: 2,
  });
  expect(near.link.peer).toMatchObject({ hello: { node: 1, role: 'core' }, protocol: 2 });
  expect(near.link.peer.publicKey).toEqual(nodeKey(1).publicKey);
  near.link.post(entry(1));
  far.link.control({ kind: 'ping', id: 5 });
  await until(() => far.data.length === 1 && near.control.length === 1, { everyMs: 1 });
  expect(far.of('links-opened')).toBe(1);
});

test('a certificate of an Ed25519 key made by others is as good, on both ends', async () => {
  const { near, far, server } = await ends.linked({
    server: { key: foreignKey('ed25519') },
    dial: { key: foreignKey('ed25519'), hello: () => helloOf(2) },
  });
  expect(near.link.peer.publicKey).toEqual(server.key.publicKey);
  far.link.post(entry(1));
  await until(() => near.data.length === 1, { everyMs: 1 });
});

test('whoever needs time to say whether it admits gets it', async () => {
  let admit = (_admission: Admission): void => {};
  const server = await ends.server({
    admits: () =>
      new Promise((resolve) => {
        admit = resolve;
      }),
  });
  const dialed = ends.dial(server);
  await until(() => admit.length === 1 && server.witness.of('strangers-refused') === 0);
  expect(server.witness.links).toEqual([]);
  await until(() => {
    admit({ ok: true });
    return server.witness.links.length === 1;
  });
  expect((await dialed).outcome.kind).toBe('opened');
});

describe('a server refuses, closes with the reason, counts it, and goes on for others:', () => {
  test.each<[string, string, Partial<WireHello>]>([
    ['another cluster', 'wrong-cluster', { cluster: Buffer.alloc(32, 8) }],
    ['versions it does not know', 'protocol', { protocolFrom: 3, protocolTo: 9 }],
    ['its own process', 'self', { boot: Buffer.alloc(8, 1) }],
    ['a number that is another node’s', 'wrong-node', { node: 9 }],
    ['another manifest of the same epoch', 'manifest-conflict', { manifestHash: Buffer.alloc(32, 4) }],
  ])('%s', async (_what, reason, different) => {
    const server = await ends.server({ admits: members(2, 9) });
    const { outcome } = await ends.dial(server, { hello: () => helloOf(2, different), key: nodeKey(2) });
    expect(outcome).toMatchObject({ kind: 'refused', ending: { reason } });
    await until(() => server.witness.said.length > 0, { everyMs: 1 });
    const level = reason === 'manifest-conflict' ? 'error' : 'warn';
    // Both ends look, and the first to speak ends it.
    expect(server.witness.said).toContainEqual(
      expect.objectContaining({ level, fields: expect.objectContaining({ reason }) }),
    );
    await goesOn(ends, server);
  });

  test.each<[string, Admission]>([
    ['a key it does not know', { ok: false, reason: 'unknown-key' }],
    ['a key that was revoked', { ok: false, reason: 'revoked-key', text: 'revoked in epoch 3' }],
    ['an invite that is over', { ok: false, reason: 'bad-admission' }],
  ])('%s', async (_what, admission) => {
    const { publicKey } = nodeKey(2);
    const server = await ends.server({
      admits: (_hello, key) => (Buffer.compare(key, publicKey) === 0 ? admission : { ok: true }),
    });
    const { outcome, witness } = await ends.dial(server);
    if (admission.ok) throw new Error('admitted');
    const { reason } = admission;
    expect(outcome).toMatchObject({ kind: 'refused', ending: { reason, by: 'there' } });
    expect(server.witness.of(`refused-${reason}`)).toBe(1);
    expect(server.witness.said).toContainEqual({
      level: 'warn',
      text: 'a link was refused',
      fields: expect.objectContaining({
        reason,
        node: 2,
        key: Buffer.from(publicKey).toString('hex').slice(0, 16),
      }),
    });
    expect(witness.links).toEqual([]);
    await goesOn(ends, server);
  });

  test('two manifests of one epoch are an alarm only from who is admitted', async () => {
    const server = await ends.server({ admits: () => ({ ok: false, reason: 'unknown-key' }) });
    const { outcome } = await ends.dial(server, {
      hello: () => helloOf(2, { manifestHash: Buffer.alloc(32, 4) }),
      // The dialer is not the one to find it.
      admits: () => new Promise(() => {}),
    });
    expect(outcome).toMatchObject({ ending: { reason: 'unknown-key' } });
    expect(server.witness.said.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('an invite reaches who has to judge it', async () => {
    const seen: (Uint8Array | null)[] = [];
    const server = await ends.server({
      admits: ({ admission }) => {
        seen.push(admission);
        return { ok: true };
      },
    });
    await ends.dial(server, { hello: () => helloOf(2, { node: 0, admission: Buffer.from('invite') }) });
    expect(seen).toEqual([Buffer.from('invite')]);
  });

  test('a judge that fails', async () => {
    const server = await ends.server({ admits: () => Promise.reject(new Error('no disk')) });
    const { outcome } = await ends.dial(server);
    expect(outcome).toMatchObject({ ending: { reason: 'fault', by: 'there' } });
    expect(server.witness.said.some(({ level }) => level === 'error')).toBe(true);
  });

  test.each<[string, Uint8Array | string]>([
    ['bytes that are no frame', Buffer.from([0xc1, 0, 0])],
    ['text', 'hello'],
    ['a message before a hello', dataFrame(entry(1))],
    ['an acceptance before a hello', packWire('accepted', [2])],
    ['a hello that lacks fields', packWire('hello', [1, 2])],
    ['a cluster of 31 bytes', helloFrame({ cluster: Buffer.alloc(31) })],
    ['a boot of 9 bytes', helloFrame({ boot: Buffer.alloc(9) })],
    ['a node number of 2^31', helloFrame({ node: 2 ** 31 })],
    ['a name with a line break', helloFrame({ name: 'node\n1' })],
    ['port 0', helloFrame({ addresses: [{ host: 'one', port: 0 }] })],
    [
      'an unknown role',
      packWire('hello', [
        1,
        2,
        Buffer.alloc(32, 7),
        2,
        'king',
        'node-2',
        Buffer.alloc(8),
        3,
        Buffer.alloc(32, 3),
        null,
        [],
      ]),
    ],
    ['a hello of 20 KB', helloFrame({ admission: Buffer.alloc(20_000) })],
    ['a hello of 100 KB', helloFrame({ admission: Buffer.alloc(100_000) })],
    ['a frame of more than 1 MiB', Buffer.alloc(1024 * 1024 + 1)],
  ])('%s', async (_what, frame) => {
    const server = await ends.server();
    const hand = await ends.byHand(server.server.port);
    hand.socket.send(frame);
    const { code } = await hand.closed;
    // `ws` says "too large" in its own words, and what has said far too much hears nothing more.
    expect([closeCodeOf('malformed'), 1009, 1006]).toContain(code);
    expect(server.witness.of('refused-malformed')).toBe(1);
    expect(server.witness.said).toContainEqual(expect.objectContaining({ level: 'warn' }));
    expect(server.witness.links).toEqual([]);
    await goesOn(ends, server);
  });

  test.each([
    ['a second hello', 'hello'],
    ['a ping of WebSocket', 'ping'],
    ['text on an open link', 'text'],
    ['a frame of more than 1 MiB on an open link', 'large'],
  ])('%s', async (_what, which) => {
    const server = await ends.server();
    const hand = await (await ends.byHand(server.server.port)).introduce();
    await until(() => server.witness.links.length === 1, { everyMs: 1 });
    if (which === 'hello') hand.hello();
    else if (which === 'ping') hand.socket.ping();
    else if (which === 'text') hand.socket.send('text');
    else hand.socket.send(Buffer.alloc(1024 * 1024 + 1));
    const { code } = await hand.closed;
    expect(code).toBe(which === 'large' ? 1009 : closeCodeOf('malformed'));
    expect(server.witness.endings).toEqual([expect.objectContaining({ reason: 'malformed', by: 'here' })]);
    expect(server.witness.of('malformed-frames')).toBe(1);
    await goesOn(ends, server);
  });

  test('more than 32 KiB before a link, though no frame is whole yet', async () => {
    const server = await ends.server();
    const hand = await ends.byHand(server.server.port);
    // The beginning of a binary frame of 1 MiB, with a mask.
    hand.connection.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4]));
    hand.connection.write(Buffer.alloc(40_000));
    await hand.closed;
    expect(server.witness.of('refused-malformed')).toBe(1);
    await goesOn(ends, server);
  });

  test('a hello that is said twice before it is judged', async () => {
    const server = await ends.server({ admits: () => new Promise(() => {}) });
    const hand = await ends.byHand(server.server.port);
    hand.hello();
    hand.hello();
    expect(await hand.closed).toMatchObject({ code: closeCodeOf('malformed') });
  });

  test('messages behind a hello that was not accepted', async () => {
    const server = await ends.server({ admits: () => new Promise(() => {}) });
    const hand = await ends.byHand(server.server.port);
    hand.hello();
    hand.socket.send(dataFrame(entry(1)));
    expect(await hand.closed).toMatchObject({ code: closeCodeOf('malformed') });
    expect(server.witness.data).toEqual([]);
  });

  test('who says nothing for 5 s', async () => {
    const clock = new ManualClock();
    const server = await ends.server({ clock });
    const hand = await ends.byHand(server.server.port);
    const plain = connectPlain(server.server.port, '127.0.0.1');
    const plainGone = new Promise((resolve) => plain.once('close', resolve));
    plain.on('error', () => {});
    plain.resume();
    await messagesTravel();
    await clock.advance(4900);
    expect(hand.isClosed).toBe(false);
    await clock.advance(200);
    expect(await hand.closed).toMatchObject({ code: closeCodeOf('too-late') });
    await plainGone;
    expect(server.witness.of('refused-too-late')).toBe(1);
  });

  test('strangers beyond the bound, while links stay and later ones get in', async () => {
    const server = await ends.server({ strangersMost: 3 });
    const before = await ends.dial(server);
    const strangers: Socket[] = [];
    for (let count = 0; count < 3; count++) {
      const stranger = connectPlain(server.server.port, '127.0.0.1');
      stranger.on('error', () => {});
      await new Promise((resolve) => stranger.once('connect', resolve));
      strangers.push(stranger);
    }
    const { outcome } = await ends.dial(server);
    expect(outcome).toMatchObject({ kind: 'refused', ending: { reason: 'unreachable' } });
    expect(server.witness.of('strangers-refused')).toBe(1);
    before.witness.link.post(entry(1));
    await until(() => server.witness.data.length === 1, { everyMs: 1 });
    for (const stranger of strangers) stranger.destroy();
    await until(async () => (await ends.dial(server)).outcome.kind === 'opened');
  });

  test('more links of one key than its share, and all beyond the bound', async () => {
    const server = await ends.server({ peersMost: 3, peersOfKeyMost: 2 });
    const first = await ends.dial(server);
    expect((await ends.dial(server)).outcome.kind).toBe('opened');
    expect((await ends.dial(server)).outcome).toMatchObject({ ending: { reason: 'full', by: 'there' } });
    expect((await ends.dial(server, { key: nodeKey(3) })).outcome.kind).toBe('opened');
    expect((await ends.dial(server, { key: nodeKey(4) })).outcome).toMatchObject({
      ending: { reason: 'full' },
    });
    first.witness.link.close('room for others');
    await until(() => server.server.links.size === 2, { everyMs: 1 });
    expect((await ends.dial(server)).outcome.kind).toBe('opened');
  });
});

describe('a dialer', () => {
  test('says nothing to another key than the expected one', async () => {
    const server = await ends.server();
    const { outcome } = await ends.dial(server, { expects: () => false });
    expect(outcome).toEqual({
      kind: 'refused',
      ending: { reason: 'unexpected-key', text: 'another node answers there', by: 'here' },
    });
    expect(server.witness.of('links-opened')).toBe(0);
  });

  test('judges the server’s hello as the server judges its own', async () => {
    const server = await ends.server();
    const { outcome, witness } = await ends.dial(server, { admits: members(3) });
    expect(outcome).toMatchObject({ ending: { reason: 'unknown-key', by: 'here' } });
    expect(witness.of('refused-unknown-key')).toBe(1);
    await until(() => server.witness.said.some(({ text }) => text === 'the other end refused a link'), {
      everyMs: 1,
    });
    expect(server.witness.links).toEqual([]);
  });

  test('is told when nobody listens there', async () => {
    const server = await ends.server();
    await server.server.close();
    const { outcome } = await ends.dial(server);
    expect(outcome).toMatchObject({ ending: { reason: 'unreachable', by: 'here' } });
  });

  test('gives up where nobody answers within 5 s', async () => {
    const mute = createPlainServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    ends.onClose(() => mute.close());
    const address = mute.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const clock = new ManualClock();
    const server = await ends.server();
    const dialed = ends.dial(server, { port, clock });
    await messagesTravel();
    await clock.advance(5000);
    expect((await dialed).outcome).toMatchObject({ ending: { reason: 'too-late', by: 'here' } });
  });
});

function helloFrame(different: Partial<WireHello>): Uint8Array {
  return packWire('hello', wireHello.encode(helloOf(2, different)));
}
