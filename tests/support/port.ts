// Loopback ports that nobody listens on, for programs that must be told one.
import { createServer } from 'node:net';

/** The first of so many in a row. Below those that the system gives to connections, so that none of these takes it meanwhile. */
export async function freePorts(howMany: number): Promise<number> {
  for (let first = 20_000 + 10 * (process.pid % 1000); ; first += howMany) {
    const taken = await Promise.all(Array.from({ length: howMany }, (_, place) => isTaken(first + place)));
    if (!taken.includes(true)) return first;
  }
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(true));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(false)));
  });
}
