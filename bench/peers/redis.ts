// A Redis of our own for a benchmark: loopback, nothing on disk, ended by its pid.
import { spawnSync } from 'node:child_process';
import net from 'node:net';
import { type Child, startChild } from '../child.ts';

/** Starts `redis-server` on a port; rejects with what to do when it is not installed. */
export async function startRedis(port: number, folder: string): Promise<Child> {
  if (spawnSync('redis-server', ['--version']).error) {
    throw new Error('The peer needs Redis: install redis-server (Debian: apt-get install redis-server).');
  }
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const redis = startChild({ name: 'redis-server', command: 'redis-server', args });
  const deadline = performance.now() + 10_000;
  while (!(await accepts(port))) {
    if (performance.now() > deadline) throw new Error('redis-server did not listen within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return redis;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy());
    socket.once('error', () => resolve(false));
    socket.once('close', (failed) => resolve(!failed));
  });
}
