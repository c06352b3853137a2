// The form of what a product answers, checked in a trial as strictly as the interpreter of effects and the store rely on it.
import { isAccountId } from './account-id.ts';
import type { Effect, Outcome } from './behaviours.ts';
import { accountKeyLength } from './key.ts';

type Parts = Readonly<Record<string, unknown>>;

export function partsOf(value: unknown, what: string): Parts {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(`${what} is ${described(value)}`);
  return value as Parts;
}

/** What `receive` gives: `[state, effects]`. Throws with what is wrong. */
export function checkReceived(
  received: unknown,
  checkItem: (item: unknown) => void,
): [unknown, Effect<unknown>[]] {
  if (!Array.isArray(received) || received.length !== 2)
    throw new TypeError(`receive gives ${described(received)} instead of [state, effects]`);
  const [state, effects]: unknown[] = received;
  need(state !== undefined && state !== null, 'receive gives no state');
  for (const effect of listOf(effects, 'effects')) checkEffect(effect, checkItem);
  return [state, effects as Effect<unknown>[]];
}

function checkEffect(effect: unknown, checkItem: (item: unknown) => void): void {
  const parts = partsOf(effect, 'an effect');
  const { kind } = parts;
  switch (kind) {
    case 'persist':
      for (const write of listOf(parts['writes'], 'persist.writes')) checkWrite(write);
      need(isBoolean(parts['deletes']) && isBoolean(parts['live']), 'persist says neither deletes nor live');
      return;
    case 'reply':
      need(Number.isSafeInteger(parts['request']), 'reply names no request');
      checkOutcome(parts['outcome']);
      return;
    case 'subscribe':
    case 'unsubscribe':
      checkAuthors(parts['authors'], kind);
      return;
    case 'gather': {
      need(Number.isSafeInteger(parts['ticket']), 'gather has no ticket');
      const recent = partsOf(parts['recent'], 'gather.recent');
      checkAuthors(recent['authors'], 'gather.recent');
      need(isCount(recent['sinceMs']) && isCount(recent['most']), 'gather.recent has no bounds');
      for (const range of listOf(parts['ranges'], 'gather.ranges')) checkRange(range);
      return;
    }
    case 'push': {
      const sessions = listOf(parts['sessions'], 'push.sessions');
      need(sessions.every(isCount), 'push names what is no session');
      checkItem(parts['item']);
      return;
    }
    case 'sweep':
      need(isAccountId(parts['account']), 'sweep names no account');
      return;
    case 'fence':
    case 'stop':
      return;
    default:
      throw new TypeError(`there is no effect ${described(kind)}`);
  }
}

export function checkOutcome(outcome: unknown): Outcome<unknown> {
  const parts = partsOf(outcome, 'an outcome');
  if (parts['ok'] === true) return { ok: true, value: parts['value'] };
  need(parts['ok'] === false, 'an outcome is neither ok nor not');
  const { code, message } = partsOf(parts['rejection'], 'a rejection');
  need(typeof code === 'string' && typeof message === 'string', 'a rejection has no code or no message');
  return outcome as Outcome<unknown>;
}

export function checkRoutes(routes: unknown, checkItem: (item: unknown) => void): void {
  for (const route of listOf(routes, 'routes')) {
    const { kind, author, account, topics, item } = partsOf(route, 'a route');
    if (kind === 'followers') need(isAccountId(author), 'a route to followers names no author');
    else if (kind === 'account') need(isAccountId(account), 'a route to an account names none');
    else if (kind === 'topics') need(listOf(topics, 'topics').every(isText), 'a topic is no text');
    else throw new TypeError(`there is no route ${described(kind)}`);
    checkItem(item);
  }
}

export function checkTouched(touched: unknown): void {
  const { statuses, accounts } = partsOf(touched, 'what touched gives');
  need(listOf(statuses, 'touched.statuses').every(isText), 'touched names what is no status');
  need(listOf(accounts, 'touched.accounts').every(isAccountId), 'touched names what is no account');
}

function checkWrite(write: unknown): void {
  const { key, value } = partsOf(write, 'a write');
  need(typeof key === 'string' && key.length > accountKeyLength, 'a write has no key');
  need(value !== undefined, 'a write has no value');
}

function checkAuthors(authors: unknown, of: string): void {
  const isIterable = typeof authors === 'object' && authors !== null && Symbol.iterator in authors;
  need(isIterable && [...(authors as Iterable<unknown>)].every(isAccountId), `${of} names no authors`);
}

function checkRange(range: unknown): void {
  const { from, to, most } = partsOf(range, 'a range');
  need(isText(from) && isText(to) && isCount(most), 'a range has no bounds');
}

function listOf(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} is ${described(value)} instead of a list`);
  return value;
}

function need(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new TypeError(otherwise);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function described(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' || typeof value === 'function' ? `a ${typeof value}` : String(value);
}
