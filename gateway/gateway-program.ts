// The gateway process: settings in, a gateway, an orderly end. The agent starts it, and starts it again; while it runs the agent may tell it of
// another page, or to make room for another gateway.
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { z } from 'zod';
import {
  endWith,
  gatewayNotice,
  gatewaySettings,
  type PageSaid,
  pageSaidFile,
  readSettings,
  tellAgent,
} from '../cluster/settings.ts';
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
  const { mostConnections } = gateway;
  if (settings.niceness !== undefined) standBehind(settings.niceness, log);
  log.info({ host: settings.host, port, mostConnections }, 'the gateway serves');
  const said = join(settings.data, pageSaidFile(settings.index));
  const say = async (pageOf: Omit<PageSaid, 'pid'>): Promise<void> => {
    const json = JSON.stringify({ pid: process.pid, ...pageOf } satisfies PageSaid);
    await writeFile(said, json).catch((error: unknown) =>
      log.error({ err: error }, 'which page is shown cannot be written down'),
    );
  };
  // Who was told of a page and ended before it looked shows it as it starts again.
  await say({ page, failed: null });
  notices.look = noticeReader({ gateway, data: settings.data, page, say, end, log });
  if (notices.isDue) notices.look();
  tellAgent({ ready: true });
}

/** For a processor, behind those who are less nice. */
function standBehind(niceness: number, log: pino.Logger): void {
  try {
    setPriority(niceness);
    // Where Linux gives each session of processes the same share, only this one's own says something to others.
    writeFileSync('/proc/self/autogroup', String(niceness));
  } catch (error) {
    log.debug({ err: error }, 'the kernel schedules without groups, or does not say');
  }
}

/** Looks at what the agent has written down for this process. One look after the other. */
function noticeReader({
  gateway,
  data,
  page,
  say,
  end,
  log,
}: {
  gateway: Gateway;
  data: string;
  page: string;
  say: (said: Omit<PageSaid, 'pid'>) => Promise<void>;
  end: (ending: Promise<void>) => void;
  log: pino.Logger;
}): () => void {
  let shown = page;
  let looking = Promise.resolve();
  async function look(): Promise<void> {
    const notice = gatewayNotice(await readFile(join(data, 'agent.json'), 'utf8'), process.pid);
    if (notice === null) return;
    if (notice.page !== null) await show(notice.page);
    if (notice.drainUntilMs === null) return;
    log.info({ untilMs: notice.drainUntilMs }, 'the gateway makes room for others');
    end(gateway.drain(notice.drainUntilMs));
  }
  async function show(wanted: string): Promise<void> {
    try {
      if (wanted !== shown) {
        await gateway.showPage(join(wanted, 'page'));
        log.info({ page: wanted }, 'the gateway shows another page');
      }
      shown = wanted;
      await say({ page: wanted, failed: null });
    } catch (error) {
      log.error({ err: error, page: wanted }, 'the gateway goes on with the page it has');
      await say({ page: wanted, failed: String(error).slice(0, 1000) });
    }
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
