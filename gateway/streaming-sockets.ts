// Streams by WebSocket: the upgrade with its token, clients' frames, and the session behind each socket.
import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t, WebSocket } from 'uWebSockets.js';
import type { Authenticator } from './authenticator.ts';
import type { Caller } from './endpoint.ts';
import type { Addresses } from './http-address.ts';
import type { HttpRoom } from './http-room.ts';
import { type Closing, Session, type SessionOptions } from './session.ts';
import { originOf, retryAfterS, statusLines } from './streaming-address.ts';
import type { Anchor } from './streaming-anchor.ts';
import { compactRefusal } from './streaming-compact.ts';
import type { StreamingHub } from './streaming-hub.ts';
import { type Handshake, parseClientFrame, parseHandshake, type Refusal } from './streaming-protocol.ts';

export interface SocketsOptions {
  hub: StreamingHub;
  anchor: Pick<Anchor, 'hold'>;
  authenticator: Authenticator;
  addresses: Pick<Addresses, 'originOf'>;
  room: Pick<HttpRoom, 'takesStream' | 'streamOpened' | 'streamClosed' | 'retryAfter' | 'closed'>;
  /** After this long without a sound a socket is pinged; it is closed when nothing comes for 16 s more. Tests take less. */
  pingAfterS?: number;
}

/** What uWebSockets.js keeps for each socket: it becomes the prototype of its own object, so that the session itself would lose its methods. */
interface Slot {
  session: SocketSession;
}

/** An upgrade request, copied: its native object lives no longer than its handler. */
interface Asking {
  key: string;
  extensions: string;
  handshake: Handshake;
  /** Null: its Host header names none. */
  origin: string | null;
  context: us_socket_context_t;
}

/** Commands are short. What is longer is refused with a close frame; what is far longer is not even read. */
const longestCommandBytes = 4096;
const longestFrameBytes = 64 * 1024;
const mostCommandsAMinute = 300;
/** What `send` answers when it has thrown a frame away. */
const dropped = 2;
/** How long a pinged socket has: uWebSockets.js takes 16 s of an idle time this long, 4 s of the shortest. */
const graceS = 16;

/** Adds the routes of WebSocket streams. */
export function addSockets(
  app: TemplatedApp,
  { hub, anchor, authenticator, addresses, room, pingAfterS = 30 }: SocketsOptions,
): void {
  function upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    if (!room.takesStream('websocket')) {
      refuse(res, 503, room.retryAfter());
      return;
    }
    // All of `req` is read here: it is gone after the first await.
    const asking: Asking = {
      key: req.getHeader('sec-websocket-key'),
      extensions: req.getHeader('sec-websocket-extensions'),
      handshake: parseHandshake({
        query: req.getQuery(),
        authorization: req.getHeader('authorization'),
        protocols: req.getHeader('sec-websocket-protocol'),
      }),
      origin: originOf(addresses, res, req),
      context,
    };
    const { token } = asking.handshake;
    const known = token === null ? null : authenticator.remembered(token);
    if (hub.isClosing) refuse(res, 503);
    else if (asking.origin === null) refuse(res, 400);
    else if (token === null) refuse(res, 401);
    else if (known !== null) answer(res, asking, known);
    else void askCore(res, asking, token);
  }

  async function askCore(res: HttpResponse, asking: Asking, token: string): Promise<void> {
    let gone = false;
    res.onAborted(() => {
      gone = true;
    });
    const outcome = await authenticator.authenticate(token);
    if (gone) return;
    // It may have been revoked between the answer and this line: nobody would close a socket that is not there yet.
    const known = outcome.ok ? authenticator.remembered(token) : null;
    if (!outcome.ok && outcome.rejection.code === 'unauthorized') refuse(res, 401);
    else if (known === null || hub.isClosing) refuse(res, 503);
    // Others may have come in the meantime.
    else if (!room.takesStream('websocket')) refuse(res, 503, room.retryAfter());
    else anchor.hold(() => answer(res, asking, known));
  }

  function answer(
    res: HttpResponse,
    { key, extensions, handshake, origin, context }: Asking,
    caller: Caller,
  ): void {
    const { account } = caller;
    if (account === null || origin === null) {
      refuse(res, 401);
      return;
    }
    const session = new SocketSession({ caller, account, origin, form: handshake.form });
    // `open` runs before this returns.
    opening = handshake;
    res.upgrade<Slot>({ session }, key, handshake.protocol, extensions, context);
    opening = null;
  }

  /** The handshake of the session that is being opened. */
  let opening: Handshake | null = null;

  const behaviour = {
    maxPayloadLength: longestFrameBytes,
    // A session stops sending when the network takes no more, and counts what waits itself. Only a client that pings and never
    // reads comes this far.
    maxBackpressure: 256 * 1024,
    idleTimeout: pingAfterS < graceS ? Math.max(8, pingAfterS + 4) : pingAfterS + graceS,
    sendPingsAutomatically: true,
    upgrade,
    open(socket: WebSocket<Slot>) {
      const { session } = socket.getUserData();
      const handshake = opening;
      session.socket = socket;
      room.streamOpened();
      hub.open(session);
      if (handshake === null || handshake.first === null || !session.isOpen) return;
      if (!handshake.first.ok) session.refuse(handshake.first.refusal);
      else
        run({ hub, session }, { kind: 'subscribe', stream: handshake.first.value, since: handshake.since });
    },
    message(socket: WebSocket<Slot>, message: ArrayBuffer, isBinary: boolean) {
      const { session } = socket.getUserData();
      if (isBinary) return session.end({ code: 1003, reason: 'binary-frame' });
      if (message.byteLength > longestCommandBytes) return session.end({ code: 1009, reason: 'too-large' });
      if (!session.mayCommand(performance.now()))
        return session.end({ code: 1008, reason: 'too-many-commands' });
      const parsed = parseClientFrame(Buffer.from(message).toString());
      if (parsed.ok) run({ hub, session }, parsed.value);
      else session.refuse(parsed.refusal);
    },
    drain(socket: WebSocket<Slot>) {
      if (socket.getBufferedAmount() === 0) hub.drained(socket.getUserData().session);
    },
    close(socket: WebSocket<Slot>) {
      const { session } = socket.getUserData();
      // The native object is dead from here on: whoever used it would throw.
      session.socket = null;
      room.streamClosed();
      room.closed();
      hub.closed(session);
    },
  };
  app.ws<Slot>('/api/v1/streaming', behaviour);
  app.ws<Slot>('/api/v1/streaming/', behaviour);
}

