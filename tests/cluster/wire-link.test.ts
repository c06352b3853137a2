// What an open link promises: order, lanes, credits, bounds, an end that both hear of. Without a network.
import { describe, expect, test } from 'vitest';
import { closeCodeOf } from '../../cluster/wire-close.ts';
import { messageMostBytes, packWire } from '../../cluster/wire-frame.ts';
import { MalformedError } from '../../runtime/codec.ts';
import { until } from '../support/until.ts';
import { messagesTravel } from './link-ends.ts';
import { dataFrame, entry } from './wire-ends.ts';
import { wirePair } from './wire-pair.ts';

const mebibyte = 1024 * 1024;

/** A gate that lets one message through at a time. */
function gate(): { pass: () => void; wait: () => Promise<void>; waiting: () => number } {
  const waits: (() => void)[] = [];
  return {
    pass: () => waits.shift()?.(),
    wait: () =>
      new Promise((resolve) => {
        waits.push(resolve);
      }),
    waiting: () => waits.length,
  };
}

describe('messages', () => {
  test('of a lane come in the order in which they were posted', async () => {
    const { near, far } = wirePair();
    for (let seq = 0; seq < 20_000; seq++) {
      near.link.post(entry(seq, 100));
      if (seq % 7000 === 0) await messagesTravel();
    }
    await until(() => far.witness.data.length === 20_000, { everyMs: 1 });
    expect(far.witness.seqs()).toEqual(Array.from({ length: 20_000 }, (_, seq) => seq));
  });

  test('of one turn share one frame', async () => {
    const { near, far } = wirePair();
    for (let seq = 0; seq < 50; seq++) near.link.post(entry(seq));
    await messagesTravel();
    expect(near.socket.sent).toHaveLength(1);
    expect(far.witness.data).toHaveLength(50);

    for (let seq = 50; seq < 53; seq++) near.link.post(entry(seq));
    near.link.control({ kind: 'ping', id: 1 });
    await messagesTravel();
    expect(near.socket.sent).toHaveLength(3);
  });

  test('go in frames of a quarter of a MiB, and a longer one goes alone', async () => {
    const { near, far } = wirePair();
    for (let seq = 0; seq < 100; seq++) near.link.post(entry(seq, 10_000));
    near.link.post(entry(100, 900_000));
    near.link.post(entry(101, 10));
    await until(() => far.witness.data.length === 102, { everyMs: 1 });
    const sizes = near.socket.sent.map((frame) => frame.length);
    expect(sizes.map((size) => Math.round(size / 10_000))).toEqual([26, 26, 26, 22, 90, 0]);
    expect(Math.max(...sizes.slice(0, 4))).toBeLessThan(256 * 1024 + 8);
  });

  test('that no frame can hold are the poster’s bug, and the link goes on', async () => {
    const { near, far } = wirePair();
    expect(() => near.link.post(entry(1, messageMostBytes))).toThrow(RangeError);
    near.link.post(entry(2, messageMostBytes - 40));
    await until(() => far.witness.data.length === 1, { everyMs: 1 });
    expect(near.link.isOpen && far.link.isOpen).toBe(true);
  });

  test('may change after they were posted', async () => {
    const { near, far } = wirePair();
    const value = Buffer.from('before');
    near.link.post({ kind: 'entry', seq: 1, value });
    value.fill(0);
    await messagesTravel();
    expect(far.witness.data[0]).toMatchObject({ value: Buffer.from('before') });
  });

  test('wait for the one before them on their lane, and for none on the other', async () => {
    const { near, far } = wirePair();
    const { wait, pass } = gate();
    far.witness.dataGate = wait;
    near.link.post(entry(1));
    near.link.post(entry(2));
    near.link.control({ kind: 'ping', id: 1 });
    near.link.control({ kind: 'ping', id: 2 });
    await messagesTravel();
    expect(far.witness.seqs()).toEqual([1]);
    expect(far.witness.control).toHaveLength(2);
    pass();
    await messagesTravel();
    expect(far.witness.seqs()).toEqual([1, 2]);
  });
});

