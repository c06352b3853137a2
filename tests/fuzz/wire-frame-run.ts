// Hostile frames in great number, straight into links between machines and their greetings. By real sockets: wire-socket-run.ts.
import type { WireEnding } from '../../cluster/wire-close.ts';
import { type WireEndOptions, wireBounds } from '../../cluster/wire-end.ts';
import { WireGreeting } from '../../cluster/wire-greeting.ts';
import { OpenWire } from '../../cluster/wire-link.ts';
import { noWireMeter, type WireLog } from '../../cluster/wire-meter.ts';
import type { WireSocket } from '../../cluster/wire-outbox.ts';
import { ManualClock, messagesTravel } from '../cluster/link-ends.ts';
import { type Control, type Data, entry, helloOf, testMessages } from '../cluster/wire-ends.ts';
import { wirePair } from '../cluster/wire-pair.ts';
import { chanceOf } from './chance.ts';
import { liveBytes } from './live-bytes.ts';
import { hostileFrame, rightHello } from './wire-input.ts';

export interface WireRun {
  seed: number;
  /** Frames in all. */
  frames: number;
}

export interface WireReport {
  frames: number;
  /** What became of them. */
  outcomes: Map<string, number>;
  /** Messages that honest links exchanged meanwhile. */
  exchanged: number;
  /** Reachable after the warm-up, and at the end. */
  liveBytes: { before: number; after: number };
  framesPerS: number;
}

const warmUpShare = 0.3;
const helloShare = 0.15;

const noSocket: WireSocket & { listen(): void } = {
  send: (_frame, taken) => {
    setImmediate(taken);
  },
  close() {},
  listen() {},
};

/** Rejects when anything but taking a frame or refusing it as malformed comes of one. */
export async function fuzzFrames(
  run: WireRun,
  messages: WireEndOptions<Data, Control>['messages'] = testMessages,
): Promise<WireReport> {
  const chance = chanceOf(run.seed);
  const outcomes = new Map<string, number>();
  const tally = (outcome: string): void => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  const errors: string[] = [];
  const log: WireLog = {
    info() {},
    warn() {},
    error(fields, text) {
      // A hello that was right but for the hash in it: the alarm is what should come of it.
      if (!isConflict(fields)) errors.push(`${text}: ${JSON.stringify(fields)}`);
    },
  };
  const clock = new ManualClock();
  const honest = wirePair();

  let ending: WireEnding | null = null;
  const open = (): OpenWire<Data, Control> =>
    new OpenWire({
      peer: { hello: helloOf(2), publicKey: new Uint8Array(32), protocol: 2 },
      socket: noSocket,
      messages,
      onLink: () => ({ data() {}, control() {}, closed() {} }),
      log,
      meter: noWireMeter,
      clock,
      bounds: wireBounds,
      ended: (ended) => {
        ending = ended;
      },
    });
  const greet = (): WireGreeting =>
    new WireGreeting({
      socket: noSocket,
      publicKey: new Uint8Array(32),
      hello: () => helloOf(1),
      admits: () => ({ ok: true }),
      log,
      greeted() {},
      failed: (ended) => {
        ending = ended;
      },
    });

  let link = open();
  let liveBefore = 0;
  let exchanged = 0;
  const startedMs = performance.now();
  for (let count = 0; count < run.frames; count++) {
    if (count === Math.round(run.frames * warmUpShare)) liveBefore = await liveBytes();
    const isHello = chance.hits(helloShare);
    const frame = isHello ? hostileFrame(chance, rightHello) : hostileFrame(chance);
    try {
      ending = null;
      if (isHello) greet().take(frame);
      else link.take(frame);
      tally(outcomeOf(isHello ? 'hello' : 'frame', ending));
      if (errors.length > 0) throw new Error(errors[0]);
    } catch (error) {
      const where = `seed ${run.seed}, frame ${count}: ${Buffer.from(frame).toString('hex')}`;
      throw new Error(where, { cause: error });
    }
    if (!link.isOpen) link = open();
    if (count % 500 === 0) exchanged += await exchange(honest, count);
  }
  const framesPerS = run.frames / ((performance.now() - startedMs) / 1000);
  link.close('over');
  const liveAfter = await liveBytes();
  return {
    frames: run.frames,
    outcomes,
    exchanged,
    liveBytes: { before: liveBefore, after: liveAfter },
    framesPerS,
  };
}

function outcomeOf(what: string, ending: WireEnding | null): string {
  if (ending === null) return `${what} taken`;
  if (ending.by === 'here' && ['malformed', 'wrong-cluster', 'self', 'protocol'].includes(ending.reason))
    return `${what} ${ending.reason}: ${ending.text.replace(/\d+/g, 'n').slice(0, 60)}`;
  throw new Error(`ended by ${JSON.stringify(ending)}`);
}

/** A message each way on a link that nobody means harm. What the ends of tests remember of it is forgotten. */
async function exchange({ near, far }: ReturnType<typeof wirePair>, count: number): Promise<number> {
  near.link.post(entry(count));
  far.link.control({ kind: 'ping', id: count });
  await messagesTravel();
  const here = near.witness.control.splice(0);
  const there = far.witness.data.splice(0);
  if (here.length !== 1 || there.length !== 1)
    throw new Error(`after ${count} frames an honest link stands still`);
  for (const { witness, socket } of [near, far]) {
    witness.order.length = 0;
    socket.sent.length = 0;
  }
  return here.length + there.length;
}

export function isConflict(fields: object): boolean {
  return 'reason' in fields && fields.reason === 'manifest-conflict';
}
