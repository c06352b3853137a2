// The gateway process: settings in, a gateway, an orderly end. The agent starts it, and starts it again; while it runs the agent may tell it of
// another page, or to make room for another gateway.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { z } from 'zod';
import { endWith, gatewayNotice, gatewaySettings, readSettings, tellAgent } from '../cluster/settings.ts';
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
  const notices = { isDue: false, look: () => {} };
  process.on('SIGHUP', () => {
    notices.isDue = true;
    notices.look();
  });
  const { version } = manifest.parse(
    JSON.parse(readFileSync(join(settings.release, 'manifest.json'), 'utf8')),
  );
  const page = settings.page ?? settings.release;
  const gateway = await createGateway({
    ...settings,
    version,
    log,
    pageFolder: join(page, 'page'),
  });
  const end = endOnce(log);
  process.on('SIGTERM', () => {
    log.info({}, 'the gateway stops');
    end(gateway.stop());
  });
  const port = await gateway.listen(settings.port, settings.host);
  log.info({ host: settings.host, port }, 'the gateway serves');
  notices.look = noticeReader({ gateway, data: settings.data, page, end, log });
  if (notices.isDue) notices.look();
  tellAgent({ ready: true });
}

/** Looks at what the agent has written down for this process. One look after the other. */
function noticeReader({
  gateway,
  data,
  page,
  end,
  log,
}: {
  gateway: Gateway;
  data: string;
  page: string;
  end: (ending: Promise<void>) => void;
  log: pino.Logger;
}): () => void {
  let shown = page;
  let looking = Promise.resolve();
  async function look(): Promise<void> {
    const notice = gatewayNotice(await readFile(join(data, 'agent.json'), 'utf8'), process.pid);
    if (notice === null) return;
    if (notice.page !== null && notice.page !== shown) {
      await gateway.showPage(join(notice.page, 'page'));
      shown = notice.page;
      log.info({ page: shown }, 'the gateway shows another page');
    }
    if (notice.drainUntilMs === null) return;
    log.info({ untilMs: notice.drainUntilMs }, 'the gateway makes room for others');
    end(gateway.drain(notice.drainUntilMs));
  }
  return () => {
    looking = looking
      .then(look)
      .catch((error: unknown) => log.error({ err: error }, 'what the agent wrote down cannot be followed'));
  };
}

function endOnce(log: pino.Logger): (ending: Promise<void>) => void {
  return (ending) => {
    ending
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        log.error({ err: error }, 'the gateway could not stop in order');
        process.exit(1);
      });
  };
}

start().catch(endWith);
