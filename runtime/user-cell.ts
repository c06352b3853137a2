// An awake user, as the runtime keeps it: what its actor would be without the mailbox.
import type { AccountId } from './account-id.ts';
import type { Coded } from './actor-codes.ts';
import type { PointReader, RuntimeMessage } from './behaviours.ts';
import type { Receiver } from './fan-out.ts';
import type { Lender } from './lent-actors.ts';

export type Letter<Message, Item> = {
  message: Message | RuntimeMessage<Item>;
  request: number;
  /** While it is handled; null: the one for all. */
  read?: PointReader | null;
  /** Only for this life of the cell. */
  life?: number;
};

export interface Cell<State, Message extends { kind: string }, Item>
  extends Receiver<Item>,
    Coded<State, Message, Item>,
    Lender<Letter<Message, Item> | null> {
  account: AccountId;
  /** Letters sent and not yet handled. */
  queued: number;
  lastMs: number;
  lostItems: boolean;
  /** What is due to it was left over for a later turn. */
  isLate: boolean;
  /** Which of its lives this is: it begins another, from facts, with every crash. */
  life: number;
}

export function newCell<State, Message extends { kind: string }, Item>(
  account: AccountId,
  nowMs: number,
): Cell<State, Message, Item> {
  return {
    account,
    actor: null,
    state: null,
    code: null,
    stayedAt: 0,
    queued: 0,
    lastMs: nowMs,
    isStopped: false,
    lostItems: false,
    isLate: false,
    life: 0,
    due: [],
    dueBatch: null,
  };
}
