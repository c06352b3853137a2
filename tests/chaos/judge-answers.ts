// What answers must be: in time, and when they are refusals, with a status and a reason that say what to do.
import type { History } from './history.ts';
import type { Asked, Entry } from './record.ts';
import { deedText } from './record-text.ts';
import type { Violation } from './violation.ts';

/** No request takes longer, whatever is harmed, as long as its gateway itself is well. */
export const answerWithinMs = 15_000;
/** A gateway that was harmed is as good as any other after this. */
const recoversWithinMs = 5_000;

export function judgeAnswers(history: History): Violation[] {
  const harms = harmsOf(history);
  const asked = history.asked.flatMap((one) => {
    const fault = faultOf(one, history);
    const isExcused = fault === 'late' || fault === 'silent';
    if (fault === null || (isExcused && harms.some((harm) => touches(harm, one)))) return [];
    return [violation(one, fault)];
  });
  const gaveUp = history.entries.flatMap((entry) => {
    if (entry.kind !== 'gaveUp') return [];
    const tries = history.asked.filter(
      ({ who, deed }) => who === entry.who && deedText(deed) === deedText(entry.deed),
    );
    const text = `${entry.who} could not ${deedText(entry.deed)} for ${Math.round((entry.atMs - entry.sinceMs) / 1000)} s`;
    return [{ promise: 'clear' as const, text, atMs: entry.atMs, entries: [...tries, entry] }];
  });
  return [...asked, ...gaveUp];
}

type AnswerFault = 'late' | 'silent' | 'no reason' | 'wrong status' | 'own post is not there';

function faultOf(asked: Asked, history: History): AnswerFault | null {
  const { answer, deed, beganMs, endedMs } = asked;
  if (answer.kind === 'none') return 'silent';
  if (endedMs - beganMs > answerWithinMs) return 'late';
  if (answer.kind === 'done') return null;
  if (answer.status === 503) return answer.reason === '' ? 'no reason' : null;
  if (answer.status === 422 && deed.do === 'signUp') return null;
  if (answer.status === 404 && deed.do === 'readStatus') return missingStatus(asked, deed.id, history);
  if (answer.status === 404 && deed.do === 'delete') return missingDeleted(asked, deed.id, history);
  return 'wrong status';
}

/** Whoever wrote it, it is there from the acknowledgement until a delete is asked for. */
function missingStatus({ beganMs, endedMs }: Asked, id: string, history: History): AnswerFault | null {
  const post = history.postById.get(id);
  if (post === undefined || post.acknowledgedMs > beganMs) return null;
  return post.deletion === null || post.deletion.beganMs > endedMs ? 'own post is not there' : null;
}

/** Not there, though nobody can have deleted it before. */
function missingDeleted(asked: Asked, id: string, history: History): AnswerFault | null {
  const [first] = history.postById.get(id)?.deletion?.entries ?? [];
  return first === asked ? 'own post is not there' : null;
}

interface Harm {
  via: string;
  fromMs: number;
  toMs: number;
}

/** When clients of a gateway may have got no answer. */
function harmsOf(history: History): Harm[] {
  const open = new Map<string, Harm[]>();
  return history.harmed.flatMap(({ phase, text, atMs, unreachable }) => {
    if (phase === 'begins') {
      const harms = unreachable.map((via) => ({ via, fromMs: atMs, toMs: Number.POSITIVE_INFINITY }));
      open.set(text, harms);
      return harms;
    }
    for (const harm of open.get(text) ?? []) harm.toMs = atMs + recoversWithinMs;
    return [];
  });
}

function touches({ via, fromMs, toMs }: Harm, asked: Asked): boolean {
  return asked.via === via && asked.endedMs >= fromMs && asked.beganMs <= toMs;
}

function violation(asked: Asked, fault: AnswerFault): Violation {
  const tookMs = Math.round(asked.endedMs - asked.beganMs);
  const what = `${asked.who}: ${deedText(asked.deed)} via ${asked.via}`;
  const entries: Entry[] = [asked];
  const atMs = asked.endedMs;
  switch (fault) {
    case 'late':
      return { promise: 'clear', text: `${what} took ${tookMs} ms`, atMs, entries };
    case 'silent':
      return {
        ...{ promise: 'clear', atMs, entries },
        text: `${what} got no answer in ${tookMs} ms, though nothing kept clients from that machine`,
      };
    case 'no reason':
      return { promise: 'clear', text: `${what} was refused without a reason`, atMs, entries };
    case 'wrong status':
      return { promise: 'clear', text: `${what} was refused in a way that it cannot be`, atMs, entries };
    case 'own post is not there':
      return { promise: 'session', text: `${what}: it was acknowledged, and is not there`, atMs, entries };
  }
}
