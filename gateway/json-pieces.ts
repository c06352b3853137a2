// JSON put together from pieces that are rendered already. Pure.
import type { ApiResponse } from './endpoint.ts';

export const jsonType = 'application/json; charset=utf-8';

const opening = Buffer.from('[');
const closing = Buffer.from(']');
const comma = Buffer.from(',');

/** An array of elements that each append their own pieces. */
export function appendArray<T>(
  out: Uint8Array[],
  items: readonly T[],
  append: (out: Uint8Array[], item: T) => void,
): void {
  out.push(opening);
  let first = true;
  for (const item of items) {
    if (first) first = false;
    else out.push(comma);
    append(out, item);
  }
  out.push(closing);
}

export function piecesAnswer(pieces: Uint8Array[], headers: Record<string, string> = {}): ApiResponse {
  return { status: 200, headers, body: { kind: 'pieces', pieces, type: jsonType } };
}

export function jsonAnswer(value: unknown, headers: Record<string, string> = {}): ApiResponse {
  return { status: 200, headers, body: { kind: 'json', value } };
}
