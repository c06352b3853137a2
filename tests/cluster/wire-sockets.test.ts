// Links between machines over real TLS: what one peer does stays with it, and both ends hear of the end.
import { afterEach, describe, expect, test } from 'vitest';
import { closeCodeOf } from '../../cluster/wire-close.ts';
import { until } from '../support/until.ts';
import { messagesTravel } from './link-ends.ts';
import { entry, helloOf, nodeKey, WireEnds } from './wire-ends.ts';

const ends = new WireEnds();
afterEach(() => ends.close());

const mebibyte = 1024 * 1024;

test('30,000 messages come in order, both ways at once', async () => {
  const { near, far } = await ends.linked();
  const most = 15_000;
  for (let seq = 0; seq < most; seq++) {
    near.link.post(entry(seq, 200));
    far.link.post(entry(seq, 200));
    if (seq % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => near.data.length === most && far.data.length === most, { everyMs: 1 });
  const inOrder = Array.from({ length: most }, (_, seq) => seq);
  expect(far.seqs()).toEqual(inOrder);
  expect(near.seqs()).toEqual(inOrder);
  expect(near.of('frames-out')).toBeLessThan(200);
});

test('control overtakes megabytes of data', async () => {
  const { near, far } = await ends.linked();
  for (let seq = 0; seq < 200; seq++) near.link.post(entry(seq, 100_000));
  await messagesTravel();
  near.link.control({ kind: 'ping', id: 1 });
  await until(() => far.data.length === 200, { everyMs: 1 });
  expect(far.control).toHaveLength(1);
  expect(far.order.indexOf('ping')).toBeLessThan(150);
});

describe('a stalled peer', () => {
  test('that reads nothing is closed as slow-peer, and another link lives on', async () => {
    const server = await ends.server({ bounds: { queueBytes: 4 * mebibyte } });
    const hand = await (await ends.byHand(server.server.port)).introduce();
    await until(() => server.witness.links.length === 1, { everyMs: 1 });
    const stalled = server.witness.link;
    const { witness } = await ends.dial(server, { key: nodeKey(3) });
    await until(() => server.witness.links.length === 2, { everyMs: 1 });
    hand.connection.pause();

    let answered = 0;
    for (let seq = 0; stalled.isOpen; seq++) {
      stalled.post(entry(seq, 100_000));
      expect(stalled.backlogBytes).toBeLessThan(5 * mebibyte);
      if (seq % 20 === 0) {
        witness.link.control({ kind: 'ping', id: seq });
        await messagesTravel();
        answered++;
      }
    }
    await until(() => server.witness.endings.length === 1, { everyMs: 1 });
    expect(server.witness.endings).toEqual([expect.objectContaining({ reason: 'slow-peer', by: 'here' })]);
    await until(() => server.witness.control.length === answered, { everyMs: 1 });
    witness.link.post(entry(1));
    await until(() => server.witness.data.length === 1, { everyMs: 1 });
    expect(server.server.links.size).toBe(1);
  });

  test('that reads and does not process hears why it is closed', async () => {
    const { near, far } = await ends.linked({ server: { bounds: { queueBytes: mebibyte } } });
    near.dataGate = () => new Promise(() => {});
    for (let seq = 0; far.link.isOpen; seq++) {
      far.link.post(entry(seq, 100_000));
      if (seq % 2 === 0) await messagesTravel();
    }
    await until(() => near.endings.length === 1, { everyMs: 1 });
    expect(near.endings).toEqual([expect.objectContaining({ reason: 'slow-peer', by: 'there' })]);
    expect(near.data).toHaveLength(1);
  });
});

describe('the end', () => {
  test('by the dialer reaches the server with its reason', async () => {
    const { near, far, server } = await ends.linked();
    near.link.post(entry(1));
    near.link.close('moved away', 'duplicate');
    await until(() => far.endings.length === 1, { everyMs: 1 });
    expect(far.data).toHaveLength(1);
    expect(far.endings).toEqual([{ reason: 'duplicate', text: 'moved away', by: 'there' }]);
    expect(near.endings).toEqual([{ reason: 'duplicate', text: 'moved away', by: 'here' }]);
    expect(server.server.links.size).toBe(0);
  });

  test('of the server reaches all its links as going-away, and it listens no more', async () => {
    const { near, server } = await ends.linked();
    await ends.byHand(server.server.port);
    await server.server.close();
    await until(() => near.endings.length === 1, { everyMs: 1 });
    expect(near.endings).toEqual([expect.objectContaining({ reason: 'going-away', by: 'there' })]);
    expect((await ends.dial(server)).outcome).toMatchObject({ ending: { reason: 'unreachable' } });
  });

  test('without a farewell is a lost link', async () => {
    const server = await ends.server();
    const hand = await (await ends.byHand(server.server.port)).introduce();
    await until(() => server.witness.links.length === 1, { everyMs: 1 });
    hand.connection.destroy();
    await until(() => server.witness.endings.length === 1, { everyMs: 1 });
    expect(server.witness.endings).toEqual([expect.objectContaining({ reason: 'lost', by: 'there' })]);
  });

  test('does not wait for a peer that answers no farewell', async () => {
    const server = await ends.server();
    const hand = await (await ends.byHand(server.server.port)).introduce();
    await until(() => server.witness.links.length === 1, { everyMs: 1 });
    hand.connection.pause();
    server.witness.link.close('revoked', 'revoked-key');
    await server.server.close();
    hand.connection.resume();
    expect(await hand.closed).toMatchObject({ code: closeCodeOf('revoked-key') });
  });

  test('of a link in the very moment it opens is no harm', async () => {
    const server = await ends.server({
      onLink: (link) => {
        link.close('not now', 'duplicate');
        return { data() {}, control() {}, closed() {} };
      },
    });
    const { witness } = await ends.dial(server, { hello: () => helloOf(2) });
    await until(() => witness.endings.length === 1, { everyMs: 1 });
    expect(witness.endings).toEqual([{ reason: 'duplicate', text: 'not now', by: 'there' }]);
    expect(server.server.links.size).toBe(0);
  });
});
