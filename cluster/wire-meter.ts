// What wires between machines count and say. Which registry and which log it ends up in is the program's concern.
import type { LinkLog } from './link-log.ts';
import type { FarewellReason } from './wire-close.ts';

export type WireEvent =
  | 'frames-in'
  | 'frames-out'
  | 'bytes-in'
  | 'bytes-out'
  | 'messages-in'
  | 'messages-out'
  | 'links-opened'
  | 'links-closed'
  /** Connections over the bound of those that have not said who they are. */
  | 'strangers-refused'
  /** Connections that did not get as far as a hello: no TLS 1.3, no certificate, no wire. */
  | 'strangers-failed'
  /** Hellos refused, by why. */
  | `refused-${FarewellReason}`
  /** Nodes whose key two living processes have. */
  | 'copied-keys'
  | 'malformed-frames'
  | 'slow-peers'
  | 'silent-peers'
  /** Handlers of messages that threw. */
  | 'faults'
  | 'calls-timed-out'
  | 'calls-busy';

export interface WireMeter {
  count(event: WireEvent, by: number): void;
}

export const noWireMeter: WireMeter = { count() {} };

/** A pino logger fits. */
export interface WireLog extends LinkLog {
  /** What needs somebody soon: two manifests of one epoch, a handler that fails. */
  error(fields: object, text: string): void;
}

/** For who has nothing to say that the person at a command could act on. */
export const noWireLog: WireLog = { info() {}, warn() {}, error() {} };
