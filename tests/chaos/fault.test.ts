// Faults are dealt by chance under a seed, all kinds of them, and never more at once than the promises allow.
import { expect, test } from 'vitest';
import { Random } from '../simulation/random.ts';
import { type Fault, FaultDealer, type Field, faultText, unreachableIn } from './fault.ts';

const field: Field = { ring: [1, 2, 3], fronts: [4, 5], small: 3, hasNetwork: true };

function dealt(seed: number, hands: number, on: Field = field): Fault[][] {
  const dealer = new FaultDealer(on, new Random(seed));
  return Array.from({ length: hands }, () => dealer.next());
}

const nameOf = (place: number) => `m${place}`;
const textsOf = (hands: Fault[][]) => hands.map((faults) => faults.map((fault) => faultText(fault, nameOf)));

test('a seed deals the same faults again, and another one others', () => {
  expect(textsOf(dealt(1, 40))).toEqual(textsOf(dealt(1, 40)));
  expect(textsOf(dealt(1, 40))).not.toEqual(textsOf(dealt(2, 40)));
});

test('one hand has every kind of fault', () => {
  const kinds = new Set(dealt(3, 21).flatMap(([main]) => (main === undefined ? [] : [main.kind])));
  expect([...kinds].sort()).toEqual(
    [
      'blackout',
      'bridge',
      'changeRing',
      'cutOff',
      'fillDisk',
      'kill',
      'killMachine',
      'spoil',
      'stop',
      'stopMachine',
    ].sort(),
  );
});

test('without a network of their own, machines are killed and stopped, and the ring changes', () => {
  const kinds = new Set(
    dealt(4, 100, { ...field, small: null, hasNetwork: false }).flatMap((faults) =>
      faults.map(({ kind }) => kind),
    ),
  );
  expect([...kinds].sort()).toEqual(['blackout', 'changeRing', 'kill', 'killMachine', 'stop', 'stopMachine']);
});

/** It can take an owner away from the other owners, or stop it from answering. */
function harmsOwner(fault: Fault, { ring }: Field): boolean {
  const isFront = (fault.kind === 'kill' || fault.kind === 'stop') && fault.role !== 'core';
  return ring.includes(fault.place) && !isFront;
}

test.each([
  ['three of five in the ring', field],
  ['all five in the ring', { ...field, ring: [1, 2, 3, 4, 5], fronts: [] }],
])('at most one owner is harmed at a time: %s', (_, on) => {
  for (const faults of dealt(5, 2_000, on)) {
    expect(faults.length).toBeLessThanOrEqual(2);
    expect(faults.filter((fault) => harmsOwner(fault, on)).length).toBeLessThanOrEqual(1);
    if (faults.some(({ kind }) => kind === 'blackout')) expect(faults).toHaveLength(1);
  }
});

test('no machine is harmed in two ways at once, and nothing lasts longer than ten seconds', () => {
  for (const faults of dealt(6, 2_000)) {
    const places = faults.flatMap((fault) =>
      fault.kind === 'bridge' ? [fault.place, fault.other] : [fault.place],
    );
    expect(new Set(places).size).toBe(places.length);
    for (const { forMs } of faults) expect(forMs).toBeLessThanOrEqual(10_000);
  }
});

test('clients can be kept from a machine by what harms its gateway or its wire, and by nothing else', () => {
  const places = [...field.ring, ...field.fronts];
  const unreachable = dealt(7, 500)
    .flat()
    .filter((fault) => unreachableIn(fault, places).length > 0);
  expect(new Set(unreachable.map(({ kind }) => kind))).toEqual(
    new Set(['blackout', 'kill', 'stop', 'killMachine', 'stopMachine', 'spoil', 'cutOff']),
  );
  for (const fault of unreachable)
    expect(unreachableIn(fault, places)).toEqual(fault.kind === 'blackout' ? places : [fault.place]);
});

test('one kind alone can be asked for, and one that is not possible is refused', () => {
  const dealer = new FaultDealer(field, new Random(8), 'bridge');
  const mains = Array.from({ length: 50 }, () => dealer.next()[0]?.kind);
  expect(new Set(mains)).toEqual(new Set(['bridge']));
  expect(() => new FaultDealer({ ...field, hasNetwork: false }, new Random(8), 'bridge')).toThrow('"bridge"');
});
