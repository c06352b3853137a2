// The agent's promises about its children, on real processes: stand-ins for the core and the gateways, the real command line.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, getPriority, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { readRecord, runCommand, type Server, type ServerOptions, startServer } from '../support/server.ts';
import { makeStandInRelease, standInCore } from '../support/stand-in-release.ts';
import { until } from '../support/until.ts';

// Each test starts several programs, and others may be at work on the machine.
vi.setConfig({ testTimeout: 120_000 });

let standIns: string;
beforeAll(async () => {
  standIns = await makeStandInRelease();
});
afterAll(() => rm(standIns, { recursive: true, force: true }));

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'murmuration-agent-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function releaseWith(core: string): Promise<string> {
  const path = await makeStandInRelease({ core });
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function start(options: ServerOptions = {}): Promise<Server> {
  const server = await startServer({ release: standIns, ...options });
  onTestFinished(async () => {
    // A test that stopped it itself has removed the record.
    if (existsSync(join(server.dataDir, 'agent.json'))) await server.stop();
  });
  return server;
}

/** A response that never ends, from whichever gateway takes the connection. */
async function openStream(server: Server): Promise<{ pid: number; isOpen(): boolean; abort(): void }> {
  const abort = new AbortController();
  const response = await fetch(`${server.url}/stream`, { signal: abort.signal });
  const reader = response.body?.getReader();
  const first = await reader?.read();
  let open = true;
  reader?.read().then(
    () => {
      open = false;
    },
    () => {
      open = false;
    },
  );
  const pid = Number(/pid (\d+)/.exec(new TextDecoder().decode(first?.value))?.[1]);
  onTestFinished(() => abort.abort());
  return { pid, isOpen: () => open, abort: () => abort.abort() };
}

function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

test('SIGTERM ends the gateways, the core and the agent, with exit code 0', async () => {
  // As `npm start` runs it; the others run what was bundled of the same source.
  const server = await start({ gateways: 3, fromSource: true });
  const pids = [server.agentPid(), server.corePid(), ...server.gatewayPids()];
  expect(new Set(pids).size).toBe(5);
  await server.stop();
  expect(pids.every(isGone)).toBe(true);
  expect(server.stdout()).toContain('Stopped.');
});

test('Ctrl-C in a terminal reaches the agent alone, which ends its children in order', async () => {
  const order = join(await folder(), 'order');
  const note = (who: string) => `
    import { appendFileSync } from 'node:fs';
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(name, () => {
        appendFileSync(${JSON.stringify(order)}, '${who} ' + name + '\\n');
        if (name === 'SIGTERM') process.exit(0);
      });
    }
    setInterval(() => {}, 1000);
    process.send({ ready: true });`;
  const release = await makeStandInRelease({ core: note('core'), gateway: note('gateway') });
  onTestFinished(() => rm(release, { recursive: true, force: true }));
  const run = runCommand(['start', '--data', await folder(), '--port', '0', '--release', release], {
    ownGroup: true,
  });
  await until(() => run.stdout().includes('ready'));
  process.kill(-(run.process.pid ?? 0), 'SIGINT');
  expect(await run.ended).toBe('code 0');
  expect(readFileSync(order, 'utf8')).toBe('gateway SIGTERM\ncore SIGTERM\n');
});

test("a core's heap may take half of the memory there is", async () => {
  const note = join(await folder(), 'limit');
  const release = await releaseWith(`
    import { writeFileSync } from 'node:fs';
    import { getHeapStatistics } from 'node:v8';
    writeFileSync(${JSON.stringify(note)}, String(getHeapStatistics().heap_size_limit));
    ${standInCore}`);
  await start({ release });
  const bytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const share = Number(readFileSync(note, 'utf8')) / bytes;
  // The nursery comes on top.
  expect(share).toBeLessThan(0.6);
  expect(share).toBeGreaterThan(0.45);
});

test('gateways that are more than the processors are behind the core in the queue for them', async () => {
  const gateways = 3;
  const server = await startServer({ gateways });
  onTestFinished(() => server.stop());
  const niceness = gateways > availableParallelism() ? 10 : 0;
  expect(server.gatewayPids().map((pid) => getPriority(pid))).toEqual([niceness, niceness, niceness]);
  expect(getPriority(server.corePid())).toBe(0);
});

