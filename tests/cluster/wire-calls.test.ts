// Requests over a wire find their answers, or an end.
import { expect, test } from 'vitest';
import {
  type AnswerMessage,
  answerCall,
  type CallMessage,
  callCases,
  WireCalls,
} from '../../cluster/wire-calls.ts';
import { type WireLink, type WireReceiver, wireBounds } from '../../cluster/wire-end.ts';
import { OpenWire } from '../../cluster/wire-link.ts';
import type { Outcome } from '../../runtime/behaviours.ts';
import { MalformedError, struct, text, uint, union } from '../../runtime/codec.ts';
import { ManualClock, messagesTravel } from './link-ends.ts';
import { helloOf, Witness } from './wire-ends.ts';
import { HandedSocket } from './wire-pair.ts';

const ask = struct({ name: text(100) });
const answer = struct({ length: uint });
const lane = union({ ...callCases });
const messages = { data: lane, control: lane };
type Message = CallMessage | AnswerMessage;
type Handle = (asked: { name: string }) => Outcome<{ length: number }> | Promise<Outcome<{ length: number }>>;

const lengthOf: Handle = ({ name }) => ({ ok: true, value: { length: name.length } });

/** Two links: `calls` asks on the one, `handle` answers on the other. */
function joined(handle: Handle = lengthOf, pendingMost = 4096) {
  const clock = new ManualClock();
  const witness = new Witness();
  const sockets = [new HandedSocket(), new HandedSocket()] as const;
  const open = (
    socket: HandedSocket,
    receiver: (link: WireLink<Message, Message>) => WireReceiver<Message, Message>,
  ) =>
    new OpenWire<Message, Message>({
      peer: { hello: helloOf(1), publicKey: new Uint8Array(32), protocol: 1 },
      socket,
      messages,
      onLink: receiver,
      log: witness.log,
      meter: witness.meter,
      clock,
      bounds: wireBounds,
      ended: () => {},
    });
  const answering = open(sockets[1], (link) => ({
    data: async (message) => {
      if (message.kind === 'call') link.post(await answerCall({ ask, answer }, message, handle));
    },
    control() {},
    closed() {},
  }));
  let calls: WireCalls<{ name: string }, { length: number }> | null = null;
  const asking = open(sockets[0], () => ({
    data: (message) => {
      if (message.kind === 'answer') calls?.take(message);
    },
    control() {},
    closed: () => calls?.close(),
  }));
  calls = new WireCalls({
    ask,
    answer,
    send: (message) => asking.post(message),
    clock,
    pendingMost,
    meter: witness.meter,
  });
  sockets[0].to = (frame) => answering.take(frame);
  sockets[1].to = (frame) => asking.take(frame);
  return { calls, asking, answering, clock, witness, sockets };
}

test('each call gets its own answer', async () => {
  const { calls } = joined();
  const outcomes = await Promise.all(['a', 'bb', '', 'dddd'].map((name) => calls.call({ name })));
  expect(outcomes.map((outcome) => outcome.ok && outcome.value.length)).toEqual([1, 2, 0, 4]);
  expect(calls.pending).toBe(0);
});

test('a rejection comes as it was given', async () => {
  const { calls } = joined(() => ({ ok: false, rejection: { code: 'taken', message: 'There is one.' } }));
  expect(await calls.call({ name: 'ada' })).toEqual({
    ok: false,
    rejection: { code: 'taken', message: 'There is one.' },
  });
});

test('a call without an answer is unavailable after 10 s, and its late answer is nobody’s', async () => {
  let give = (_outcome: Outcome<{ length: number }>): void => {};
  const { calls, clock, asking, witness } = joined(
    () =>
      new Promise((resolve) => {
        give = resolve;
      }),
  );
  const outcome = calls.call({ name: 'ada' });
  await messagesTravel();
  await clock.advance(10_250);
  expect(await outcome).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
  expect(witness.of('calls-timed-out')).toBe(1);
  give({ ok: true, value: { length: 3 } });
  await messagesTravel();
  expect(asking.isOpen).toBe(true);
});

test('calls are unavailable once the link is gone', async () => {
  const { calls, asking } = joined(() => new Promise(() => {}));
  const outcome = calls.call({ name: 'ada' });
  asking.close('leaving');
  expect(await outcome).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
  expect(await calls.call({ name: 'bob' })).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
});

test('calls beyond the bound are busy', async () => {
  const { calls } = joined(() => new Promise(() => {}), 2);
  void calls.call({ name: 'a' });
  void calls.call({ name: 'b' });
  expect(await calls.call({ name: 'c' })).toMatchObject({ ok: false, rejection: { code: 'busy' } });
});

test('an ask that is none is answered invalid', async () => {
  const said = await answerCall({ ask, answer }, { kind: 'call', id: 7, ask: ['x'.repeat(101)] }, lengthOf);
  expect(said).toMatchObject({ kind: 'answer', id: 7, rejection: { code: 'invalid' } });
});

test('an answer that is none settles the call and is the peer’s fault', async () => {
  const { calls } = joined(() => new Promise(() => {}));
  const outcome = calls.call({ name: 'ada' });
  expect(() => calls.take({ kind: 'answer', id: 1, value: ['three'], rejection: null })).toThrow(
    MalformedError,
  );
  expect(await outcome).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
});
