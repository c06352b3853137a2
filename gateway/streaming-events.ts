// Streams by server-sent events: one stream a response, resumable by `Last-Event-ID`, kept awake by a comment every 15 seconds.
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import type { Authenticator } from './authenticator.ts';
import type { Addresses } from './http-address.ts';
import { writeFull } from './http-answer.ts';
import type { HttpRoom } from './http-room.ts';
import { type Closing, Session } from './session.ts';
import { originOf, retryAfterS, statusLines } from './streaming-address.ts';
import type { StreamingHub } from './streaming-hub.ts';
import { parseSince, parseStream, type Refusal, tokenOf } from './streaming-protocol.ts';

export interface EventsOptions {
  hub: StreamingHub;
  authenticator: Authenticator;
  addresses: Pick<Addresses, 'originOf'>;
  room: Pick<HttpRoom, 'takesStream' | 'streamOpened' | 'streamClosed' | 'retryAfter'>;
  /** Between two comments. */
  thumpMs?: number;
}

export interface Events {
  /** Stops the comments. Streams are ended by the hub. */
  stop(): void;
}

/** The part of the path behind /api/v1/streaming/, and its stream. */
const paths: Record<string, string> = {
  user: 'user',
  'user/notification': 'user:notification',
  public: 'public',
  'public/local': 'public:local',
  hashtag: 'hashtag',
  'hashtag/local': 'hashtag:local',
  list: 'list',
  direct: 'direct',
};

const greeting = Buffer.from(':)\n');
const thump = Buffer.from(':thump\n');
/**
 * Follows whatever is sent, as a chunk of its own. uWebSockets.js writes the end of a chunk with the beginning of the next, and there
 * are clients that hand nothing on before they have seen that end (urllib3, and so all that is written in Python): without it they
 * would hear of an event with the next thump.
 */
const pusher = Buffer.from(':\n');

/** Adds the routes of event streams, and of their health. */
export function addEvents(
  app: TemplatedApp,
  { hub, authenticator, addresses, room, thumpMs = 15_000 }: EventsOptions,
): Events {
  const open = new Set<EventsSession>();

  async function serve(res: HttpResponse, req: HttpRequest, name: string): Promise<void> {
    if (!room.takesStream('server-sent-events')) {
      writeFull(res, { after: room.retryAfter(), shared: true });
      return;
    }
    // All of `req` is read before the first await: it is gone afterwards.
    const query = new URLSearchParams(req.getQuery() ?? '');
    const token = tokenOf(req.getHeader('authorization'), query);
    const since = parseSince(req.getHeader('last-event-id') || query.get('since'));
    const stream = parseStream({ name, tag: query.get('tag'), list: query.get('list') });
    const origin = originOf(addresses, res, req);
    const state: { gone: boolean; session: EventsSession | null } = { gone: false, session: null };
    res.onAborted(() => {
      state.gone = true;
      const { session } = state;
      if (session === null) return;
      session.response = null;
      session.left();
    });
    const refuse = ({ status, error }: Refusal): void => {
      if (state.gone) return;
      state.gone = true;
      writeRefusal(res, { status, error });
    };
    if (origin === null) return refuse({ status: 400, error: 'The Host header is not a host name' });
    if (token === null) return refuse({ status: 401, error: 'Missing access token' });
    const outcome = await authenticator.authenticate(token);
    if (state.gone) return;
    if (!outcome.ok && outcome.rejection.code === 'unauthorized') return refuse(invalidToken);
    // As with WebSockets: it may have been revoked since the answer.
    const caller = outcome.ok ? authenticator.remembered(token) : null;
    if (caller === null || hub.isClosing) return refuse({ status: 503, error: 'Try again in a moment' });
    if (caller.account === null) return refuse(invalidToken);
    if (!stream.ok) return refuse(stream.refusal);
    // Others may have come in the meantime.
    if (!room.takesStream('server-sent-events')) {
      state.gone = true;
      return writeFull(res, { after: room.retryAfter(), shared: true });
    }
    room.streamOpened();
    const session = new EventsSession({ caller, account: caller.account, origin, form: 'events' });
    session.response = res;
    session.left = () => {
      session.left = () => {};
      room.streamClosed();
      open.delete(session);
      hub.closed(session);
    };
    hub.open(session);
    const refusal = hub.command(session, { kind: 'subscribe', stream: stream.value, since });
    if (refusal !== null) {
      // Nothing is written yet: it is refused as if it had never been open.
      session.response = null;
      session.end({ code: 1013, reason: 'busy' });
      return refuse(refusal);
    }
    if (!session.isOpen) return;
    state.session = session;
    open.add(session);
    res.onWritable(() => {
      hub.drained(session);
      return true;
    });
    session.begin();
  }

  for (const [path, name] of Object.entries(paths)) {
    app.get(`/api/v1/streaming/${path}`, (res, req) => void serve(res, req, name));
  }
  app.get('/api/v1/streaming/health', (res) => {
    res.writeHeader('Content-Type', 'text/plain').writeHeader('Access-Control-Allow-Origin', '*').end('OK');
  });
  const timer = setInterval(() => {
    for (const session of open) session.thump();
  }, thumpMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

const invalidToken: Refusal = { status: 401, error: 'The access token is invalid' };

function writeRefusal(res: HttpResponse, { status, error }: Refusal): void {
  res.cork(() => {
    res.writeStatus(statusLines[status] ?? '400 Bad Request');
    res.writeHeader('Content-Type', 'application/json; charset=utf-8');
    res.writeHeader('Access-Control-Allow-Origin', '*');
    if (status === 503) res.writeHeader('Retry-After', retryAfterS);
    res.end(JSON.stringify({ error }));
  });
}

class EventsSession extends Session {
  response: HttpResponse | null = null;
  /** Takes it out of where it is kept, when the server ends it. */
  left: () => void = () => {};

  protected write(frame: Uint8Array): boolean {
    const { response } = this;
    if (response === null) return true;
    let taken = true;
    response.cork(() => {
      response.write(frame);
      taken = response.write(pusher);
    });
    return taken;
  }

  protected writeAll(frames: Uint8Array[]): boolean {
    return this.write(Buffer.concat(frames));
  }

  protected finish(_closing: Closing): void {
    const { response } = this;
    this.response = null;
    response?.cork(() => response.end(undefined, true));
    this.left();
  }

  begin(): void {
    const { response } = this;
    response?.cork(() => {
      response.writeStatus('200 OK');
      response.writeHeader('Content-Type', 'text/event-stream');
      response.writeHeader('Cache-Control', 'no-store');
      response.writeHeader('Access-Control-Allow-Origin', '*');
      // A proxy that gathers bytes before it passes them on makes a stream of nothing.
      response.writeHeader('X-Accel-Buffering', 'no');
      response.write(greeting);
    });
  }

  /** Says nothing, but something. Not to those who have enough to read. */
  thump(): void {
    if (this.outbox === null) this.send(thump);
  }
}
