// Is the port free? Gateways share theirs silently (SO_REUSEPORT), so somebody has to ask first, without sharing.
import { createServer } from 'node:net';
import { CommandFault, errorCode } from './command-fault.ts';

/** The port, or for port 0 one that is free. Throws a `CommandFault` that says what to do when it cannot be had. */
export async function probePort({ host, port }: { host: string; port: number }): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  } catch (error) {
    throw new CommandFault(reason({ host, port }, errorCode(error)), { cause: error });
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
