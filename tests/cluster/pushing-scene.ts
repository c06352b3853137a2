// A core's pushing by itself, with a gateway that writes down what it is told and other cores that answer when the test says so.
import type { Item } from '../../actors/items.ts';
import type { Tick } from '../../actors/messages.ts';
import type { CoreClient } from '../../cluster/core-client.ts';
import { Elsewhere } from '../../cluster/core-elsewhere.ts';
import { CorePushing } from '../../cluster/core-pushing.ts';
import { CoreRows, type RowQueries } from '../../cluster/core-rows.ts';
import { CoreSessions } from '../../cluster/core-sessions.ts';
import { type AccountId, firstAccountOf, partitionOf } from '../../runtime/account-id.ts';
import type { Reader } from '../../runtime/behaviours.ts';
import { accountAt, keyOf } from '../../runtime/key.ts';
import type { Found, Need } from '../../runtime/reading.ts';
import { makeStatusId, type StatusId, statusAuthor } from '../../runtime/status-id.ts';
import { makeVersion } from '../../runtime/version.ts';
import { testGateway } from '../support/core.ts';
import { noReader } from '../support/records.ts';

export const here = firstAccountOf(1);
/** Of two other cores. */
export const there = firstAccountOf(900);
export const yonder = firstAccountOf(800);
const record: Found = { kind: 'fact', fact: { version: makeVersion(1, 0, 1), value: [] } };
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function statusItem(ms: number, author: AccountId): Item {
  return {
    kind: 'status',
    version: makeVersion(ms, 0, 1),
    id: makeStatusId(ms, author, 0),
    author,
    boostOf: null,
  };
}

export function removedItem(ms: number): Item {
  return {
    kind: 'removed',
    version: makeVersion(ms, 0, 1),
    id: makeStatusId(7, here, 0),
    author: here,
    isMention: false,
  };
}

interface Question {
  /** The account of the first record asked for. */
  about: AccountId;
  needs: readonly Need[];
  answer(): void;
  fail(message: string): void;
}

/** A core whose questions to others lie there until they are answered. `unreadable`: authors whose rows nobody can decode. */
export function opened({ unreadable = [] as AccountId[], knowsServers = true } = {}) {
  const questions: Question[] = [];
  const call = (_kind: string, { needs }: { needs: Need[] }): Promise<unknown> =>
    new Promise((resolve) => {
      const [first] = needs;
      questions.push({
        about: first?.kind === 'fact' ? accountAt(first.key) : here,
        needs,
        answer: () => resolve({ ok: true, value: { found: needs.map(() => record) } }),
        fail: (message) => resolve({ ok: false, rejection: { code: 'unavailable', message } }),
      });
    });
  const elsewhere = new Elsewhere({
    client: { call } as unknown as Pick<CoreClient, 'call'>,
    held: () => new Uint8Array(128).fill(255),
    local: noReader,
    newestHere: () => [],
    isHere: (account) => account === here,
    mergeViews: (_key, [first]) => first,
    ...(knowsServers ? { serverOf: (account) => partitionOf(account) } : {}),
  });
  let renders = 0;
  /** Rows that are made of one fact each, the author's and the status's. */
  const queries = {
    statuses(reader: Reader, { ids }: { ids: StatusId[] }) {
      renders++;
      const rows = ids.map((id) => {
        const author = statusAuthor(id);
        if (reader.fact(keyOf(author, 's', id)) === null) return null;
        if (unreadable.includes(author)) throw new Error('unknown kind 7');
        return { id, boostOf: null };
      });
      return { ok: true, value: { rows } };
    },
    accounts: (reader: Reader, { ids }: { ids: AccountId[] }) => ({
      ok: true,
      value: { rows: ids.map((id) => (reader.fact(keyOf(id, 'a')) === null ? null : { id })) },
    }),
  } as unknown as RowQueries;
  const sessions = new CoreSessions();
  const gateway = testGateway('gateway-0');
  const other = testGateway('gateway-1');
  const lost: string[] = [];
  const pushing = new CorePushing({
    sessions,
    rows: new CoreRows(noReader, () => queries),
    peers: () => [gateway, other],
    elsewhere: () => elsewhere,
    lost: (reason) => lost.push(reason),
  });
  const numbers = new Map<number, number>();
  /** The core's number for a gateway's session. */
  function numberOf(session: number): number {
    const number = numbers.get(session) ?? sessions.attach(gateway, session, here);
    numbers.set(session, number);
    return number;
  }
  let lastMs = 0;
  /** One tick of these items, each for some sessions. */
  function push(...items: [item: Item, ...sessions: number[]][]): void {
    lastMs++;
    pushing.push({
      pushes: {
        sessions: new Map(items.map(([item, ...to]) => [item, to.map(numberOf)])),
        topics: new Map(),
      },
      watermark: makeVersion(1_000_000 + lastMs, 0, 1),
      isComplete: true,
    });
  }
  const kindsOf = (session: number): string[] => gateway.itemsOf(session).map(({ kind }) => kind);
  const told = (): string[] => gateway.ticks.flatMap(({ items }: Tick) => items.map(({ kind }) => kind));
  const answerAll = async (): Promise<void> => {
    while (!pushing.isIdle) {
      for (const question of questions.splice(0)) question.answer();
      await turn();
    }
  };
  return {
    push,
    kindsOf,
    told,
    lost,
    questions,
    answerAll,
    gateway,
    other,
    pushing,
    numberOf,
    renders: () => renders,
  };
}
