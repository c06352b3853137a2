// The gateway process: settings in, a gateway, an orderly end. The agent starts it, and starts it again.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { z } from 'zod';
import { gatewaySettings, readSettings, tellAgent } from '../cluster/settings.ts';
import { createGateway, type Gateway } from './gateway.ts';

const manifest = z.object({ version: z.string().min(1).max(100) });

async function start(): Promise<void> {
  const settings = readSettings(gatewaySettings, process.env);
  const destination = pino.destination({ dest: 2, sync: true });
  // Whoever read the log may be gone: no reason to drop the sockets.
  destination.on('error', () => {});
  const log = pino({ name: `gateway-${settings.index}`, level: settings.logLevel }, destination);
  // Ctrl-C reaches the whole terminal group; the agent gives the order to stop. An agent that dies leaves its gateways serving.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => {});
  const { version } = manifest.parse(
    JSON.parse(readFileSync(join(settings.release, 'manifest.json'), 'utf8')),
  );
  const gateway = await createGateway({
    ...settings,
    version,
    log,
    pageFolder: join(settings.release, 'page'),
  });
  process.on('SIGTERM', stopOnce(gateway, log));
  const port = await gateway.listen(settings.port, settings.host);
  log.info({ host: settings.host, port }, 'the gateway serves');
  tellAgent({ ready: true });
}

function stopOnce(gateway: Gateway, log: pino.Logger): () => void {
  let isStopping = false;
  return () => {
    if (isStopping) return;
    isStopping = true;
    log.info({}, 'the gateway stops');
    gateway
      .stop()
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        log.error({ err: error }, 'the gateway could not stop in order');
        process.exit(1);
      });
  };
}

start().catch((error: unknown) => {
  process.stderr.write(`murmuration: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
