// One agent a data folder: a lock that the kernel lets go of when its holder dies, however it dies.
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { isAlive } from './agent-process.ts';
import { type AgentRecord, readAgentRecord } from './agent-record.ts';
import { CommandFault, errorCode } from './command-fault.ts';

/**
 * Held until the process ends or `release` is called. Throws a `CommandFault` that names the holder when another has it.
 * On Linux it is an abstract socket named after the folder's inode: nothing stays behind, and two starts at once cannot both
 * win. Elsewhere only the recorded pid is looked at.
 */
export async function lockDataFolder(data: string): Promise<{ release(): void }> {
  const held = readAgentRecord(data);
  if (process.platform !== 'linux') {
    if (held !== null && isAlive(held)) throw inUse(data, held);
    return { release() {} };
  }
  const { dev, ino } = statSync(data);
  const server = createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: `\0murmuration/${dev}/${ino}` }, resolve);
    });
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error;
    throw inUse(data, readAgentRecord(data));
  }
  server.unref();
  return { release: () => server.close() };
}

function inUse(data: string, holder: AgentRecord | null): CommandFault {
  if (holder === null || !isAlive(holder)) {
    return new CommandFault(`Another murmuration command is at work on ${data}: wait until it has ended.`);
  }
  if (holder.command !== 'start') {
    return new CommandFault(
      `"murmuration ${holder.command}" is at work on ${data} (process ${holder.pid}): wait until it has ended.`,
    );
  }
  return new CommandFault(
    `A server already runs on ${data} at ${holder.url} (process ${holder.pid}): stop it with "kill ${holder.pid}", or choose another folder with --data DIR.`,
  );
}
