// A promise that was not kept, with the lines of the record that show it.

import { beganMsOf } from './history.ts';
import type { Entry } from './record.ts';
import { entryLine } from './record-text.ts';

export type Promised =
  | 'durable'
  | 'once'
  | 'delete'
  | 'complete'
  | 'live'
  | 'session'
  | 'unique'
  | 'converge'
  | 'clear';

export interface Violation {
  promise: Promised;
  text: string;
  /** When it was seen. */
  atMs: number;
  entries: Entry[];
}

/** What follows from one fault often comes in crowds: so many are told of. */
const mostTold = 6;

/** Of the record, this much before and after what is shown. */
const aroundMs = 2_000;
const mostAround = 60;

/** For people: what is wrong, and the first of it in full. */
export function violationsText(violations: readonly Violation[], record: readonly Entry[]): string {
  const [first] = violations;
  if (first === undefined) return 'nothing is wrong';
  const others = violations.slice(1, mostTold).map(({ promise, text }) => `  ${promise}: ${text}`);
  return [`${violations.length} violations; after the first:`, ...others, violationText(first, record)].join(
    '\n',
  );
}

/** For people: what is wrong, the lines that show it, and what was done to the machines around then. */
export function violationText({ promise, text, atMs, entries }: Violation, record: readonly Entry[]): string {
  const [first] = record;
  const zeroMs = first === undefined ? 0 : beganMsOf(first);
  const lines = (shown: readonly Entry[]) => shown.map((entry) => `  ${entryLine(entry, zeroMs)}`);
  const harmed = record.filter((entry) => entry.kind === 'harmed' && Math.abs(entry.atMs - atMs) < 30_000);
  const around = record.filter(
    (entry) => entry.kind !== 'harmed' && Math.abs(beganMsOf(entry) - atMs) < aroundMs,
  );
  return [
    `${promise}: ${text}`,
    'What shows it:',
    ...lines(entries),
    'What was done to the machines within 30 s of it:',
    ...(harmed.length === 0 ? ['  nothing'] : lines(harmed)),
    `The record around it (${Math.min(around.length, mostAround)} of ${around.length} lines):`,
    ...lines(nearest(around, atMs)),
  ].join('\n');
}

function nearest(entries: readonly Entry[], atMs: number): Entry[] {
  return [...entries]
    .sort((one, other) => Math.abs(beganMsOf(one) - atMs) - Math.abs(beganMsOf(other) - atMs))
    .slice(0, mostAround)
    .sort((one, other) => beganMsOf(one) - beganMsOf(other));
}
