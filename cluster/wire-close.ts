// Why wires between machines end, and the WebSocket close codes that say so to the other side. What to do about it is the dialer's.

/** By group: from 4100 coming back soon may help, from 4200 it helps only after something has changed at one of the two ends. */
const codes = {
  /** The program had no more use for the link. */
  goodbye: 1000,
  'going-away': 1001,
  /** It did not take, or did not process, what was sent to it. */
  'slow-peer': 4100,
  /** Nothing came from it for too long. */
  'silent-peer': 4101,
  /** Too many links, or too many of one key. */
  full: 4102,
  /** The program at the end that closed failed over a message; its log says how. */
  fault: 4103,
  /** The handshake took too long. */
  'too-late': 4104,
  /** There is a link already, and one is enough. */
  duplicate: 4105,
  malformed: 4200,
  /** No version of the messages that both ends know. */
  protocol: 4201,
  'wrong-cluster': 4202,
  /** A process has dialed itself. */
  self: 4203,
  'unknown-key': 4204,
  'revoked-key': 4205,
  /** The key is known, but not as the key of that node. */
  'wrong-node': 4206,
  /** The proof of an invite does not hold, or no more. */
  'bad-admission': 4207,
  /** Both ends have a manifest of the same epoch, and not the same one. */
  'manifest-conflict': 4208,
} as const;

export type FarewellReason = keyof typeof codes;

export type WireReason =
  | FarewellReason
  /** The connection was lost without a farewell. */
  | 'lost'
  /** Nobody listens there, or what listens is no wire. */
  | 'unreachable'
  /** Another key than the expected one answers there. */
  | 'unexpected-key';

/** Why a link ended, or was none. */
export interface WireEnding {
  reason: WireReason;
  /** For people. From the other end when `by` is 'there': do not trust it further than a log. */
  text: string;
  by: 'here' | 'there';
}

export function closeCodeOf(reason: FarewellReason): number {
  return codes[reason];
}

/** Codes nobody here sends are read as what they mean for a link. */
export function reasonOf(closeCode: number): WireReason {
  const known = byCode.get(closeCode);
  if (known !== undefined) return known;
  // What `ws` closes with by itself: bytes that are no frame, bytes that are no UTF-8, too many bytes.
  return closeCode === 1002 || closeCode === 1007 || closeCode === 1009 ? 'malformed' : 'lost';
}

/** A close frame holds 123 bytes. */
export function closeText(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, 120);
}

const byCode: ReadonlyMap<number, FarewellReason> = new Map(
  (Object.keys(codes) as FarewellReason[]).map((reason) => [codes[reason], reason]),
);
