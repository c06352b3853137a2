// The protocol at scale, with few nodes: that the figures of `npm run simulate -- --nodes N` are figures of something.
import { describe, expect, test } from 'vitest';
import { leaseMs, leaseSlackMs } from '../../cluster/link-lease.ts';
import { entryLastsMs, tellEveryMs } from '../../cluster/membership.ts';
import { partitionCount } from '../../runtime/account-id.ts';
import { replicationOf, runScale } from './scale.ts';
import { scaleText } from './scale-table.ts';
import { runWhole } from './scale-whole.ts';

const nodes = 10;
const report = runScale({ sizes: [nodes], wholeMost: nodes, seed: 1, progress: () => {} });
const [row] = report.rows;
const whole = report.whole.get(nodes);
if (row === undefined || whole === undefined) throw new Error('nothing was simulated');

describe('when 30 % of the machines vanish without a word', () => {
  test('all that has a majority of owners left is served again within two leases', () => {
    expect(whole.lost).toBeGreaterThan(0);
    expect(whole.lost).toBeLessThan(partitionCount / 2);
    expect(whole.servedMs).toBeGreaterThan(leaseMs);
    expect(whole.servedMs).toBeLessThan(2 * leaseMs);
  });

  test('cores without data take as long', () => {
    const { startedMs, servedMs, lost } = row.failover;
    expect(startedMs).toBeLessThan(leaseMs);
    expect(lost).toBe(whole.lost);
    expect(Math.abs(servedMs - whole.servedMs)).toBeLessThan(leaseSlackMs);
  });

  test('everybody knows who is gone when neither its own word nor that of others lasts any more', () => {
    const { knownMs } = row.members;
    expect(knownMs).toBeGreaterThan(entryLastsMs - tellEveryMs);
    expect(knownMs).toBeLessThan(2 * entryLastsMs + tellEveryMs);
  });
});

test('what more nodes send at rest is reckoned as it is measured', () => {
  const more = 16;
  const measured = { messages: 0, bytes: 0 };
  for (const { messages, bytes } of runWhole({ nodes: more, seed: 1 }).atRest.values()) {
    measured.messages += messages * (more - 1);
    measured.bytes += bytes * (more - 1);
  }
  const { messages, bytes } = replicationOf(more, whole);
  expect(messages).toBeGreaterThan(1.4 * replicationOf(nodes, whole).messages);
  for (const share of [messages / measured.messages, bytes / measured.bytes]) {
    expect(share).toBeGreaterThan(0.9);
    expect(share).toBeLessThan(1.1);
  }
});

test('nodes that are well are never taken for gone, and slow ones are', () => {
  const { pairs, lapses, missing, silent } = row.suspicions;
  expect(pairs['fast-fast']).toBeGreaterThan(0);
  expect([lapses['fast-fast'], missing['fast-fast'], silent['fast-fast']]).toEqual([0, 0, 0]);
  expect(lapses['slow-fast']).toBeGreaterThan(0);
});

test('a core that joins gets its share, and nobody else gets anything', () => {
  const { moved, ideal, needless } = row.join;
  expect(needless).toBe(0);
  expect(moved / ideal).toBeGreaterThan(0.8);
  expect(moved / ideal).toBeLessThan(1.2);
});

test('the table has a line for each size, and says what is modelled', () => {
  const text = scaleText(report);
  expect(text).toMatch(/^ *10 /m);
  expect(text).toContain('modelled');
});
