// A release with tiny programs in place of the real ones: they do what an agent may expect of a core and a gateway, and no more.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface StandIns {
  /** In place of the core's whole program. */
  core?: string;
  gateway?: string;
}

const shared = `
const settings = JSON.parse(process.env.MURMURATION_SETTINGS);
process.on('SIGINT', () => {});
process.on('disconnect', () => {});
`;

/** Says it is ready, waits for SIGTERM. */
export const standInCore = `${shared}
const timer = setInterval(() => {}, 1000);
process.on('SIGTERM', () => { clearInterval(timer); process.exit(0); });
process.send({ ready: true });
`;

/** Shares its port as a gateway does; \`/health\` says who answers, \`/stream\` is a response that never ends. */
export const standInGateway = `${shared}
import { createRequire } from 'node:module';
const uws = createRequire(${JSON.stringify(import.meta.url)})(${JSON.stringify(createRequire(import.meta.url).resolve('uWebSockets.js'))});
const app = uws.App();
app.get('/health', (res) => {
  res.end(JSON.stringify({ pid: process.pid, index: settings.index, settings }));
});
app.get('/stream', (res) => {
  res.onAborted(() => {});
  res.write('pid ' + process.pid + '\\n');
});
app.listen(settings.host, settings.port, (socket) => {
  if (!socket) { console.error('error: cannot listen'); process.exit(1); }
  process.send({ ready: true });
});
process.on('SIGTERM', () => { app.close(); process.exit(0); });
`;

/** The folder. The caller removes it. */
export async function makeStandInRelease(standIns: StandIns = {}): Promise<string> {
  const release = await mkdtemp(join(tmpdir(), 'murmuration-stand-in-'));
  await writeFile(join(release, 'core.mjs'), standIns.core ?? standInCore);
  await writeFile(join(release, 'gateway.mjs'), standIns.gateway ?? standInGateway);
  await writeFile(join(release, 'behaviours.js'), 'exports.user = {};');
  return release;
}
