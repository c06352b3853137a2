// The live connection as a pure state machine: what to do when the socket opens, speaks, drops. The socket itself is live.ts's.
import { type BackOff, backOffMs } from './back-off.ts';

/** The server's word for "you have seen everything up to here"; null before it has given one. */
export type Cursor = string | null;

export type Connection =
  | { readonly kind: 'closed' }
  | { readonly kind: 'opening'; readonly failures: number; readonly cursor: Cursor }
  | {
      readonly kind: 'live';
      readonly failures: number;
      readonly cursor: Cursor;
      readonly openedMs: number;
      readonly heardMs: number;
    }
  | { readonly kind: 'waiting'; readonly failures: number; readonly cursor: Cursor };

export type ConnectionEvent =
  | { readonly kind: 'started' }
  | { readonly kind: 'opened'; readonly nowMs: number }
  | { readonly kind: 'heard'; readonly cursor: Cursor; readonly nowMs: number }
  /** The server no longer knows our cursor: what was missed cannot be sent. */
  | { readonly kind: 'lost-place' }
  | { readonly kind: 'dropped'; readonly nowMs: number; readonly chance: number }
  | { readonly kind: 'waited' }
  /** The device is back: the network returned, the page is looked at again, or somebody pressed "Try now". */
  | { readonly kind: 'woken'; readonly nowMs: number }
  | { readonly kind: 'stopped' };

export type ConnectionEffect =
  /** Open a socket that first receives what came after `since`. Give up on it, as dropped, if it does not open in time. */
  | { readonly kind: 'open'; readonly since: Cursor }
  /** Close the socket, and hear no more of it. */
  | { readonly kind: 'close' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'stop-waiting' }
  /** Read afresh what is on the page: nothing vouches that the stream alone completes it. */
  | { readonly kind: 'reload' }
  /** Ask the server whether the token still counts: a refused socket does not say why. */
  | { readonly kind: 'verify' };

export const reconnectBackOff: BackOff = { firstMs: 500, mostMs: 30_000 };
/** A connection that lived this long starts the back-off anew; one that dies sooner counts as one more failure. */
export const settledAfterMs = 10_000;
/** A silence after which a socket is not believed when the device wakes: a sleeping device is not told that it was cut off. */
export const doubtedAfterMs = 60_000;

type Step = readonly [Connection, readonly ConnectionEffect[]];

export function advanceConnection(state: Connection, event: ConnectionEvent): Step {
  switch (event.kind) {
    case 'started':
      return state.kind === 'closed' ? opening(0, null) : [state, []];
    case 'opened':
      if (state.kind !== 'opening') return [state, []];
      return [
        {
          kind: 'live',
          failures: state.failures,
          cursor: state.cursor,
          openedMs: event.nowMs,
          heardMs: event.nowMs,
        },
        state.cursor === null ? [{ kind: 'reload' }] : [],
      ];
    case 'heard':
      if (state.kind !== 'live') return [state, []];
      return [{ ...state, heardMs: event.nowMs, cursor: event.cursor ?? state.cursor }, []];
    case 'lost-place':
      return state.kind === 'live' ? [{ ...state, cursor: null }, [{ kind: 'reload' }]] : [state, []];
    case 'dropped':
      return dropped(state, event);
    case 'waited':
      return state.kind === 'waiting' ? opening(state.failures, state.cursor) : [state, []];
    case 'woken':
      return woken(state, event.nowMs);
    case 'stopped':
      if (state.kind === 'closed') return [state, []];
      return [{ kind: 'closed' }, [{ kind: state.kind === 'waiting' ? 'stop-waiting' : 'close' }]];
  }
}

function opening(failures: number, cursor: Cursor): Step {
  return [{ kind: 'opening', failures, cursor }, [{ kind: 'open', since: cursor }]];
}

function dropped(
  state: Connection,
  { nowMs, chance }: { readonly nowMs: number; readonly chance: number },
): Step {
  if (state.kind !== 'opening' && state.kind !== 'live') return [state, []];
  const settled = state.kind === 'live' && nowMs - state.openedMs >= settledAfterMs;
  const failures = settled ? 1 : state.failures + 1;
  const wait: ConnectionEffect = { kind: 'wait', ms: backOffMs(reconnectBackOff, failures, chance) };
  return [
    { kind: 'waiting', failures, cursor: state.cursor },
    failures > 1 ? [wait, { kind: 'verify' }] : [wait],
  ];
}

function woken(state: Connection, nowMs: number): Step {
  if (state.kind === 'waiting') {
    const [next, effects] = opening(state.failures, state.cursor);
    return [next, [{ kind: 'stop-waiting' }, ...effects]];
  }
  if (state.kind === 'live' && nowMs - state.heardMs > doubtedAfterMs) {
    const [next, effects] = opening(0, state.cursor);
    return [next, [{ kind: 'close' }, ...effects]];
  }
  return [state, []];
}
