// Sends one senseless request after another, and looks at what comes back.
import type { Chance } from './chance.ts';
import { faultOfAnswer, type HttpAnswer, type Read, readAnswers } from './http-answer.ts';
import { type HttpInput, httpInput, type Known } from './http-input.ts';
import { type Place, Wire } from './wire.ts';

export interface Tally {
  inputs: number;
  /** By kind of input and what became of it: `json too deep 400`, `chunks closed`. */
  outcomes: Map<string, number>;
}

export function count({ outcomes }: Tally, outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

/** A broken request may rightly be waited for: after so long without a byte nothing more is expected. */
const quietMs = 40;
/** An idle connection is closed by the server: what was sent into that moment is sent again. */
const mostTries = 3;

export async function pesterByHttp(
  options: { place: Place; chance: Chance; known: Known; tally: Tally },
  inputs: number,
): Promise<void> {
  const { place, chance, known, tally } = options;
  let wire: Wire | null = null;
  for (let number = 0; number < inputs; number++) {
    const input = httpInput(chance, known);
    try {
      wire = await sendInput(input, { wire, place, chance, tally });
    } catch (fault) {
      throw new Error(`${input.kind}, ${describe(input.bytes)}: ${String(fault)}`, { cause: fault });
    }
    tally.inputs++;
  }
  wire?.drop();
}

interface Sending {
  wire: Wire | null;
  place: Place;
  chance: Chance;
  tally: Tally;
}

/** The connection, if it may be used for another request. */
async function sendInput(input: HttpInput, { wire, place, chance, tally }: Sending): Promise<Wire | null> {
  let used = wire;
  for (let tries = 0; ; tries++) {
    used = used === null || used.isClosed ? await Wire.open(place) : used;
    used.received = Buffer.alloc(0);
    await sendInPieces(used, input.bytes, chance);
    const read = input.isWhole ? await readOne(used, input) : await readAny(used);
    if (input.isWhole && read.answers.length === 0) {
      if (tries < mostTries) continue;
      throw new Error('the connection is closed without an answer');
    }
    for (const answer of read.answers) check(answer);
    count(tally, `${input.kind} ${read.answers.at(-1)?.status ?? 'closed'}`);
    if (input.isWhole && isReusable(read)) return used;
    used.drop();
    return null;
  }
}

async function sendInPieces(wire: Wire, bytes: Buffer, chance: Chance): Promise<void> {
  if (!chance.hits(0.1)) {
    wire.send(bytes);
    return;
  }
  const cut = chance.below(bytes.length + 1);
  wire.send(bytes.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  wire.send(bytes.subarray(cut));
}

async function readOne(wire: Wire, { isHead }: HttpInput): Promise<Read> {
  let read: Read = { answers: [], rest: Buffer.alloc(0) };
  await wire.until(() => {
    read = readAnswers(wire.received, isHead);
    return read.answers.length > 0;
  });
  if (read.rest.length > 0 || read.answers.length > 1) throw new Error('more than the one answer');
  return read;
}

/** Waits until it is quiet, then leaves, and the server has to let go. */
async function readAny(wire: Wire): Promise<Read> {
  let length = -1;
  while (!wire.isClosed && wire.received.length !== length) {
    length = wire.received.length;
    await wire.until(() => wire.received.length !== length, quietMs);
  }
  wire.finish();
  await wire.until(() => false);
  return readAnswers(wire.received, false);
}

function check(answer: HttpAnswer): void {
  const fault = faultOfAnswer(answer);
  if (fault !== null) throw new Error(fault);
}

function isReusable({ answers }: Read): boolean {
  const [answer] = answers;
  return answer !== undefined && !answer.isOpenEnded && answer.headers.get('connection') !== 'close';
}

export function describe(bytes: Buffer): string {
  return `${bytes.length} bytes: ${JSON.stringify(bytes.subarray(0, 1500).toString('latin1'))}`;
}
