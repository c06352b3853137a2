// Who serves which partition, from what cores say one after the other.
import { describe, expect, test } from 'vitest';
import { Claims, nobody } from '../../cluster/routing-claims.ts';
import { partitionCount } from '../../runtime/account-id.ts';

const said = (version: number, terms: Record<number, number>) => ({
  version,
  terms: Object.entries(terms).map(([partition, term]) => ({ partition: Number(partition), term })),
});
const shift = (lost: number[], served: number[]) => ({ lost: new Set(lost), served: new Set(served) });

function linked(...nodes: number[]): Claims {
  const claims = new Claims();
  for (const node of nodes) claims.linked(node);
  return claims;
}

describe('a partition', () => {
  test('is served by the core that claims it, until that core is gone', () => {
    const claims = linked(1, 2);
    expect(claims.told(1, said(1, { 5: 3 }))).toEqual(shift([], [5]));
    expect(claims.serverOf(5)).toBe(1);
    expect(claims.serverOf(6)).toBe(nobody);
    expect(claims.unlinked(1)).toEqual(shift([5], []));
    expect(claims.serverOf(5)).toBe(nobody);
  });

  test('goes to the highest term, whoever says so first', () => {
    const claims = linked(1, 2);
    claims.told(1, said(1, { 5: 3 }));
    expect(claims.told(2, said(1, { 5: 4 }))).toEqual(shift([5], [5]));
    expect(claims.serverOf(5)).toBe(2);
    expect(claims.told(1, said(2, { 5: 3, 6: 1 }))).toEqual(shift([], [6]));
    expect(claims.serverOf(5)).toBe(2);
  });

  test('does not go back to a lower term when the core of the higher one is gone', () => {
    const claims = linked(1, 2);
    claims.told(1, said(1, { 5: 3 }));
    claims.told(2, said(1, { 5: 4 }));
    expect(claims.unlinked(2)).toEqual(shift([5], []));
    expect(claims.serverOf(5)).toBe(nobody);
    expect(claims.told(1, said(2, { 5: 5 }))).toEqual(shift([], [5]));
  });

  test('is lost and served anew when its core begins another term', () => {
    const claims = linked(1);
    claims.told(1, said(1, { 5: 3 }));
    const before = claims.shiftsOf(5);
    expect(claims.told(1, said(2, { 5: 4 }))).toEqual(shift([5], [5]));
    expect(claims.shiftsOf(5)).not.toBe(before);
  });

  test('is not moved by what is old, by whoever is not linked, or by a partition that is none', () => {
    const claims = linked(1);
    claims.told(1, said(2, { 5: 3 }));
    expect(claims.told(1, said(1, {}))).toEqual(shift([], []));
    expect(claims.told(9, said(1, { 5: 9 }))).toEqual(shift([], []));
    expect(claims.told(1, said(3, { 5: 3, 4000: 1 }))).toEqual(shift([], []));
    expect(claims.serverOf(5)).toBe(1);
  });
});

describe('the only core', () => {
  test('serves everything until it says what it serves', () => {
    const claims = new Claims();
    claims.soleIs(1);
    expect(claims.linked(1).served.size).toBe(partitionCount);
    expect(claims.serverOf(5)).toBe(1);
    const { lost, served } = claims.told(1, said(1, { 5: 3 }));
    expect([lost.size, lost.has(5), served.size]).toEqual([partitionCount - 1, false, 0]);
    expect([claims.serverOf(5), claims.serverOf(6)]).toEqual([1, nobody]);
  });

  test('that is not alone any more serves what it says, and nothing when it says nothing', () => {
    const claims = new Claims();
    claims.soleIs(1);
    claims.linked(1);
    expect(claims.soleIs(nobody).lost.size).toBe(partitionCount);
    expect(claims.serverOf(5)).toBe(nobody);
  });
});
