// What clients of the streaming API say: addresses, handshakes and text frames, parsed into typed commands. Pure: sockets are elsewhere.
import { tagName } from '../actors/text.ts';
import { parseCursor } from '../runtime/version.ts';

/** Streams without a parameter. `page` is our own page's. */
export const plainStreams = [
  'user',
  'user:notification',
  'public',
  'public:local',
  'direct',
  'page',
] as const;
/** Streams of one tag. */
export const tagStreams = ['hashtag', 'hashtag:local'] as const;
type PlainStream = (typeof plainStreams)[number];
type TagStream = (typeof tagStreams)[number];

/** `tag` as the client wrote it, without a leading #. */
export type Stream = { name: PlainStream; tag: null } | { name: TagStream; tag: string };

/** An expected refusal, as the client is told it. */
export interface Refusal {
  status: number;
  error: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; refusal: Refusal };

/**
 * From where a client resumes: from now, from now and with the cursor of now told (`since=` with nothing in it), from a cursor, or from
 * a text that is no cursor (which is answered by a resync).
 */
export type Since =
  | { kind: 'now' }
  | { kind: 'start' }
  | { kind: 'cursor'; cursor: string }
  | { kind: 'unknown' };

export type ClientCommand =
  | { kind: 'subscribe'; stream: Stream; since: Since }
  | { kind: 'unsubscribe'; stream: Stream };

/** How events are written: WebSocket text frames, msgpack frames, or server-sent events. */
export type StreamForm = 'json' | 'compact' | 'events';

/** The subprotocol of the compact form. */
export const compactProtocol = 'murmuration.compact.v1';

/** What an upgrade request asks for. */
export interface Handshake {
  token: string | null;
  /** The subprotocol to answer with; empty when the client offered none. Browsers fail without it. */
  protocol: string;
  form: Exclude<StreamForm, 'events'>;
  /** Null: nothing yet, subscriptions come by frames. */
  first: Parsed<Stream> | null;
  since: Since;
}

const mostTagLength = 100;
const mostTokenLength = 200;

export function parseHandshake(said: { query: string; authorization: string; protocols: string }): Handshake {
  const query = new URLSearchParams(said.query);
  const offered = said.protocols
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
  const form = offered.includes(compactProtocol) ? 'compact' : 'json';
  const others = offered.filter((protocol) => protocol !== compactProtocol);
  const name = query.get('stream') ?? '';
  return {
    token: tokenOf(said.authorization, query) ?? boundedToken(others[0] ?? ''),
    protocol: form === 'compact' ? compactProtocol : (offered[0] ?? ''),
    form,
    first: name === '' ? null : parseStream({ name, tag: query.get('tag'), list: query.get('list') }),
    since: parseSince(query.get('since')),
  };
}

/** The token of a streaming request: from the header, or else from the query. */
export function tokenOf(authorization: string, query: URLSearchParams): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  return boundedToken(bearer ?? query.get('access_token') ?? '');
}

function boundedToken(token: string): string | null {
  return token === '' || token.length > mostTokenLength ? null : token;
}

export function parseSince(text: unknown): Since {
  if (text === null || text === undefined) return { kind: 'now' };
  if (text === '') return { kind: 'start' };
  if (typeof text !== 'string' || parseCursor(text) === null) return { kind: 'unknown' };
  return { kind: 'cursor', cursor: text };
}

export function parseStream(said: { name: unknown; tag: unknown; list: unknown }): Parsed<Stream> {
  const { name } = said;
  for (const plain of plainStreams)
    if (name === plain) return { ok: true, value: { name: plain, tag: null } };
  for (const tagged of tagStreams) if (name === tagged) return withTag(tagged, said.tag);
  // There are no lists yet, so that every list is unknown.
  if (name === 'list')
    return refuse(said.list ? 404 : 400, said.list ? 'Record not found' : 'Missing list name parameter');
  return refuse(400, 'Unknown stream type');
}

function withTag(name: TagStream, tag: unknown): Parsed<Stream> {
  const bare = typeof tag === 'string' ? tag.trim().replace(/^#/, '') : '';
  if (bare.length > mostTagLength) return refuse(400, 'Tag name is too long');
  if (tagName(bare) === '') return refuse(400, 'Missing tag name parameter');
  return { ok: true, value: { name, tag: bare } };
}

/** Parses a text frame: `{"type":"subscribe","stream":"hashtag","tag":"x"}`. */
export function parseClientFrame(text: string): Parsed<ClientCommand> {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return refuse(400, 'Not a JSON message');
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    return refuse(400, 'Not a JSON object');
  const field = (name: string): unknown => (Object.hasOwn(said, name) ? Reflect.get(said, name) : undefined);
  const kind = field('type');
  if (kind !== 'subscribe' && kind !== 'unsubscribe') return refuse(400, 'Unknown message type');
  const stream = parseStream({ name: field('stream'), tag: field('tag'), list: field('list') });
  if (!stream.ok) return stream;
  if (kind === 'unsubscribe') return { ok: true, value: { kind, stream: stream.value } };
  return { ok: true, value: { kind, stream: stream.value, since: parseSince(field('since')) } };
}

function refuse(status: number, error: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { status, error } };
}

/** How a stream is named in frames, as JSON: `["user"]`, `["hashtag","x"]`. */
export function streamLabel(stream: Stream): string {
  return JSON.stringify(stream.tag === null ? [stream.name] : [stream.name, stream.tag]);
}

/** The core's topic that feeds a stream, or null where none does: one's own streams come by session. */
export function streamTopic(stream: Stream): string | null {
  switch (stream.name) {
    case 'public':
    case 'public:local':
      return 'public';
    case 'hashtag':
    case 'hashtag:local':
      return `tag:${tagName(stream.tag)}`;
    case 'user':
    case 'user:notification':
    case 'direct':
    case 'page':
      return null;
  }
}

/** The scope that a token needs for a stream. */
export function streamScope(stream: Stream): string {
  return stream.name === 'user:notification' ? 'read:notifications' : 'read:statuses';
}
