// Many frames for one socket: together, as much at a time as a socket takes well, and what it does not take waits.
import { expect, test } from 'vitest';
import { Session } from '../../gateway/session.ts';
import type { AccountId } from '../../runtime/account-id.ts';

/** Takes so many bursts, and no more until it is told. */
class Burst extends Session {
  readonly bursts: Uint8Array[][] = [];
  takes: number;

  constructor(takes: number) {
    const account = 1 as AccountId;
    const caller = { account, tokenId: 'token-id', token: 'token', clientId: '', scopes: new Set(['read']) };
    super({ caller, account, origin: 'http://localhost', form: 'json' });
    this.takes = takes;
  }
  protected write(frame: Uint8Array): boolean {
    return this.writeAll([frame]);
  }
  protected writeAll(frames: Uint8Array[]): boolean {
    this.bursts.push(frames);
    return --this.takes > 0;
  }
  protected finish(): void {}
}

const kilobytes = (count: number, mark: number): Uint8Array => new Uint8Array(count * 1024).fill(mark);
const marks = (bursts: Uint8Array[][]): number[][] => bursts.map((burst) => burst.map(([mark = 0]) => mark));

test('they go out in as few bursts as may be', () => {
  const session = new Burst(100);
  expect(session.sendAll([30, 30, 30, 80, 1, 2].map(kilobytes))).toBe(true);
  expect(marks(session.bursts)).toEqual([[0, 1], [2], [3], [4, 5]]);
});

test('what comes after a burst that the socket has not taken waits, in order', () => {
  const session = new Burst(2);
  expect(session.sendAll([40, 40, 30, 30].map(kilobytes))).toBe(true);
  expect(marks(session.bursts)).toEqual([[0], [1]]);
  session.takes = 100;
  session.drained();
  expect(marks(session.bursts)).toEqual([[0], [1], [2, 3]]);
});

test('and is too much when more than a socket may be behind waits', () => {
  const session = new Burst(1);
  expect(session.sendAll([40, 40, 40].map(kilobytes))).toBe(false);
});
