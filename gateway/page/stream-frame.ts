// One frame of the streaming API, decoded: text in, a typed event out. Frames that say nothing to this page come out as null.

import type { Cursor } from './connection.ts';
import { type Notification, notification, type Status, status } from './entities.ts';

export type StreamEvent =
  | { readonly kind: 'update'; readonly status: Status }
  | { readonly kind: 'edit'; readonly status: Status }
  | { readonly kind: 'delete'; readonly id: string }
  | { readonly kind: 'notification'; readonly notification: Notification }
  | { readonly kind: 'resync' }
  /** Which page the server shows. */
  | { readonly kind: 'page'; readonly id: string };

export interface StreamFrame {
  /** The stream it came on, its parameter after a colon: `user`, `public`, `hashtag:birds`. */
  readonly stream: string;
  readonly cursor: Cursor;
  readonly event: StreamEvent | null;
}

export function decodeFrame(text: string): StreamFrame | null {
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame !== 'object' || frame === null) return null;
    const fields = new Map<string, unknown>(Object.entries(frame));
    const stream = fields.get('stream');
    const cursor = fields.get('cursor');
    return {
      stream: Array.isArray(stream) ? stream.map(String).join(':') : 'user',
      cursor: typeof cursor === 'string' || typeof cursor === 'number' ? String(cursor) : null,
      event: decodeEvent(fields.get('event'), fields.get('payload')),
    };
  } catch {
    // Whatever it was, the next read of the timeline makes up for it; a stream must not end for one bad frame.
    return null;
  }
}

function decodeEvent(event: unknown, payload: unknown): StreamEvent | null {
  switch (event) {
    case 'update':
      return { kind: 'update', status: status(inner(payload), 'payload') };
    case 'status.update':
      return { kind: 'edit', status: status(inner(payload), 'payload') };
    case 'notification':
      return { kind: 'notification', notification: notification(inner(payload), 'payload') };
    case 'delete':
      return { kind: 'delete', id: String(payload) };
    case 'resync':
      return { kind: 'resync' };
    case 'page':
      return { kind: 'page', id: String(payload) };
    default:
      return null;
  }
}

/** A payload is JSON inside JSON. */
function inner(payload: unknown): unknown {
  return typeof payload === 'string' ? JSON.parse(payload) : payload;
}
