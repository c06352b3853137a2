// Opens sockets soundly and unsoundly, sends one senseless frame after another, and looks at what comes back.
import type { Chance } from './chance.ts';
import { faultOfAnswer, readAnswers } from './http-answer.ts';
import type { Known } from './http-input.ts';
import { count, describe, type Tally } from './http-pest.ts';
import { faultOfFrame, frame, opcode, readFrames, type ServerFrame } from './socket-frame.ts';
import { type SocketInput, socketInput, upgrade } from './socket-input.ts';
import { type Place, Wire } from './wire.ts';

interface Pest {
  place: Place;
  chance: Chance;
  known: Known;
  tally: Tally;
}

const quietMs = 40;
/** How often an upgrade has something wrong: the others are followed by frames. */
const unsoundShare = 0.3;

export async function pesterBySocket(pest: Pest, inputs: number): Promise<void> {
  const { chance, tally } = pest;
  let wire: Wire | null = null;
  for (let number = 0; number < inputs; number++) {
    tally.inputs++;
    if (wire === null || wire.isClosed) {
      wire = await open(pest, !chance.hits(unsoundShare));
      continue;
    }
    const input = socketInput(chance);
    try {
      wire = await sendInput(input, wire, pest);
    } catch (fault) {
      throw new Error(`${input.kind}, ${describe(input.bytes)}: ${String(fault)}`, { cause: fault });
    }
  }
  wire?.drop();
}

/** The socket; null when it was refused. Throws when a sound upgrade is refused. */
async function open({ place, chance, known, tally }: Pest, sound: boolean): Promise<Wire | null> {
  const bytes = upgrade(chance, known, sound);
  const wire = await Wire.open(place);
  wire.send(bytes);
  const isAnswered = (): boolean => wire.received.includes('\r\n\r\n');
  if (sound) await wire.until(isAnswered);
  else await wire.until(isAnswered, quietMs);
  const head = wire.received
    .subarray(0, Math.max(0, wire.received.indexOf('\r\n\r\n') + 4))
    .toString('latin1');
  if (/^HTTP\/1\.1 101 /.test(head)) {
    count(tally, `${sound ? 'sound' : 'unsound'} upgrade 101`);
    wire.received = wire.received.subarray(Buffer.byteLength(head, 'latin1'));
    return wire;
  }
  if (sound) throw new Error(`a sound upgrade was refused: ${head} for ${describe(bytes)}`);
  wire.finish();
  await wire.until(() => false);
  for (const answer of readAnswers(wire.received, false).answers) {
    const fault = faultOfAnswer(answer);
    if (fault !== null) throw new Error(`${fault} for ${describe(bytes)}`);
  }
  count(tally, `unsound upgrade ${/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 'closed'}`);
  return null;
}

async function sendInput(input: SocketInput, wire: Wire, { chance, tally }: Pest): Promise<Wire | null> {
  const proof = chance.bytes(8);
  wire.send(input.bytes);
  if (input.isWhole) wire.send(frame({ opcode: opcode.ping, payload: proof }, chance));
  const seen: ServerFrame[] = [];
  const take = (): void => {
    const { frames, rest } = readFrames(wire.received);
    wire.received = rest;
    for (const one of frames) {
      const fault = faultOfFrame(one);
      if (fault !== null) throw new Error(fault);
      seen.push(one);
    }
  };
  const isOver = (): boolean => {
    take();
    return seen.some(
      ({ opcode: kind, payload }) => kind === opcode.close || (kind === opcode.pong && payload.equals(proof)),
    );
  };
  if (input.isWhole) await wire.until(isOver);
  else await wire.until(isOver, quietMs);
  take();
  const closing = seen.find(({ opcode: kind }) => kind === opcode.close);
  const refusals = seen.filter(
    ({ opcode: kind, payload }) => kind === opcode.text && payload.includes('"error"'),
  ).length;
  const isOpen = closing === undefined && !wire.isClosed;
  const end = closing === undefined ? (isOpen ? '' : ' closed') : ` closed with ${closeCode(closing)}`;
  count(
    tally,
    `${input.kind}${refusals > 0 ? ' refused' : ''}${end === '' && refusals === 0 ? ' taken' : end}`,
  );
  if (isOpen && input.isWhole) return wire;
  // Whoever has said that it closes, and whoever is left by its client, has to let go.
  wire.finish();
  await wire.until(() => false);
  return null;
}

function closeCode({ payload }: ServerFrame): string {
  return payload.length < 2 ? 'no code' : String(payload.readUInt16BE(0));
}