test('gateways are told after how long to ping', async () => {
  const server = await start({ args: ['--ping', '600'] });
  const { settings } = (await (await fetch(`${server.url}/health`)).json()) as {
    settings: { pingAfterS: number };
  };
  expect(settings.pingAfterS).toBe(600);
});

const coreThatWaitsFor = (path: string) => `
  import { existsSync } from 'node:fs';
  setInterval(() => {}, 1000);
  process.on('SIGTERM', () => setInterval(() => { if (existsSync(${JSON.stringify(path)})) process.exit(0); }, 10));
  process.send({ ready: true });`;

test('the second SIGINT that npm adds to a Ctrl-C does not cut the clean stop short', async () => {
  const mark = join(await folder(), 'go');
  const server = await start({ release: await releaseWith(coreThatWaitsFor(mark)) });
  const core = server.corePid();
  const agent = server.agentPid();
  process.kill(agent, 'SIGINT');
  process.kill(agent, 'SIGINT');
  await until(() => server.stdout().includes('Stopping'));
  process.kill(agent, 'SIGINT');
  expect(isGone(core)).toBe(false);
  writeFileSync(mark, '');
  await server.stop();
  expect(isGone(core)).toBe(true);
});

test('a later Ctrl-C ends a core that hangs, at once and with exit code 1', async () => {
  const server = await start({ release: await releaseWith(coreThatWaitsFor('/nowhere')) });
  const core = server.corePid();
  const agent = server.agentPid();
  await until(
    () => {
      if (!isGone(agent)) process.kill(agent, 'SIGINT');
      return isGone(agent);
    },
    { everyMs: 100 },
  );
  expect(isGone(core)).toBe(true);
  await expect(server.stop()).rejects.toThrow('code 1');
});

test('a killed core is started again, and the sockets on the gateway stay open', async () => {
  const server = await start();
  const stream = await openStream(server);
  const gateways = server.gatewayPids();
  const first = server.corePid();
  process.kill(first, 'SIGKILL');
  await until(() => {
    const now = server.corePid();
    return now !== first && !isGone(now);
  });
  await until(() => server.stderr().includes('the core serves again'));
  expect(server.stderr()).toContain('the core ended (signal SIGKILL)');
  expect(server.gatewayPids()).toEqual(gateways);
  expect(stream.isOpen()).toBe(true);
  expect(stream.pid).toBe(gateways[0]);
});

test('a killed gateway is started again, and the sockets on the other one stay open', async () => {
  const server = await start({ gateways: 2 });
  const stream = await openStream(server);
  const [victim] = server.gatewayPids().filter((pid) => pid !== stream.pid);
  if (victim === undefined) throw new Error('there is no other gateway');
  process.kill(victim, 'SIGKILL');
  await until(() => server.gatewayPids().length === 2 && !server.gatewayPids().includes(victim));
  await until(() => server.stderr().includes('the gateway serves again'));
  expect(stream.isOpen()).toBe(true);
  // The new one takes connections, too.
  const [newcomer] = server.gatewayPids().filter((pid) => pid !== stream.pid);
  await until(async () => {
    const response = await fetch(`${server.url}/health`, { headers: { connection: 'close' } });
    return (await response.text()).startsWith(`{"pid":${newcomer},`);
  });
});

test('a core that keeps ending is started again with growing pauses', async () => {
  const release = await releaseWith(`process.send({ ready: true }, () => process.exit(1));`);
  const server = await start({ release });
  const waits = await until(() => {
    const found = [...server.stderr().matchAll(/"restartInMs":(\d+)/g)].map((match) => Number(match[1]));
    return found.length >= 4 ? found.slice(0, 4) : null;
  });
  expect(waits).toEqual([100, 200, 400, 800]);
});

test('children live on when the agent is killed, and the next start takes them over', async () => {
  const dataDir = await folder();
  const first = await start({ dataDir, gateways: 2 });
  const stream = await openStream(first);
  const before = { core: first.corePid(), gateways: first.gatewayPids() };
  process.kill(first.agentPid(), 'SIGKILL');
  await until(() => isGone(first.agentPid()));
  expect((await fetch(`${first.url}/health`)).ok).toBe(true);

  const second = await start({ dataDir, gateways: 2, port: first.port });
  expect(second.stdout()).toContain('3 processes of an agent that died were taken over');
  expect({ core: second.corePid(), gateways: second.gatewayPids() }).toEqual(before);
  expect(stream.isOpen()).toBe(true);

  // They are watched as if they were its own.
  process.kill(before.core, 'SIGKILL');
  await until(() => second.corePid() !== before.core);
  await second.stop();
  expect([before.core, ...before.gateways].every(isGone)).toBe(true);
});

