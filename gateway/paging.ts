// Pages: which part of a list a request asks for, and the Link header that leads to the parts beside it. Pure.
import { parseStatusId, printStatusId, type StatusId } from '../runtime/status-id.ts';
import { ApiError, type ApiRequest } from './endpoint.ts';
import { type Input, readFilled, readLimit } from './input.ts';

export interface PageSize {
  normal: number;
  most: number;
}

export const statusPageSize: PageSize = { normal: 20, most: 40 };
export const accountPageSize: PageSize = { normal: 40, most: 80 };

export interface StatusBounds {
  maxId: StatusId | null;
  sinceId: StatusId | null;
  minId: StatusId | null;
  limit: number;
}

/** As decimal strings: for lists ordered by the version of what put an entry there. */
export interface OrderBounds {
  maxId: string | null;
  sinceId: string | null;
  minId: string | null;
  limit: number;
}

const bounds = ['max_id', 'since_id', 'min_id'] as const;
/** Above every id there is: what a longer number means. */
const highest = '\u00ff'.repeat(14) as StatusId;
const mostOrder = 2n ** 64n - 1n;

/** Throws a 400 for an id that is no number. */
export function readStatusBounds(input: Input, { normal, most }: PageSize = statusPageSize): StatusBounds {
  const read = (name: string): StatusId | null => {
    const id = readId(input, name);
    return id === null ? null : (parseStatusId(id) ?? highest);
  };
  return {
    maxId: read('max_id'),
    sinceId: read('since_id'),
    minId: read('min_id'),
    limit: readLimit(input, normal, most),
  };
}

/** Throws a 400 for an id that is no number. */
export function readOrderBounds(input: Input, { normal, most }: PageSize = accountPageSize): OrderBounds {
  const read = (name: string): string | null => {
    const id = readId(input, name);
    if (id === null) return null;
    return BigInt(id) > mostOrder ? mostOrder.toString() : id;
  };
  return {
    maxId: read('max_id'),
    sinceId: read('since_id'),
    minId: read('min_id'),
    limit: readLimit(input, normal, most),
  };
}

export interface Neighbours {
  /** The last entry of this page: what comes next is older. Null at the end. */
  last: string | null;
  /** Its first entry. */
  first: string | null;
}

/** A full page has a next one, a page with anything in it a previous one. `ids` as the core gave them, before anything is left out. */
export function statusNeighbours(ids: readonly StatusId[], limit: number): Neighbours {
  const first = ids[0];
  const last = ids.at(-1);
  return {
    first: first === undefined ? null : printStatusId(first),
    last: last === undefined || ids.length < limit ? null : printStatusId(last),
  };
}

/** `<abs?max_id=LAST>; rel="next", <abs?min_id=FIRST>; rel="prev"`, the rest of the query kept; no header where there is neither. */
export function linkHeader(
  request: Pick<ApiRequest, 'origin' | 'path' | 'input'>,
  { last, first }: Neighbours,
): Record<string, string> {
  if (last === null && first === null) return {};
  const kept = keptQuery(request.input);
  const base = `${request.origin}${request.path}?${kept === '' ? '' : `${kept}&`}`;
  const links: string[] = [];
  if (last !== null) links.push(`<${base}max_id=${last}>; rel="next"`);
  if (first !== null) links.push(`<${base}min_id=${first}>; rel="prev"`);
  return { Link: links.join(', ') };
}

function readId(input: Input, name: string): string | null {
  const id = readFilled(input, name);
  if (id !== null && !/^\d{1,60}$/.test(id)) throw new ApiError(400, `${name} must be an id`);
  return id;
}

function keptQuery(input: Input): string {
  const entries = Object.entries(input);
  if (entries.length === 0) return '';
  const kept = new URLSearchParams();
  for (const [name, value] of entries) {
    if (bounds.some((bound) => bound === name)) continue;
    if (Array.isArray(value)) {
      for (const entry of value) if (isPlain(entry)) kept.append(`${name}[]`, String(entry));
    } else if (isPlain(value) && value !== '') {
      kept.append(name, String(value));
    }
  }
  return kept.toString();
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
