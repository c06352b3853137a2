// What a core tells the others of the gateways that are linked to it.
import { expect, test } from 'vitest';
import { LinkedGateways } from '../../cluster/core-gateways.ts';

const peer = (name: string, machine: string | null, role: 'gateway' | 'operator' | 'core' = 'gateway') => ({
  name,
  machine,
  role,
});

test('gateways are told with their node and since when they are linked, until they are gone', () => {
  let nowMs = 1_000;
  const numbers = new Map([['anna', 7]]);
  const gateways = new LinkedGateways({
    node: 3,
    version: '0.1.0',
    nodeOf: (machine) => numbers.get(machine) ?? null,
    now: () => nowMs,
  });
  const [own, hers] = [peer('gateway-0', null), peer('gateway-0@anna', 'anna')];
  gateways.joined(own);
  nowMs = 2_000;
  gateways.joined(hers);
  for (const other of [peer('token', null, 'operator'), peer('core@anna', 'anna', 'core')])
    gateways.joined(other);
  gateways.joined(peer('gateway-1@ben', 'ben'));
  expect(gateways.list()).toEqual([
    { node: 3, name: 'gateway-0', version: '0.1.0', pid: 0, sinceMs: 1_000 },
    { node: 7, name: 'gateway-0', version: '', pid: 0, sinceMs: 2_000 },
  ]);
  gateways.gone(own);
  numbers.delete('anna');
  expect(gateways.list()).toEqual([]);
});
