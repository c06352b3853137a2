// The loopback ports a benchmark uses: checked to be free first, because uWebSockets.js shares a taken port silently.
import { createServer } from 'node:net';

export async function requireFree(...ports: number[]): Promise<void> {
  for (const port of ports) {
    await new Promise<void>((resolve, reject) => {
      const probe = createServer();
      probe.once('error', () => reject(new Error(`Port ${port} is taken: give another with --port.`)));
      probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve()));
    });
  }
}
