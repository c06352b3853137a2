// Peers that lie, stall, flood or say nothing: everybody else gets everything.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { ManualClock } from './link-ends.ts';
import { dial, dialServed, Ends, expectSame, finds, frameOf, greetingOf, whenClosed } from './swarm-ends.ts';

let ends: Ends;
beforeEach(() => {
  ends = new Ends();
});
afterEach(() => ends.close());

describe('a bad peer', () => {
  test('that sends wrong bytes is banned, and the bundle is right', async () => {
    const bundle = await ends.bundle({ a: 1_000_000 });
    const liar = await ends.visitor({ bundle, answer: ({ length }) => Buffer.alloc(length, 1) });
    const leech = await ends.leech('one', bundle, finds(liar));
    await until(() => leech.torrent.progress.banned === 1);
    expect(leech.torrent.progress.haveBytes).toBe(0);
    const seed = await ends.seed(bundle);
    leech.torrent.addPeers([seed.address, liar.address]);
    await leech.torrent.whenComplete;
    await expectSame(leech.folder, bundle);
    expect(liar.met).toBe(1);
  });

  test('that lies now and then among others is found out, and nobody else is blamed', async () => {
    const bundle = await ends.bundle({ a: 2_000_000 });
    let asked = 0;
    const liar = await ends.visitor({
      bundle,
      answer: ({ right, length }) => (++asked % 5 === 0 ? Buffer.alloc(length, 1) : right),
    });
    const honest = await Promise.all(
      [1, 2].map(() => ends.visitor({ bundle, answer: ({ right }) => right })),
    );
    const leech = await ends.leech('one', bundle, finds(liar, ...honest));
    await leech.torrent.whenComplete;
    await expectSame(leech.folder, bundle);
    expect(leech.torrent.progress.banned).toBe(1);
    expect(liar.sockets.size).toBe(0);
  });

  test('that sent one wrong block of a piece is known when the right one comes, even if it is gone by then', async () => {
    const bundle = await ends.bundle({ a: 65_536 });
    const liar = await ends.visitor({
      bundle,
      answer: ({ offset, length }) => (offset === 0 ? Buffer.alloc(length, 1) : null),
    });
    const leech = await ends.leech('one', bundle, finds(liar));
    await until(() => leech.torrent.progress.movedBytes === 16_384);
    await liar.close();
    const honest = await ends.visitor({ bundle, answer: ({ right }) => right });
    leech.torrent.addPeers([honest.address]);
    await leech.torrent.whenComplete;
    expect(leech.torrent.progress.banned).toBe(1);
    expect(leech.torrent.progress.wastedBytes).toBe(65_536);
    await expectSame(leech.folder, bundle);
  });

  test('that owes the last block and does not send it is not waited for: another sends it, and it is told', async () => {
    const bundle = await ends.bundle({ a: 65_536 });
    const staller = await ends.visitor({
      bundle,
      answer: ({ offset, right }) => (offset === 16_384 ? null : right),
    });
    const leech = await ends.leech('one', bundle, finds(staller));
    await until(() => staller.count(6) === 4);
    const honest = await ends.visitor({ bundle, answer: ({ right }) => right });
    leech.torrent.addPeers([honest.address]);
    await leech.torrent.whenComplete;
    await until(() => staller.count(8) > 0);
    const cancel = staller.heard.find(({ kind }) => kind === 8)?.body;
    expect([cancel?.readUInt32BE(0), cancel?.readUInt32BE(4)]).toEqual([0, 16_384]);
    expect(honest.heard.filter(({ kind, body }) => kind === 6 && body.readUInt32BE(4) !== 16_384)).toEqual(
      [],
    );
    await expectSame(leech.folder, bundle);
  });

  test('that lets all requests wait loses them to others', async () => {
    const clock = new ManualClock();
    const bundle = await ends.bundle({ a: 1_048_576 }, 'source', 262_144);
    const staller = await ends.visitor({ bundle, answer: () => null });
    const leech = await ends.leech('one', bundle, { swarm: await ends.swarm({ clock }), ...finds(staller) });
    await until(() => staller.count(6) === 8);
    await until(async () => {
      await clock.advance(1000);
      return staller.count(8) === 8;
    });
    // One more chance, and no more than that.
    await until(() => staller.count(6) === 9);
    let given = 0;
    const count = (bytes: Buffer): Buffer => {
      given++;
      return bytes;
    };
    const honest = await ends.visitor({ bundle, answer: ({ right }) => count(right) });
    leech.torrent.addPeers([honest.address]);
    await until(async () => {
      await clock.advance(1000);
      return leech.torrent.stage === 'complete';
    });
    expect(given).toBe(64);
    await expectSame(leech.folder, bundle);
  });

  test('that says something malformed is shut out, and hurts nobody', async () => {
    const bundle = await ends.bundle({ a: 2_000_000 });
    const seed = await ends.seed(bundle, { rates: { up: 3_000_000, down: null } });
    const leech = await ends.leech('one', bundle, finds(seed));
    const kinds = fc.tuple(fc.integer({ min: 0, max: 25 }), fc.uint8Array({ maxLength: 60 }));
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { maxLength: 10 }), async (frames) => {
        const socket = await dial(seed.address);
        socket.write(greetingOf(bundle.info.hash));
        for (const [kind, body] of frames) socket.write(frameOf(kind, body));
        // One that certainly is.
        socket.write(frameOf(4, Buffer.alloc(9)));
        socket.resume();
        await whenClosed(socket);
      }),
      { numRuns: 60 },
    );
    await leech.torrent.whenComplete;
    await expectSame(leech.folder, bundle);
  });

  test('that asks for more than is served is shut out', async () => {
    const bundle = await ends.bundle({ a: 2_000_000 });
    const seed = await ends.seed(bundle, { rates: { up: 0, down: null } });
    const { socket } = await dialServed(seed.address, bundle);
    for (let asked = 0; asked < 1100; asked++) {
      const request = Buffer.alloc(12);
      request.writeUInt32BE(asked, 4);
      request.writeUInt32BE(16_384, 8);
      socket.write(frameOf(6, request));
    }
    await whenClosed(socket);
    expect(seed.torrent.progress.peers).toBe(0);
  });

  test('that asks for another torrent hears nothing', async () => {
    const bundle = await ends.bundle({ a: 1000 });
    const seed = await ends.seed(bundle);
    const socket = await dial(seed.address);
    let heard = 0;
    socket.on('data', (bytes) => {
      heard += bytes.length;
    });
    socket.write(greetingOf(Buffer.alloc(20, 1)));
    await whenClosed(socket);
    expect(heard).toBe(0);
  });

  test('that says nothing is not waited for, and many of them leave room for others', async () => {
    const clock = new ManualClock();
    const bundle = await ends.bundle({ a: 1000 });
    const seed = await ends.seed(bundle, { clock });
    const silent = await Promise.all(Array.from({ length: 70 }, () => dial(seed.address)));
    for (const socket of silent) socket.resume();
    await until(async () => {
      await clock.advance(1000);
      return silent.every(({ closed }) => closed);
    });
    const leech = await ends.leech('one', bundle, finds(seed));
    await leech.torrent.whenComplete;
  });
});