test('children with other settings are ended, not adopted', async () => {
  const dataDir = await folder();
  const first = await start({ dataDir });
  const before = { core: first.corePid(), gateways: first.gatewayPids() };
  process.kill(first.agentPid(), 'SIGKILL');
  await until(() => isGone(first.agentPid()));

  const second = await start({ dataDir, port: first.port, args: ['--public-url', 'https://example.org/'] });
  expect(second.corePid()).toBe(before.core);
  expect(second.gatewayPids()).not.toEqual(before.gateways);
  expect(before.gateways.every(isGone)).toBe(true);
  expect(readRecord(dataDir)).toMatchObject({ url: 'https://example.org' });
});

test('a second start on the same folder says who has it and leaves the first alone', async () => {
  const server = await start();
  const second = runCommand(['start', '--data', server.dataDir, '--port', '0', '--release', standIns]);
  expect(await second.ended).toBe('code 1');
  expect(second.stderr()).toBe(
    `error: A server already runs on ${server.dataDir} at http://localhost:${server.port} (process ${server.agentPid()}): stop it with "kill ${server.agentPid()}", or choose another folder with --data DIR.\n`,
  );
  expect((await fetch(`${server.url}/health`)).ok).toBe(true);
});

test('of two starts at the same moment one wins', async () => {
  const dataDir = await folder();
  const args = ['start', '--data', dataDir, '--port', '0', '--release', standIns];
  const runs = [runCommand(args), runCommand(args)];
  await until(() => runs.some((run) => run.stdout().includes('ready')));
  await until(() => runs.some((run) => run.exit() === 'code 1'));
  const winner = runs.find((run) => run.exit() === null);
  expect(winner?.process.pid).toBe(readRecord(dataDir).pid);
  winner?.process.kill('SIGTERM');
  expect(await winner?.ended).toBe('code 0');
});

test('a core that cannot start is the end of the start: its line, exit code 1, nothing left running', async () => {
  const release = await releaseWith(
    `console.error('error: the store is of another version: restore a backup.'); process.exit(1);`,
  );
  const dataDir = await folder();
  const run = runCommand(['start', '--data', dataDir, '--port', '0', '--release', release]);
  expect(await run.ended).toBe('code 1');
  expect(run.stderr()).toBe('error: the store is of another version: restore a backup.\n');
  expect(existsSync(join(dataDir, 'agent.json'))).toBe(false);
});

test('a core that dies of a signal while it starts is said to have done so', async () => {
  const release = await releaseWith(`process.kill(process.pid, 'SIGSEGV'); setInterval(() => {}, 1000);`);
  const run = runCommand(['start', '--data', await folder(), '--port', '0', '--release', release]);
  expect(await run.ended).toBe('code 1');
  expect(run.stderr()).toMatch(/^error: The server does not start: the core ended before .*SIGSEGV.*\n$/);
});

test('a stop in the middle of the start ends what was started', async () => {
  const dataDir = await folder();
  const release = await releaseWith(standInCore.replace('process.send({ ready: true });', ''));
  const run = runCommand(['start', '--data', dataDir, '--port', '0', '--release', release]);
  const core = await until(() => readRecord(dataDir).children[0]?.pid);
  run.process.kill('SIGTERM');
  expect(await run.ended).toBe('code 0');
  await until(() => isGone(core));
});

test('a pid that was given to another program is not taken for a child', async () => {
  const dataDir = await folder();
  const stranger = spawn('sleep', ['60']);
  onTestFinished(() => {
    stranger.kill();
  });
  const first = await start({ dataDir });
  const record = readRecord(dataDir);
  const core = first.corePid();
  process.kill(first.agentPid(), 'SIGKILL');
  process.kill(core, 'SIGKILL');
  await until(() => isGone(first.agentPid()) && isGone(core));
  const children = record.children.map((child) =>
    child.role === 'core' ? { ...child, pid: stranger.pid } : child,
  );
  writeFileSync(join(dataDir, 'agent.json'), JSON.stringify({ ...record, children }));

  const second = await start({ dataDir, port: first.port });
  expect(second.corePid()).not.toBe(stranger.pid);
  expect(isGone(stranger.pid ?? 0)).toBe(false);
});
