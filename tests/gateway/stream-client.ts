// Streaming clients for tests: a WebSocket and an event stream that keep what they receive, and wait for what is to come.
import { unpack } from 'msgpackr';
import { WebSocket } from 'ws';
import { until } from '../support/until.ts';

export interface Frame {
  stream?: string[];
  event?: string;
  payload?: string;
  cursor?: string;
  error?: string;
  status?: number;
}

export interface StreamClient {
  socket: WebSocket;
  frames: Frame[];
  /** Compact frames, unpacked. */
  packed: unknown[];
  /** Bytes of each frame. */
  sizes: number[];
  closed(): { code: number; reason: string } | null;
  say(message: unknown): void;
  /** Waits for a frame that fits, among those received so far and those to come. */
  next(what: string, fits: (frame: Frame) => boolean): Promise<Frame>;
  /** Waits for an event and gives its payload parsed (a delete's as it is). */
  event(name: string, stream?: string): Promise<{ frame: Frame; payload: Record<string, unknown> }>;
  end(): Promise<{ code: number; reason: string }>;
  kill(): void;
}

export interface Opening {
  url: string;
  query?: string;
  protocols?: string[];
  headers?: Record<string, string>;
  /** False: pings are not answered. */
  autoPong?: boolean;
}

/** Rejects with the status when it is refused. */
export function openStream({
  url,
  query = '',
  protocols = [],
  headers = {},
  autoPong = true,
}: Opening): Promise<StreamClient> {
  const socket = new WebSocket(`${url}/api/v1/streaming${query}`, protocols, { headers, autoPong });
  const frames: Frame[] = [];
  const packed: unknown[] = [];
  const sizes: number[] = [];
  let closed: { code: number; reason: string } | null = null;
  socket.on('message', (data: Buffer, isBinary) => {
    sizes.push(data.length);
    if (isBinary) packed.push(unpack(data));
    else frames.push(JSON.parse(data.toString()));
  });
  socket.on('close', (code, reason) => {
    closed = { code, reason: reason.toString() };
  });
  const client: StreamClient = {
    socket,
    frames,
    packed,
    sizes,
    closed: () => closed,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: (what, fits) => until(() => frames.find(fits), { what }),
    async event(name, stream) {
      const fits = (frame: Frame): boolean =>
        frame.event === name && (stream === undefined || JSON.stringify(frame.stream) === stream);
      const frame = await client.next(`the event ${name}`, fits);
      return { frame, payload: name === 'delete' ? {} : JSON.parse(frame.payload ?? '{}') };
    },
    end() {
      socket.close();
      return until(() => closed, { what: 'the socket to close' });
    },
    kill: () => socket.terminate(),
  };
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(client));
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => reject(new RefusedError(response.statusCode ?? 0, body)));
    });
    socket.on('error', reject);
  });
}

export class RefusedError extends Error {
  status: number;
  body: string;
  constructor(status: number, body: string) {
    super(`refused with ${status}`);
    this.status = status;
    this.body = body;
  }
}

export interface EventClient {
  status: number;
  headers: Headers;
  text(): string;
  /** `id`, `event`, `data` of each event so far: as in browsers, what has no data is none. */
  events(): Record<string, string>[];
  /** The id that came without an event: where the stream starts. */
  start(): string | undefined;
  ended(): boolean;
  stop(): void;
}

/** Server-sent events, as they come over the wire. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  let text = '';
  let ended = false;
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  };
  const blocks = (): Record<string, string>[] =>
    text
      .split('\n\n')
      .slice(0, -1)
      .map((block) =>
        Object.fromEntries(
          block
            .split('\n')
            .filter((line) => !line.startsWith(':'))
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        ),
      );
  void read()
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  return {
    status: response.status,
    headers: response.headers,
    text: () => text,
    events: () => blocks().filter((block) => 'data' in block),
    start: () => blocks().find((block) => !('data' in block) && 'id' in block)?.['id'],
    ended: () => ended,
    stop: () => abort.abort(),
  };
}
