// The processes of a machine as `murmuration status` shows them: a row each, or one for all gateways where there are many.
import { count } from './command-progress.ts';
import { span } from './command-status-cluster.ts';

export interface ProcessStatus {
  role: string;
  pid: number;
  uptimeS: number;
  memoryBytes: number | null;
  /** Of a gateway that answers; null: of others. */
  room: GatewayRoom | null;
}

export interface GatewayRoom {
  /** Client sockets that are open: streams, requests, idle ones. */
  open: number;
  most: number;
  /** It is not full, or it is the last one at its port. */
  isListening: boolean;
  /** Since it was started. */
  refused: number;
}

/** More are shown together. */
const fewGateways = 8;

export function drawProcesses(processes: readonly ProcessStatus[]): string[] {
  const gateways = processes.filter(({ role }) => role.startsWith('gateway'));
  const shown =
    gateways.length <= fewGateways
      ? processes.map(rowOf)
      : [...processes.filter((one) => !gateways.includes(one)).map(rowOf), rowOfAll(gateways)];
  return [row({ name: 'process', pid: 'pid', up: 'up', memory: 'memory', room: 'connections' }), ...shown];
}

function rowOf({ role, pid, uptimeS, memoryBytes, room }: ProcessStatus): string {
  return row({
    name: role,
    pid: String(pid),
    up: span(uptimeS),
    memory: memoryBytes === null ? '?' : megabytes(memoryBytes),
    room: room === null ? '' : roomText(room),
  });
}

function rowOfAll(gateways: readonly ProcessStatus[]): string {
  const youngest = Math.min(...gateways.map(({ uptimeS }) => uptimeS));
  const memory = gateways.map(({ memoryBytes }) => memoryBytes);
  const rooms = gateways.flatMap(({ room }) => room ?? []);
  const silent = gateways.length - rooms.length;
  const full = rooms.filter(({ open, most }) => open >= most).length;
  const notes = [...(full > 0 ? [`${full} full`] : []), ...(silent > 0 ? [`${silent} do not answer`] : [])];
  const room = rooms.length === 0 ? '' : roomText(sumOfRooms(rooms));
  return row({
    name: `${gateways.length} gateways`,
    pid: '',
    // Of the one that was started last: 60 rows would say no more of the others.
    up: span(youngest),
    memory: memory.includes(null) ? '?' : megabytes(memory.reduce<number>((sum, one) => sum + (one ?? 0), 0)),
    room: notes.length === 0 ? room : `${room} (${notes.join(', ')})`,
  });
}

function roomText({ open, most }: GatewayRoom): string {
  return `${count(open)} of ${count(most)}`;
}

/** `isListening`: at least one does. */
export function sumOfRooms(rooms: readonly GatewayRoom[]): GatewayRoom {
  return rooms.reduce<GatewayRoom>(
    (sum, { open, most, isListening, refused }) => ({
      open: sum.open + open,
      most: sum.most + most,
      isListening: sum.isListening || isListening,
      refused: sum.refused + refused,
    }),
    { open: 0, most: 0, isListening: false, refused: 0 },
  );
}

interface Row {
  name: string;
  pid: string;
  up: string;
  memory: string;
  room: string;
}

function row({ name, pid, up, memory, room }: Row): string {
  const cells = `${name.padEnd(12)}${pid.padStart(9)}${up.padStart(13)}${memory.padStart(12)}`;
  return `  ${cells}${room === '' ? '' : `   ${room}`}`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
