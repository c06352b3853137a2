// Waves of a deploy: how they are written, and which nodes each of them reaches.
import { describe, expect, test } from 'vitest';
import {
  cohortOrder,
  nodesOfWave,
  readHoldS,
  readWaves,
  WavesError,
  writeWaves,
} from '../../cluster/release-waves.ts';

describe('waves as text', () => {
  test('are read and written again', () => {
    expect(readWaves('1, 10%,100%')).toEqual([
      { kind: 'nodes', nodes: 1 },
      { kind: 'percent', percent: 10 },
      { kind: 'percent', percent: 100 },
    ]);
    expect(writeWaves(readWaves('1,3,10%,50%,100%'))).toBe('1,3,10%,50%,100%');
    expect(readWaves('')).toEqual([]);
  });

  test.each([
    ['0,100%', /a number of nodes or a percent/],
    ['-1,100%', /a number of nodes or a percent/],
    ['1.5%,100%', /a number of nodes or a percent/],
    ['101%', /a number of nodes or a percent/],
    ['01,100%', /a number of nodes or a percent/],
    ['1,,100%', /a number of nodes or a percent/],
    ['99999999,100%', /a number of nodes or a percent/],
    ['10%,1,100%', /more nodes than the one before it, counts before percents/],
    ['5,5,100%', /more nodes than the one before/],
    ['50%,10%,100%', /more nodes than the one before/],
    ['1,50%', /the last wave must be 100%/],
    ['1', /the last wave must be 100%/],
    [Array.from({ length: 17 }, (_, at) => at + 1).join(','), /at most 16 waves/],
    ['1,'.repeat(1_000_000), /at most 16 waves/],
  ])('%.30s is refused', (text, reason) => {
    expect(() => readWaves(text)).toThrow(WavesError);
    expect(() => readWaves(text)).toThrow(reason);
  });

  test('holds are durations of a week at most', () => {
    expect(['0s', '30s', '5m', '2h', '168h'].map(readHoldS)).toEqual([0, 30, 300, 7200, 604_800]);
    for (const wrong of ['30', '', 's', '169h', '1d', '-5s', '1.5m', '9999999s'])
      expect(() => readHoldS(wrong)).toThrow(WavesError);
  });
});

describe('cohorts', () => {
  const nodes = Array.from({ length: 40 }, (_, at) => 1000 + at);
  const waves = readWaves('1,10%,50%,100%');

  test('are the same on every node, whatever order it knows the others in', () => {
    const order = cohortOrder(nodes, '1.0.0');
    expect(cohortOrder([...nodes].reverse(), '1.0.0')).toEqual(order);
    expect(cohortOrder([...nodes, ...nodes], '1.0.0')).toEqual(order);
    expect([...order].sort()).toEqual(nodes);
  });

  test('begin with another node for another version', () => {
    const firsts = ['1.0.0', '1.0.1', '1.0.2', '1.0.3', '1.1.0'].map(
      (version) => cohortOrder(nodes, version)[0],
    );
    expect(new Set(firsts).size).toBeGreaterThan(2);
  });

  test('each wave has those of the waves before it, and the last has all', () => {
    const sizes = waves.map((_, wave) => nodesOfWave({ waves, wave, nodes, version: '1.0.0' }).length);
    expect(sizes).toEqual([1, 4, 20, 40]);
    const small = waves.map((_, wave) => nodesOfWave({ waves, wave, nodes: [1, 2, 3], version: '1' }).length);
    expect(small).toEqual([1, 1, 2, 3]);
  });

  test('a wave is never smaller than the one before it', () => {
    const three = readWaves('3,10%,100%');
    const sizes = three.map(
      (_, wave) => nodesOfWave({ waves: three, wave, nodes: [1, 2, 3, 4, 5], version: '1' }).length,
    );
    expect(sizes).toEqual([3, 3, 5]);
  });

  test('without waves everybody is in the first', () => {
    expect(nodesOfWave({ waves: [], wave: 0, nodes, version: '1' }).length).toBe(40);
  });
});
