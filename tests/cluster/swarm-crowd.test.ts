// How peers meet and part, and caps that hold for all of them together.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { ManualClock } from './link-ends.ts';
import { dialServed, Ends, expectSame, finds, frameOf } from './swarm-ends.ts';

let ends: Ends;
beforeEach(() => {
  ends = new Ends();
});
afterEach(() => ends.close());

describe('peers', () => {
  test('hear of each other from one that all know', async () => {
    const bundle = await ends.bundle({ a: 1_000_000 });
    const seed = await ends.seed(bundle, { rates: { up: 0, down: null } });
    const first = await ends.leech('one', bundle, finds(seed));
    await until(() => first.torrent.progress.peers === 1);
    const second = await ends.leech('two', bundle, finds(seed));
    await until(() => first.torrent.progress.peers === 2 && second.torrent.progress.peers === 2);
  });

  test('that dial each other at once keep one connection, and nobody is connected to itself', async () => {
    const bundle = await ends.bundle({ a: 1_000_000 });
    const nodes = await Promise.all(['one', 'two', 'three'].map((name) => ends.leech(name, bundle)));
    const addresses = nodes.map(({ address }) => address);
    for (const { torrent } of nodes) torrent.addPeers(addresses);
    await until(() => nodes.every(({ torrent }) => torrent.progress.peers === 2));
    const sockets = (): number => nodes.reduce((sum, { torrent }) => sum + torrent.progress.peers, 0);
    // Twins that were dialed at the same time are closed by now, and no others are dialed.
    for (let look = 0; look < 20; look++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(sockets()).toBeLessThanOrEqual(6);
    }
  });

  test('that ask twice for a block get it once, and what they call off not at all', async () => {
    const bundle = await ends.bundle({ a: 65_536 });
    const seed = await ends.seed(bundle, { rates: { up: 0, down: null } });
    const { socket, heard } = await dialServed(seed.address, bundle);
    const block = (number: number): Buffer =>
      Buffer.from(Uint32Array.of(0, number * 16_384, 16_384).buffer).swap32();
    // The cap lets two blocks through at first, and then nothing.
    socket.write(Buffer.concat([3, 3, 1, 1, 0, 2, 0, 2].map((number) => frameOf(6, block(number)))));
    await until(() => heard.filter(({ kind }) => kind === 7).length === 2);
    socket.write(frameOf(8, block(0)));
    socket.write(frameOf(20, Buffer.from([1]), Buffer.from('d8:msg_typei0e5:piecei0ee')));
    socket.write(frameOf(20, Buffer.from([0]), Buffer.from('d1:md11:ut_metadatai9eee')));
    socket.write(frameOf(20, Buffer.from([1]), Buffer.from('d8:msg_typei0e5:piecei0ee')));
    await until(() => heard.some(({ kind, body }) => kind === 20 && body[0] === 9));
    seed.swarm.setRates({ up: null, down: null });
    await until(() => heard.filter(({ kind }) => kind === 7).length === 3);
    socket.write(frameOf(6, block(0)));
    await until(() => heard.filter(({ kind }) => kind === 7).length === 4);
    const sent = heard.filter(({ kind }) => kind === 7).map(({ body }) => body.readUInt32BE(4) / 16_384);
    expect(sent).toEqual([3, 1, 2, 0]);
  });

  test('may say again what they have, as some clients do', async () => {
    const bundle = await ends.bundle({ a: 2_000_000 });
    const visitor = await ends.visitor({ bundle, saysTwice: true, answer: ({ right }) => right });
    const leech = await ends.leech('one', bundle, finds(visitor));
    await leech.torrent.whenComplete;
    await expectSame(leech.folder, bundle);
  });

  test('that are whole part', async () => {
    const bundle = await ends.bundle({ a: 100_000 });
    const seed = await ends.seed(bundle);
    const leech = await ends.leech('one', bundle, finds(seed));
    await leech.torrent.whenComplete;
    await until(() => seed.torrent.progress.peers === 0 && leech.torrent.progress.peers === 0);
  });

  test('of several torrents share a port', async () => {
    const one = await ends.bundle({ a: 200_000 }, 'a');
    const other = await ends.bundle({ b: 200_000 }, 'b');
    const seed = await ends.seed(one);
    await ends.seed(other, { swarm: seed.swarm });
    const swarm = await ends.swarm();
    const leeches = await Promise.all([
      ends.leech('one', one, { swarm, ...finds(seed) }),
      ends.leech('two', other, { swarm, ...finds(seed) }),
    ]);
    await Promise.all(leeches.map(({ torrent }) => torrent.whenComplete));
    expect(() => swarm.add({ hash: one.info.hash, info: one.info, folder: 'x' })).toThrow('there already');
    await leeches[0]?.torrent.remove();
    expect(swarm.torrents).toHaveLength(1);
  });
});

describe('a cap', () => {
  const capped = 1_000_000;

  test('on what goes out holds for all torrents and peers together', async () => {
    const clock = new ManualClock();
    const one = await ends.bundle({ a: 3_000_000 }, 'a');
    const other = await ends.bundle({ a: 3_000_000 }, 'b');
    const seed = await ends.seed(one, { clock, rates: { up: capped, down: null } });
    const second = await ends.seed(other, { swarm: seed.swarm });
    const leeches = [
      await ends.leech('one', one, finds(seed)),
      await ends.leech('two', one, finds(seed)),
      await ends.leech('three', other, finds(seed)),
    ];
    const sent = (): number => seed.torrent.progress.sentBytes + second.torrent.progress.sentBytes;
    const startMs = clock.nowMs();
    await until(async () => {
      await clock.advance(100);
      expect(sent()).toBeLessThanOrEqual(((clock.nowMs() - startMs) * capped) / 1000 + capped / 4);
      return sent() > 2_000_000;
    });
    seed.swarm.setRates({ up: null, down: null });
    await until(async () => {
      await clock.advance(100);
      return leeches.every(({ torrent }) => torrent.stage === 'complete');
    });
  });

  test('on what comes in holds', async () => {
    const clock = new ManualClock();
    const bundle = await ends.bundle({ a: 3_000_000 });
    const seeds = [await ends.seed(bundle), await ends.seed(bundle)];
    const swarm = await ends.swarm({ clock, rates: { up: null, down: capped } });
    const startMs = clock.nowMs();
    const { torrent } = await ends.leech('one', bundle, { swarm, ...finds(...seeds) });
    await until(async () => {
      await clock.advance(100);
      const mostBytes = ((clock.nowMs() - startMs) * capped) / 1000 + capped / 4;
      expect(torrent.progress.movedBytes).toBeLessThanOrEqual(mostBytes);
      return torrent.stage === 'complete';
    });
    expect(torrent.progress.haveBytes).toBe(3_000_000);
  });
});

test('a swarm that cannot listen says so, and one that is closed takes nothing more', async () => {
  const swarm = await ends.swarm();
  await expect(ends.swarm({ port: swarm.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await Promise.all([swarm.close(), swarm.close()]);
  const bundle = await ends.bundle({ a: 10 });
  expect(() => swarm.add({ hash: bundle.info.hash, info: bundle.info, folder: 'x' })).toThrow('closed');
});
