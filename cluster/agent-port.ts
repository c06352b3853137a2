// Is the port free? Gateways share theirs silently (SO_REUSEPORT), so somebody has to ask first, without sharing.
import { createServer } from 'node:net';
import { CommandFault, errorCode } from './command-fault.ts';

/** Below those that the system gives to connections (from 32,768 on): none of these takes one between the asking and the use, seconds later. */
const lowestPort = 10_000;
const ports = 10_000;
const triesMost = 50;
/** Processes that start together begin to look at places of their own. */
const placesAProcess = 16;
let asked = 0;

function nextPort(): number {
  return lowestPort + ((process.pid * placesAProcess + asked++) % ports);
}

/** The port, or for port 0 one that is free. Throws a `CommandFault` that says what to do when it cannot be had. */
export async function probePort({ host, port }: { host: string; port: number }): Promise<number> {
  for (let tries = 1; ; tries++) {
    const wanted = port === 0 && tries <= triesMost ? nextPort() : port;
    try {
      return await listened({ host, port: wanted });
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EADDRINUSE' && wanted !== port) continue;
      throw new CommandFault(reason({ host, port }, code), { cause: error });
    }
  }
}

/** The port on which one could listen. */
async function listened({ host, port }: { host: string; port: number }): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function reason({ host, port }: { host: string; port: number }, code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken by another program: stop that one, or choose another port with --port N.`;
    case 'EACCES':
      return `Port ${port} needs more rights than you have: choose one above 1023 with --port N.`;
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${host}: choose one it has with --host, such as 127.0.0.1 or 0.0.0.0.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The host name ${host} is not known here: give --host an address, such as 127.0.0.1 or 0.0.0.0.`;
    default:
      return `Port ${port} on ${host} cannot be opened (${code}): choose others with --port N and --host.`;
  }
}
