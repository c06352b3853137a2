// Clients of `bench storm`, in a process of their own: each process may have so many open files only. Told by lines of JSON what to do.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { percentileOf } from './figures.ts';
import { neighbours, regularGraph } from './graph.ts';
import { LiveClients } from './live-deploy-clients.ts';
import { seeded } from './random.ts';
import { type StormStatus, stormOrder, stormSettings } from './storm-messages.ts';

async function main(): Promise<void> {
  const settings = stormSettings.parse(JSON.parse(process.argv[2] ?? ''));
  const { target, tokensPath, users, followers, seed, from, to } = settings;
  const graph = regularGraph(users, followers, seeded(seed));
  const tokens = (await readFile(tokensPath, 'utf8')).trimEnd().split('\n').slice(from, to);
  const resumes: number[] = [];
  let markMs = performance.now();
  const clients = new LiveClients([target], tokens, {
    resumed: () => resumes.push(performance.now() - markMs),
  });
  const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
  const status = (): StormStatus => {
    const { closed, resumed, deliveries, latencyMs, again, twice } = clients.take();
    if (twice > 0) clients.wrong.push(`${twice} posts came twice by one connection, or to others`);
    // Of nothing there is no percentile.
    const at = (share: number): number => (resumes.length === 0 ? 0 : percentileOf(resumes, share));
    return {
      open: clients.openNow,
      closed,
      resumed,
      resumedAfterMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
      deliveries,
      latencyMs: deliveries === 0 ? { p50: 0, p99: 0, max: 0 } : latencyMs,
      again,
      wrong: clients.wrong,
    };
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const order = stormOrder.parse(JSON.parse(line));
    if (order.do === 'expect') {
      const all = [...neighbours(graph.followers, graph.degree, order.author), order.author];
      const here = all.filter((user) => user >= from && user < to).map((user) => user - from);
      clients.expect(order.author, order.seq, here);
    } else if (order.do === 'mark') {
      clients.take();
      resumes.length = 0;
      markMs = performance.now();
    } else {
      if (order.do === 'open') await clients.open();
      if (order.do === 'settle') await clients.settled('at the end');
      say(status());
    }
  }
  clients.close();
}

await main();
