// An open link between machines: lanes, credits, liveness, the end. It knows no sockets: frames come in by `take`, go out by a port.
import { MalformedError } from '../runtime/codec.ts';
import type { LinkClock } from './link-clock.ts';
import { closeCodeOf, closeText, type FarewellReason, reasonOf, type WireEnding } from './wire-close.ts';
import type { WireBounds, WireEndOptions, WireLink, WirePeer, WireReceiver } from './wire-end.ts';
import { bodyOf, creditFrame, kindOf, packMessage, packWire } from './wire-frame.ts';
import { WireInbox } from './wire-inbox.ts';
import type { OutLane } from './wire-lane.ts';
import type { WireLog, WireMeter } from './wire-meter.ts';
import { WireOutbox, type WireSocket } from './wire-outbox.ts';
import { controlWindow, dataWindow, ReceiveWindow } from './wire-window.ts';

export interface OpenWireOptions<D, C> extends Pick<WireEndOptions<D, C>, 'messages' | 'onLink'> {
  peer: WirePeer;
  socket: WireSocket;
  log: WireLog;
  meter: WireMeter;
  clock: LinkClock;
  bounds: WireBounds;
  /** Called at once when the link ends: the receiver hears of it a little later. */
  ended(ending: WireEnding): void;
}

/** In one time of silence each end says at least so many times that it is there. */
const beatsInSilence = 4;

export class OpenWire<D, C> implements WireLink<D, C> {
  readonly peer: WirePeer;
  isOpen = true;
  readonly #options: OpenWireOptions<D, C>;
  readonly #receiver: WireReceiver<D, C>;
  readonly #outbox: WireOutbox;
  readonly #dataWindow = new ReceiveWindow(dataWindow);
  readonly #controlWindow = new ReceiveWindow(controlWindow);
  readonly #data: WireInbox<D>;
  readonly #control: WireInbox<C>;
  readonly #stopLooking: () => void;
  #lookedAtMs: number;
  #heardAtMs: number;
  #hasSent = false;
  /** Since when the network takes nothing of what it was handed, and what it had taken by then. */
  #untaken: { taken: number; sinceMs: number };

