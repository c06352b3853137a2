// How one event is written: each form once, shared by all.
import { describe, expect, test } from 'vitest';
import type { AccountRow } from '../../actors/messages.ts';
import { type EntityWriter, type KnownAccounts, StreamEvent } from '../../gateway/streaming-event.ts';
import type { Told } from '../../gateway/streaming-told.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { makeStatusId, printStatusId } from '../../runtime/status-id.ts';
import { accountRowOf, statusRowOf } from '../support/records.ts';

const origin = 'https://birds.example';
const cursor = '01a2003e2504000000000001';
const label = '["user"]';
const id = makeStatusId(1_795_300_000_000, 7 as AccountId, 1);

function account(number: number, displayName = ''): AccountRow {
  return accountRowOf(number as AccountId, `person${number}`, { createdMs: 0, displayName, statuses: 0 });
}

const row = statusRowOf(id, 'hello');

function update(author = account(7)): Told {
  return { kind: 'update', row, author, boosted: null, boostedAuthor: null };
}

/** Counts how often an entity is written. */
function countingWriter(): EntityWriter & { written: number } {
  const writer = {
    written: 0,
    status: (_rows: unknown, from: string): string => {
      writer.written++;
      return JSON.stringify({ from, text: 'said "hello"\n' });
    },
    notification: (): string => '{"type":"mention"}',
  };
  return writer;
}

describe('an event', () => {
  test('is written once for each form and stream, and its frame is shared', () => {
    const writer = countingWriter();
    const event = new StreamEvent(update(), cursor, writer);
    const frame = event.frame('json', label, origin, null);
    expect(event.frame('json', label, origin, null)).toBe(frame);
    expect(event.frame('json', '["user:notification"]', origin, null)).not.toBe(frame);
    expect(event.frame('events', label, origin, null)).not.toBe(frame);
    expect(writer.written).toBe(1);
  });

  test('is written anew for another address of ours, and still once for each', () => {
    const writer = countingWriter();
    const event = new StreamEvent(update(), cursor, writer);
    for (const from of [origin, 'http://localhost', origin, 'http://localhost'])
      event.frame('json', label, from, null);
    expect(writer.written).toBe(2);
    const frame = JSON.parse(Buffer.from(event.frame('json', label, 'http://localhost', null)).toString());
    expect(JSON.parse(frame.payload)).toEqual({ from: 'http://localhost', text: 'said "hello"\n' });
  });

  test('is a frame whose payload is a JSON string, with the cursor', () => {
    const event = new StreamEvent(update(), cursor, countingWriter());
    expect(
      JSON.parse(Buffer.from(event.frame('json', '["hashtag","x\\"y"]', origin, null)).toString()),
    ).toEqual({
      stream: ['hashtag', 'x"y'],
      event: 'update',
      payload: JSON.stringify({ from: origin, text: 'said "hello"\n' }),
      cursor,
    });
    const without = new StreamEvent({ kind: 'deleted', id }, null, countingWriter());
    expect(JSON.parse(Buffer.from(without.frame('json', label, origin, null)).toString())).toEqual({
      stream: ['user'],
      event: 'delete',
      payload: printStatusId(id),
    });
  });

  test('is one line of data among server-sent events', () => {
    const event = new StreamEvent(update(), cursor, countingWriter());
    const lines = Buffer.from(event.frame('events', label, origin, null))
      .toString()
      .split('\n');
    expect(lines).toEqual([
      `id: ${cursor}`,
      'event: update',
      expect.stringMatching(/^data: \{.*\}$/),
      '',
      '',
    ]);
    const resync = new StreamEvent({ kind: 'resync' }, cursor, countingWriter());
    expect(Buffer.from(resync.frame('events', label, origin, null)).toString()).toContain('data: resync\n');
  });
});

describe('the accounts a compact socket knows', () => {
  test('are sent in full once, and again when they look otherwise', () => {
    const known: KnownAccounts = new Map();
    const sizes = [account(7), account(7), account(7, 'a new name'), account(7, 'a new name')].map(
      (author) =>
        new StreamEvent(update(author), cursor, countingWriter()).frame('compact', label, origin, known)
          .length,
    );
    expect(sizes[1]).toBeLessThan(sizes[0] ?? 0);
    expect(sizes[2]).toBeGreaterThan(sizes[1] ?? 0);
    expect(sizes[3]).toBe(sizes[1]);
  });

  test('are bounded', () => {
    const known: KnownAccounts = new Map();
    for (let number = 1; number <= 5000; number++) {
      new StreamEvent(update(account(number)), cursor, countingWriter()).frame(
        'compact',
        label,
        origin,
        known,
      );
    }
    expect(known.size).toBeLessThanOrEqual(2000);
  });
});
