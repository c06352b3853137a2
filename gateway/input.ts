// Reading single values out of a request's unchecked input: what it takes for true, for a number, for a list. Pure.
import { type AccountId, parseAccountId } from '../runtime/account-id.ts';
import { parseStatusId, type StatusId } from '../runtime/status-id.ts';
import type { ApiRequest } from './endpoint.ts';
import { notFound, validationFailed } from './refusal.ts';

export type Input = ApiRequest['input'];

const truths = new Set<unknown>([true, 'true', 'True', 'TRUE', '1', 1, 'on', 't', 'yes']);
const falsehoods = new Set<unknown>([false, 'false', 'False', 'FALSE', '0', 0, 'off', 'f', 'no']);

/** A string, or a number or truth value as one; null when absent or null. Throws a 422 for lists and records. */
export function readText(input: Input, name: string): string | null {
  const value = input[name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw validationFailed(`${name} must be a text`);
}

/** Like `readText`; blank counts as absent. */
export function readFilled(input: Input, name: string): string | null {
  const value = readText(input, name)?.trim() ?? '';
  return value === '' ? null : value;
}

/** Null when absent or blank. Throws a 422 for what is neither true nor false. */
export function readBool(input: Input, name: string): boolean | null {
  const value = input[name];
  if (value === undefined || value === null || value === '') return null;
  if (truths.has(value)) return true;
  if (falsehoods.has(value)) return false;
  throw validationFailed(`${name} must be true or false`);
}

/** Absent, blank and senseless (`limit=x`, `limit=0`) count as `normal`; more than `most` as `most`. */
export function readLimit(input: Input, normal: number, most: number, name = 'limit'): number {
  const limit = wholeNumber(input[name]);
  return limit === null || limit === 0 ? normal : Math.min(limit, most);
}

/** 0 when absent, blank or senseless. */
export function readOffset(input: Input, most: number): number {
  return Math.min(wholeNumber(input['offset']) ?? 0, most);
}

/** A list of texts: `a[]=1&a[]=2`, a JSON array, or a single value. Empty when absent. Throws a 422 beyond `most`. */
export function readTexts(input: Input, name: string, most: number): string[] {
  const value = input[name];
  if (value === undefined || value === null || value === '') return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.length > most) throw validationFailed(`${name} may have ${most} entries at most`);
  return list.map((entry) => {
    if (typeof entry === 'string') return wellFormed(entry);
    if (typeof entry === 'number') return String(entry);
    throw validationFailed(`${name} must be a list of texts`);
  });
}

/** A record inside the input (`source[privacy]`), or null. */
export function readRecord(input: Input, name: string): Input | null {
  const value = input[name];
  return isRecord(value) ? value : null;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The account that a path names. Throws the 404 that an unknown one gets. */
export function accountParam(request: Pick<ApiRequest, 'params'>, name = 'id'): AccountId {
  const id = parseAccountId(request.params[name] ?? '');
  if (id === null) throw notFound();
  return id;
}

/** The status that a path names. Throws the 404 that an unknown one gets. */
export function statusParam(request: Pick<ApiRequest, 'params'>, name = 'id'): StatusId {
  const id = parseStatusId(request.params[name] ?? '');
  if (id === null) throw notFound();
  return id;
}

/** Halves of surrogate pairs and control characters do not survive the way to the disk: they are replaced and left out here. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD').replace(/(?![\t\n\r])\p{Cc}/gu, '');
}

function wholeNumber(value: unknown): number | null {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : null;
}
