// How `murmuration status` shows processes: a row each while they are few, one for all gateways when they are many.
import { expect, test } from 'vitest';
import { roomsIn } from '../../cluster/command-status.ts';
import { drawProcesses, type ProcessStatus } from '../../cluster/command-status-processes.ts';

function gateways(number: number, silent = 0): ProcessStatus[] {
  return Array.from({ length: number }, (_, index) => ({
    role: `gateway ${index}`,
    pid: 1000 + index,
    uptimeS: 60 + index,
    memoryBytes: 2 ** 20,
    room:
      index < silent
        ? null
        : { open: index === number - 1 ? 100 : 10, most: 100, isListening: true, refused: 0 },
  }));
}
const core: ProcessStatus = { role: 'core', pid: 7, uptimeS: 90, memoryBytes: 2 ** 20, room: null };

test('few gateways have a row each, with what each holds', () => {
  const rows = drawProcesses([core, ...gateways(3)]);
  expect(rows.length).toBe(5);
  expect(rows[2]).toMatch(/gateway 0 +1000 +00:01:00 +1\.0 MiB +10 of 100$/);
});

test('sixty have one row: their sum, how many are full and how many do not answer', () => {
  const rows = drawProcesses([core, ...gateways(60, 2)]);
  expect(rows.length).toBe(3);
  expect(rows[2]).toMatch(/60 gateways +00:01:00 +60\.0 MiB +670 of 5,800 \(1 full, 2 do not answer\)$/);
});

test('what a gateway holds is read of its metrics, by its name', () => {
  const text = [
    'murmuration_connections_most{process="gateway-1"} 12',
    'murmuration_sockets{process="gateway-1"} 5',
    'murmuration_sockets{process="gateway-11"} 6',
    'murmuration_listening{process="gateway-1"} 1',
    'murmuration_full_refusals_total{kind="websocket",process="gateway-1"} 2',
    'murmuration_full_refusals_total{kind="request",process="gateway-1"} 1',
  ].join('\n');
  expect([...roomsIn(text)]).toEqual([['gateway-1', { open: 5, most: 12, isListening: true, refused: 3 }]]);
});
