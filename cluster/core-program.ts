// The core process: settings in, a core behind a link server, an orderly end. `mode: rebuild` derives all views anew instead.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pino from 'pino';
import { type Core, openCore } from './core.ts';
import { loadBehaviours } from './core-behaviours.ts';
import { linkFileName, newLinkKey, removeLinkFile, writeLinkFile } from './link-file.ts';
import { openLinkServer } from './link-server.ts';
import { coreSettings, readSettings, tellAgent } from './settings.ts';

/** One machine, one node: the tie-break of its versions. */
const node = 1;
const storeFolder = 'store';

async function start(): Promise<void> {
  const settings = readSettings(coreSettings, process.env);
  const log = pino({ name: 'core', level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
  // Ctrl-C reaches the whole terminal group; the agent gives the order to stop.
  process.on('SIGINT', () => {});
  const product = await loadBehaviours(settings.release);
  const core = await openCore({
    product,
    folder: join(settings.data, storeFolder),
    node,
    now: Date.now,
    chance: Math.random,
    rateLimit: settings.rateLimit,
    signUpsAnHour: settings.signUpsAnHour,
    idleMs: settings.idleActorS * 1000,
    log,
    onFault(error) {
      log.fatal({ err: error }, 'the disk failed: nothing was acknowledged that is not on it; the core ends');
      // Not by `exit`: after a page that could not be written LMDB's memory is not sound, and freeing it can abort half-way.
      process.kill(process.pid, 'SIGKILL');
    },
    limits: { minFreePercent: settings.minFreePercent },
  });
  if (settings.mode === 'rebuild') {
    const total = core.store.position;
    await core.store.rebuild((done) => tellAgent({ progress: { done, total: Math.max(done, total) } }));
    await core.close();
    tellAgent({ ready: true });
    process.disconnect?.();
    return;
  }
  await serve(core, { data: settings.data, log });
}

async function serve(core: Core, { data, log }: { data: string; log: pino.Logger }): Promise<void> {
  const key = newLinkKey();
  const links = await openLinkServer({
    host: '127.0.0.1',
    key,
    handle: (kind, ask, from, counted) => core.handle(kind, ask, from, counted),
    onPeer: () => {},
    onPeerGone: (peer) => core.peerGone(peer),
    log,
    meter: core.metrics,
    // An empty store has had no core before this one, and so no gateway that may still hold a lease of it.
    hadPredecessor: core.store.position > 0,
  });
  core.serve(links);
  const linkFile = join(data, linkFileName);
  const incarnation = randomBytes(8).toString('hex');
  const written = writeLinkFile(linkFile, { port: links.port, key, pid: process.pid, incarnation });
  // Before anybody can know of this core: who stops it from then on finds no core.link left behind.
  let isStopping = false;
  process.on('SIGTERM', () => {
    if (isStopping) return;
    isStopping = true;
    log.info({}, 'the core stops');
    written
      .then(() => links.close())
      .then(() => core.close())
      .then(() => removeLinkFile(linkFile, incarnation))
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        log.error({ err: error }, 'the core could not stop in order');
        process.exit(1);
      });
  });
  await written;
  log.info({ port: links.port, position: core.store.position }, 'the core serves');
  tellAgent({ ready: true });
}

start().catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