  constructor(options: OpenWireOptions<D, C>) {
    this.#options = options;
    this.peer = options.peer;
    const { socket, meter, messages, clock, bounds } = options;
    this.#outbox = new WireOutbox({
      socket,
      meter,
      creditDue: () => this.#creditDue(),
      sent: () => {
        this.#hasSent = true;
      },
      writable: () => this.#receiver.writable?.(),
      pauseBytes: bounds.pauseBytes,
    });
    const lane = <M>(window: ReceiveWindow) => ({
      window,
      processed: (count: number) => this.#processed(window, count),
      failed: (error: unknown) => this.#failed(error),
      handle: (_message: M): void | Promise<void> => {},
    });
    this.#data = new WireInbox<D>({
      ...lane(this.#dataWindow),
      codec: messages.data,
      handle: (message) => this.#receiver.data(message),
    });
    this.#control = new WireInbox<C>({
      ...lane(this.#controlWindow),
      codec: messages.control,
      handle: (message) => this.#receiver.control(message),
    });
    this.#lookedAtMs = clock.nowMs();
    this.#heardAtMs = this.#lookedAtMs;
    this.#untaken = { taken: 0, sinceMs: this.#lookedAtMs };
    this.#stopLooking = clock.every(bounds.silenceMs / beatsInSilence, () => this.#look());
    meter.count('links-opened', 1);
    this.#receiver = options.onLink(this);
  }

  get backlogBytes(): number {
    return this.#outbox.backlogBytes;
  }

  get unprocessedBytes(): number {
    return this.#outbox.data.window.underWayBytes;
  }

  post(message: D): void {
    if (!this.isOpen) return;
    const { messages, bounds } = this.#options;
    this.#push(this.#outbox.data, packMessage(messages.data, message), bounds.queueBytes);
  }

  control(message: C): void {
    if (!this.isOpen) return;
    const { messages, bounds } = this.#options;
    this.#push(this.#outbox.control, packMessage(messages.control, message), bounds.controlQueueBytes);
  }

  writable(): boolean {
    return this.#outbox.isWritable;
  }

  close(text: string, reason: FarewellReason = 'goodbye'): void {
    if (!this.isOpen) return;
    this.#outbox.flush();
    this.#end({ reason, text, by: 'here' }, reason);
  }

  /** A whole frame has come. */
  take(frame: Uint8Array): void {
    if (!this.isOpen) return;
    const { meter, clock } = this.#options;
    meter.count('frames-in', 1);
    meter.count('bytes-in', frame.length);
    this.#heardAtMs = clock.nowMs();
    try {
      this.#receive(frame);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Something came that is no frame of this protocol at all. */
  malformed(text: string): void {
    if (this.isOpen) this.#failed(new MalformedError('', text));
  }

  /** The connection under the link is gone. */
  gone(closeCode: number, text: string): void {
    if (this.isOpen) this.#end({ reason: reasonOf(closeCode), text, by: 'there' }, null);
  }

  #receive(frame: Uint8Array): void {
    const kind = kindOf(frame);
    switch (kind) {
      case 'data':
        this.#queue(this.#data, this.#dataWindow, frame);
        return;
      case 'control':
        this.#queue(this.#control, this.#controlWindow, frame);
        return;
      case 'credit': {
        const credit = creditFrame.decode(bodyOf(frame));
        const { data, control } = this.#outbox;
        const isPossible =
          data.window.returned(credit.dataFrames, credit.dataBytes) &&
          control.window.returned(credit.controlFrames, credit.controlBytes);
        if (!isPossible) throw new MalformedError('credit', 'what was sent, and no less than before');
        if (data.waiting + control.waiting > 0) this.#outbox.schedule();
        return;
      }
      case 'beat':
        bodyOf(frame);
        return;
      case 'hello':
      case 'accepted':
        throw new MalformedError(kind, 'to be said once');
      case null:
        throw new MalformedError('', 'a frame of a known kind');
    }
  }

  #queue<M>(inbox: WireInbox<M>, window: ReceiveWindow, frame: Uint8Array): void {
    if (!window.received(frame.length))
      throw new MalformedError('', 'no more frames than there was credit for');
    inbox.take(frame);
  }

  #processed(window: ReceiveWindow, messages: number): void {
    this.#options.meter.count('messages-in', messages);
    if (window.isDue) this.#outbox.schedule();
  }

  #creditDue(): unknown {
    if (!this.#dataWindow.isDue && !this.#controlWindow.isDue) return null;
    const data = this.#dataWindow.tell();
    const control = this.#controlWindow.tell();
    return creditFrame.encode({
      dataFrames: data.frames,
      dataBytes: data.bytes,
      controlFrames: control.frames,
      controlBytes: control.bytes,
    });
  }

  #push(lane: OutLane, packed: Uint8Array, boundBytes: number): void {
    this.#outbox.push(lane, packed);
    if (lane.queuedBytes <= boundBytes) return;
    this.#giveUp('slow-peer', `more than ${boundBytes} bytes wait for it`);
  }

  #giveUp(reason: 'slow-peer' | 'silent-peer', text: string): void {
    this.#options.meter.count(reason === 'slow-peer' ? 'slow-peers' : 'silent-peers', 1);
    this.#end({ reason, text, by: 'here' }, reason);
  }

  /** Says that this end is there, and asks whether the other is. */
  #look(): void {
    const { clock, bounds } = this.#options;
    const nowMs = clock.nowMs();
    const sinceMs = nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    if (!this.#hasSent) this.#outbox.send(packWire('beat', []), 0);
    this.#hasSent = false;
    const { taken, handedBytes } = this.#outbox;
    const isStoodStill = sinceMs > (2 * bounds.silenceMs) / beatsInSilence;
    if (handedBytes === 0 || taken !== this.#untaken.taken || isStoodStill)
      this.#untaken = { taken, sinceMs: nowMs };
    // This process stood still: what the peer sent meanwhile waits to be read, and it is not to blame.
    if (isStoodStill) return;
    if (nowMs - this.#heardAtMs > bounds.silenceMs)
      this.#giveUp('silent-peer', `nothing came from it for ${bounds.silenceMs} ms`);
    else if (nowMs - this.#untaken.sinceMs > bounds.silenceMs)
      this.#giveUp('slow-peer', `it took nothing for ${bounds.silenceMs} ms`);
  }

  /** Bad bytes are the peer's fault; all else is a fault of this program's handlers, with which the link cannot go on in order. */
  #failed(error: unknown): void {
    const { log, meter } = this.#options;
    if (error instanceof MalformedError) {
      meter.count('malformed-frames', 1);
      this.#end({ reason: 'malformed', text: `malformed frame: ${error.message}`, by: 'here' }, 'malformed');
      return;
    }
    meter.count('faults', 1);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error(
      { peer: this.peer.hello.name, node: this.peer.hello.node, error: text },
      'a message of a link failed',
    );
    this.#end({ reason: 'fault', text: 'a message could not be handled', by: 'here' }, 'fault');
  }

  #end(ending: WireEnding, farewell: FarewellReason | null): void {
    this.isOpen = false;
    this.#stopLooking();
    this.#outbox.stop();
    this.#data.stop();
    this.#control.stop();
    const { log, meter, socket, ended } = this.#options;
    meter.count('links-closed', 1);
    const { name, node, role } = this.peer.hello;
    const said = { peer: name, node, role, ...ending };
    if (quiet.has(ending.reason)) log.info(said, 'a link is gone');
    else log.warn(said, 'a link is gone');
    if (farewell !== null) socket.close(closeCodeOf(farewell), closeText(ending.text));
    ended(ending);
    queueMicrotask(() => this.#receiver.closed(ending));
  }
}

/** Endings that are nobody's failure. */
const quiet: ReadonlySet<string> = new Set(['goodbye', 'going-away', 'lost', 'duplicate']);