function run(
  { hub, session }: { hub: StreamingHub; session: SocketSession },
  command: Parameters<StreamingHub['command']>[1],
): void {
  const refusal = hub.command(session, command);
  if (refusal !== null) session.refuse(refusal);
}

class SocketSession extends Session {
  socket: WebSocket<Slot> | null = null;
  #minuteMs = 0;
  #commands = 0;

  constructor(options: SessionOptions) {
    super(options);
    if (options.form !== 'compact') return;
    this.known = new Map();
    this.knowsResync = true;
  }

  /** Streams are chosen at the beginning and seldom changed: each change costs the core as much as a request. */
  mayCommand(nowMs: number): boolean {
    if (nowMs - this.#minuteMs >= 60_000) {
      this.#minuteMs = nowMs;
      this.#commands = 0;
    }
    this.#commands++;
    return this.#commands <= mostCommandsAMinute;
  }

  protected write(frame: Uint8Array): boolean {
    if (this.socket === null) return true;
    const taken = this.socket.send(frame, this.form === 'compact');
    if (taken === dropped) this.#fullOfPongs();
    return taken === 1;
  }

  protected writeAll(frames: Uint8Array[]): boolean {
    const { socket } = this;
    if (socket === null) return true;
    const isBinary = this.form === 'compact';
    let lost = false;
    socket.cork(() => {
      for (const frame of frames) lost ||= socket.send(frame, isBinary) === dropped;
    });
    if (lost) this.#fullOfPongs();
    return this.socket !== null && socket.getBufferedAmount() === 0;
  }

  #fullOfPongs(): void {
    this.end({ code: 1013, reason: 'slow-consumer' });
  }

  protected finish({ code, reason }: Closing): void {
    this.socket?.end(code, reason);
  }

  refuse(refusal: Refusal): void {
    const frame =
      this.form === 'compact'
        ? compactRefusal(refusal)
        : Buffer.from(JSON.stringify({ error: refusal.error, status: refusal.status }));
    if (!this.send(frame)) this.end({ code: 1013, reason: 'slow-consumer' });
  }
}

/** Without a body, and the connection closes: a client that is refused here has nothing more to say. */
function refuse(res: HttpResponse, status: number, after: string = retryAfterS): void {
  res.cork(() => {
    res.writeStatus(statusLines[status] ?? '400 Bad Request');
    if (status === 503) res.writeHeader('Retry-After', after);
    res.endWithoutBody(0, true);
  });
}