describe('control', () => {
  test('goes before data that waits for the socket', async () => {
    const { near, far } = wirePair();
    const deliver = near.socket.to;
    near.socket.to = null;
    for (let seq = 0; seq < 100; seq++) near.link.post(entry(seq, 100_000));
    await messagesTravel();
    near.link.control({ kind: 'ping', id: 1 });
    await messagesTravel();
    expect(near.socket.waitingBytes).toBeLessThan(300_000);
    near.socket.to = deliver;
    near.socket.pass();
    await until(() => far.witness.data.length === 100, { everyMs: 1 });
    expect(far.witness.order.indexOf('ping')).toBe(2);
  });

  test('passes while data has no credit left', async () => {
    const { near, far } = wirePair();
    const { wait } = gate();
    far.witness.dataGate = wait;
    for (let seq = 0; seq < 300; seq++) near.link.post(entry(seq, 100_000));
    await messagesTravel();
    for (let id = 0; id < 2000; id++) {
      near.link.control({ kind: 'ping', id });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => far.witness.control.length === 2000, { everyMs: 1 });
    expect(far.witness.data).toHaveLength(1);
  });
});

describe('credits', () => {
  test('stop a flood at 8 MiB under way until some of it is processed', async () => {
    const { near, far } = wirePair();
    const { wait, pass } = gate();
    far.witness.dataGate = wait;
    for (let seq = 0; seq < 400; seq++) near.link.post(entry(seq, 100_000));
    for (let times = 0; times < 10; times++) await messagesTravel();
    const underWay = near.socket.sent.reduce((sum, { length }) => sum + length, 0);
    expect(underWay).toBeLessThanOrEqual(8 * mebibyte);
    expect(underWay).toBeGreaterThan(7 * mebibyte);
    expect(near.link.unprocessedBytes).toBe(underWay);
    expect(near.link.backlogBytes).toBeGreaterThan(30 * mebibyte);

    let most = 0;
    for (let round = 0; far.witness.data.length < 400; round++) {
      pass();
      await messagesTravel();
      most = Math.max(most, near.link.unprocessedBytes);
      expect(round).toBeLessThan(1000);
    }
    pass();
    await messagesTravel();
    expect(most).toBeLessThanOrEqual(8 * mebibyte);
    expect(near.link.backlogBytes).toBe(0);
    expect(far.witness.seqs()).toEqual(Array.from({ length: 400 }, (_, seq) => seq));
  });

  test('stop a flood at 1,024 frames', async () => {
    const { near, far } = wirePair();
    far.witness.dataGate = gate().wait;
    for (let seq = 0; seq < 1500; seq++) {
      near.link.post(entry(seq));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(near.socket.sent).toHaveLength(1024);
  });

  test('are returned when a promise is settled, and not before', async () => {
    const { near, far } = wirePair();
    const { wait, pass } = gate();
    far.witness.dataGate = wait;
    near.link.post(entry(1, mebibyte - 100));
    near.link.post(entry(2, mebibyte - 100));
    await messagesTravel();
    expect(far.socket.sent).toHaveLength(0);
    pass();
    await messagesTravel();
    pass();
    await messagesTravel();
    expect(far.socket.sent.length).toBeGreaterThan(0);
    expect(near.link.unprocessedBytes).toBe(0);
  });

  test('keep what waits at a slow receiver as bytes, within its window', async () => {
    const { near, far } = wirePair({ queueBytes: 4 * 1024 * mebibyte });
    const { wait, pass, waiting } = gate();
    far.witness.dataGate = wait;
    let posted = 0;
    for (let turn = 0; turn < 2000; turn++) {
      if (near.link.writable())
        for (let count = 0; count < 20; count++) near.link.post(entry(posted++, 10_000));
      if (waiting() > 0) pass();
      await new Promise((resolve) => setImmediate(resolve));
      expect(near.link.unprocessedBytes).toBeLessThanOrEqual(8 * mebibyte);
      expect(near.link.backlogBytes).toBeLessThan(2 * mebibyte);
    }
    expect(posted).toBeGreaterThan(1500);
    expect(near.witness.writable).toBeGreaterThan(0);
  });

  test('nobody had given end the link as malformed', async () => {
    const { near, far } = wirePair();
    far.witness.dataGate = gate().wait;
    for (let count = 0; count < 1024; count++) far.link.take(dataFrame(entry(count)));
    expect(far.link.isOpen).toBe(true);
    far.link.take(dataFrame(entry(1024)));
    expect(far.link.isOpen).toBe(false);
    expect(far.socket.farewell).toMatchObject({ code: closeCodeOf('malformed') });
    expect(near.link.isOpen).toBe(true);
  });

  test.each([
    ['more frames than were sent', [2, 0, 0, 0]],
    ['more bytes than were sent', [0, 1_000_000, 0, 0]],
    ['what was returned before, less', [0, 0, 0, 0], [1, 0, 0, 0]],
  ])('that return %s end the link as malformed', async (_what, credit, before: number[] | null = null) => {
    const { near } = wirePair();
    near.link.post(entry(1));
    await messagesTravel();
    if (before !== null) near.link.take(packWire('credit', before));
    expect(near.link.isOpen).toBe(true);
    near.link.take(packWire('credit', credit));
    expect(near.link.isOpen).toBe(false);
    expect(near.witness.of('malformed-frames')).toBe(1);
  });
});

describe('a peer that does not keep up', () => {
  test('is closed as slow-peer beyond the bound, and whoever posts is not called back in the middle of it', async () => {
    const { near, far } = wirePair({ queueBytes: mebibyte });
    far.witness.dataGate = gate().wait;
    for (let seq = 0; near.link.isOpen; seq++) {
      near.link.post(entry(seq, 50_000));
      if (seq % 10 === 0) await messagesTravel();
      if (!near.link.isOpen) expect(near.witness.endings).toEqual([]);
    }
    await messagesTravel();
    expect(near.witness.endings).toEqual([expect.objectContaining({ reason: 'slow-peer', by: 'here' })]);
    expect(near.socket.farewell).toMatchObject({ code: closeCodeOf('slow-peer') });
    expect(near.witness.of('slow-peers')).toBe(1);
    expect(near.link.backlogBytes).toBeLessThan(mebibyte);
    near.link.post(entry(0));
    near.link.control({ kind: 'ping', id: 0 });
  });

  test('is not writable above 1 MiB, and is again when half of it is gone', async () => {
    const { near, far } = wirePair();
    const { wait, pass } = gate();
    far.witness.dataGate = wait;
    while (near.link.writable()) near.link.post(entry(0, 100_000));
    for (let seq = 0; seq < 80; seq++) near.link.post(entry(seq, 100_000));
    await messagesTravel();
    expect(near.link.writable()).toBe(false);
    expect(near.witness.writable).toBe(0);
    for (let count = 0; count < 100; count++) {
      pass();
      await messagesTravel();
    }
    expect(near.link.writable()).toBe(true);
    expect(near.witness.writable).toBe(1);
  });

  test('is closed as slow-peer when the network takes nothing for it for 10 s', async () => {
    const { near, far, clock } = wirePair();
    near.socket.to = null;
    near.link.post(entry(1));
    for (let second = 0; second < 14 && near.link.isOpen; second++) {
      far.link.control({ kind: 'ping', id: second });
      await clock.advance(1000);
    }
    await messagesTravel();
    expect(near.witness.endings).toEqual([expect.objectContaining({ reason: 'slow-peer' })]);
  });
});

describe('silence', () => {
  test('ends a link after 10 s', async () => {
    const { near, far, clock } = wirePair();
    far.socket.to = null;
    await clock.advance(13_000);
    expect(near.witness.endings).toEqual([expect.objectContaining({ reason: 'silent-peer', by: 'here' })]);
    expect(near.witness.of('silent-peers')).toBe(1);
  });

  test('is not that of a peer with nothing to say', async () => {
    const { near, far, clock } = wirePair();
    await clock.advance(60_000);
    expect(near.link.isOpen && far.link.isOpen).toBe(true);
    expect(near.socket.sent.length).toBeLessThan(30);
  });

  test('is not the peer’s when this process stood still', async () => {
    const { near, far, clock } = wirePair();
    clock.jump(120_000);
    clock.runDue();
    await messagesTravel();
    await clock.advance(5000);
    expect(near.link.isOpen && far.link.isOpen).toBe(true);
  });
});

describe('an end', () => {
  test('takes along what was posted before', async () => {
    const { near, far } = wirePair();
    near.link.post(entry(1));
    near.link.control({ kind: 'stop', why: 'leaving' });
    near.link.close('done');
    await messagesTravel();
    expect(far.witness.order).toEqual(['stop', 'entry']);
    expect(near.socket.farewell).toEqual({ code: 1000, text: 'done' });
    expect(near.witness.endings).toEqual([{ reason: 'goodbye', text: 'done', by: 'here' }]);
    near.link.close('again');
    await messagesTravel();
    expect(near.witness.endings).toHaveLength(1);
  });

  test('lets no message through after it', async () => {
    const { near, far } = wirePair();
    far.witness.dataGate = (message) => {
      if (message.kind === 'entry' && message.seq === 2) far.link.close('enough');
    };
    for (let seq = 1; seq < 6; seq++) near.link.post(entry(seq));
    await messagesTravel();
    expect(far.witness.seqs()).toEqual([1, 2]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no disk');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no disk'))],
  ])('follows when a handler %s, with the fault in the log', async (_how, handle) => {
    const { near, far } = wirePair();
    far.witness.dataGate = handle;
    near.link.post(entry(1));
    near.link.post(entry(2));
    await messagesTravel();
    expect(far.witness.data).toHaveLength(1);
    expect(far.witness.endings).toEqual([expect.objectContaining({ reason: 'fault', by: 'here' })]);
    expect(far.witness.said).toContainEqual(
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ error: expect.stringContaining('no disk') }),
      }),
    );
  });

  test('follows as malformed when a handler finds bad bytes within', async () => {
    const { near, far } = wirePair();
    far.witness.dataGate = () => Promise.reject(new MalformedError('key', 'a key'));
    near.link.post(entry(1));
    await messagesTravel();
    expect(far.witness.endings).toEqual([expect.objectContaining({ reason: 'malformed' })]);
  });

  test.each<[string, Uint8Array]>([
    ['no frame', Buffer.from([0xc1])],
    ['nothing', new Uint8Array()],
    ['a frame of an unknown kind', Buffer.from([0x92, 0x09, 0x90])],
    ['a second hello', packWire('hello', [])],
    ['a second acceptance', packWire('accepted', [2])],
    ['messages that are no list', Buffer.from([0x92, 0x00, 0x01])],
    ['an unknown message', Buffer.from([0x92, 0x00, 0x91, 0x92, 0xa1, 0x61, 0x90])],
    ['a data message on the control lane', Buffer.from(dataFrame(entry(1))).fill(1, 1, 2)],
    [
      'lists without end',
      Buffer.concat([Buffer.from([0x92, 0x00]), Buffer.alloc(1000, 0x91), Buffer.from([0xc0])]),
    ],
    ['a count of four thousand million', Buffer.from([0x92, 0x00, 0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['an extension', Buffer.from([0x92, 0x00, 0x91, 0xd4, 0x00, 0x00])],
    [
      'a MiB of empty lists',
      Buffer.concat([Buffer.from([0x92, 0x00, 0xdd, 0x00, 0x0f, 0x00, 0x00]), Buffer.alloc(0xf0000, 0x90)]),
    ],
    ['bytes behind the frame', Buffer.concat([dataFrame(entry(1)), Buffer.from([0xc0])])],
  ])('follows as malformed upon %s', async (_what, frame) => {
    const { far } = wirePair();
    far.link.take(frame);
    await messagesTravel();
    expect(far.witness.endings).toEqual([expect.objectContaining({ reason: 'malformed', by: 'here' })]);
    expect(far.witness.of('malformed-frames')).toBe(1);
    expect(far.socket.farewell).toMatchObject({ code: closeCodeOf('malformed') });
    expect(far.witness.data).toEqual([]);
  });

  test('follows upon more values than a frame may have before they are made objects of', async () => {
    const { far } = wirePair();
    const head = Buffer.from([0x92, 0x00, 0xdd, 0x00, 0x04, 0x00, 0x01]);
    far.link.take(Buffer.concat([head, Buffer.alloc(0x40001, 0x90)]));
    await messagesTravel();
    expect(far.witness.endings[0]?.text).toContain('more than 262144 values');
  });
});
