// Questions of one turn, asked as one: when a machine or a gateway goes, thousands of streams attach at once, each with a few of its own.
import type { AccountId } from '../runtime/account-id.ts';
import type { Outcome, Recent } from '../runtime/behaviours.ts';
import { mostFound } from '../runtime/reading.ts';
import { descending, type StatusId, statusAuthor, statusMs } from '../runtime/status-id.ts';

interface Waiting<Question, Answer> {
  question: Question;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export class Together<Question, Answer> {
  readonly #ask: (questions: Question[]) => Promise<readonly Answer[]>;
  #waiting: Waiting<Question, Answer>[] = [];

  /** `ask` answers each in its place. When it fails, it fails for all. */
  constructor(ask: (questions: Question[]) => Promise<readonly Answer[]>) {
    this.#ask = ask;
  }

  add(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => void this.#go());
    });
  }

  async #go(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const answers = await this.#ask(waiting.map(({ question }) => question));
      for (const [place, { resolve }] of waiting.entries()) resolve(answers[place] as Answer);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}

type AskNewest = (recent: Recent) => Promise<Outcome<StatusId[]>>;

/** Who has been away about as long misses about as much: what all of those miss is asked for in one question. */
const awayAlikeMs = 60_000;

/**
 * Each as `ask` would answer it by itself: in fewer questions where some ask since about the same time. What does not fit one answer, or cannot be
 * had for all, each asks for by itself.
 */
export async function newestTogether(
  questions: readonly Recent[],
  ask: AskNewest,
): Promise<Outcome<StatusId[]>[]> {
  const alike = new Map<number, number[]>();
  for (const [place, { sinceMs }] of questions.entries()) {
    // Whole timelines: one alone may fill an answer.
    const group = sinceMs === 0 ? -1 - place : Math.floor(sinceMs / awayAlikeMs);
    const places = alike.get(group);
    if (places === undefined) alike.set(group, [place]);
    else places.push(place);
  }
  const answers: Outcome<StatusId[]>[] = new Array(questions.length);
  const groups = [...alike.values()].map(async (places) => {
    const asked = places.flatMap((place) => questions[place] ?? []);
    const answered = await newestAlike(asked, ask);
    for (const [at, place] of places.entries()) answers[place] = answered[at] as Outcome<StatusId[]>;
  });
  await Promise.all(groups);
  return answers;
}

async function newestAlike(asked: readonly Recent[], ask: AskNewest): Promise<Outcome<StatusId[]>[]> {
  if (asked.length === 1) return await Promise.all(asked.map(ask));
  const authors = [...new Set(asked.flatMap((one) => [...one.authors]))];
  const sinceMs = Math.min(...asked.map((one) => one.sinceMs));
  const answered = await ask({ authors, sinceMs, most: mostFound });
  if (!answered.ok || answered.value.length >= mostFound) return await Promise.all(asked.map(ask));
  const by = new Map<AccountId, StatusId[]>();
  for (const id of answered.value) {
    const author = statusAuthor(id);
    const ids = by.get(author);
    if (ids === undefined) by.set(author, [id]);
    else ids.push(id);
  }
  return asked.map((one) => {
    const ids = [...new Set(one.authors)].flatMap((author) => by.get(author) ?? []);
    const since = ids.filter((id) => statusMs(id) >= one.sinceMs);
    return { ok: true, value: since.sort(descending).slice(0, one.most) };
  });
}
