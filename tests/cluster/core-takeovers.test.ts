// What a core counts of the partitions it takes over: whether their former server had given them back.
import { afterEach, describe, expect, test } from 'vitest';
import { Takeovers } from '../../cluster/core-takeovers.ts';
import { until } from '../support/until.ts';
import { openTogether, type Together } from './cores-together.ts';

const term = (partition: number, of = 7) => ({ partition, term: of });

describe('a core counts', () => {
  test('what its server gave back as handed over, and what it did not as failed over', () => {
    const takeovers = new Takeovers(1);
    takeovers.linked(2);
    takeovers.heard(2, { version: 1, terms: [term(4), term(5)] });
    takeovers.heard(2, { version: 2, terms: [term(5)] });
    expect(takeovers.serving([term(4, 8), term(5, 8)])).toEqual({ failovers: 1, handovers: 1 });
    // It goes on, and nothing is new.
    expect(takeovers.serving([term(4, 8), term(5, 8)])).toEqual({ failovers: 0, handovers: 0 });
  });

  test('nothing at a start, nor what it has lost itself and takes again', () => {
    const takeovers = new Takeovers(1);
    expect(takeovers.serving([term(4)])).toEqual({ failovers: 0, handovers: 0 });
    expect(takeovers.serving([])).toEqual({ failovers: 0, handovers: 0 });
    expect(takeovers.serving([term(4, 8)])).toEqual({ failovers: 0, handovers: 0 });
  });

  test('what a process lost by its end as failed over, though it says after its start that it serves nothing', () => {
    const takeovers = new Takeovers(1);
    takeovers.linked(2);
    takeovers.heard(2, { version: 1, terms: [term(4)] });
    takeovers.linked(2);
    takeovers.heard(2, { version: 1, terms: [] });
    expect(takeovers.serving([term(4, 8)])).toEqual({ failovers: 1, handovers: 0 });
  });

  test('by the last word: one that comes late changes nothing', () => {
    const takeovers = new Takeovers(1);
    takeovers.linked(2);
    takeovers.heard(2, { version: 2, terms: [term(4)] });
    takeovers.heard(2, { version: 1, terms: [] });
    expect(takeovers.serving([term(4, 8)])).toEqual({ failovers: 1, handovers: 0 });
  });
});

describe('three cores', () => {
  let together: Together;

  afterEach(() => together.close());

  /** Of all cores together. */
  async function counted(name: string): Promise<number> {
    const all = [...together.cores.values()].map(async ({ core }) => {
      const text = await core.metrics.text([]);
      return Number(new RegExp(`^murmuration_${name}{[^}]*} (\\d+)$`, 'm').exec(text)?.[1]);
    });
    return (await Promise.all(all)).reduce((sum, one) => sum + one, 0);
  }

  const servedBy = (node: number): number => together.cores.get(node)?.core.cluster?.report().serving ?? 0;
  /** Each knows of the others what they serve: of whom nothing was heard nobody can say that it served. */
  const isHeardOf = (): boolean =>
    [...together.cores.values()].every(({ core }) =>
      [...together.cores.keys()].every(
        (node) => core.cluster?.servers().filter((one) => one.node === node).length === servedBy(node),
      ),
    );

  const countedAll = async () => ({
    failovers: await counted('failovers_total'),
    handovers: await counted('handovers_total'),
  });

  test('count what one that stops gave them as handed over', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    await until(isHeardOf);
    const before = await countedAll();
    const given = servedBy(1);
    expect(given).toBeGreaterThan(0);
    await together.cores.get(1)?.core.handOver();
    await until(async () => (await counted('handovers_total')) - before.handovers >= given);
    expect(await counted('failovers_total')).toBe(before.failovers);
  });

  test('count what one that is switched off served as failed over', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    await until(isHeardOf);
    const before = await countedAll();
    const lost = servedBy(2);
    expect(lost).toBeGreaterThan(0);
    together.away(2);
    await until(async () => (await counted('failovers_total')) - before.failovers >= lost);
    expect(await counted('handovers_total')).toBe(before.handovers);
  });
});
