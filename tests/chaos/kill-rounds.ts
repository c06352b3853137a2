// Rounds of kill -9 against a running server under load, and what must hold afterwards.
import { expect } from 'vitest';
import { runCommand, type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { askJson, type Person, Record, turnFollow, Watcher, wholeTimeline, writePosts } from './witness.ts';

export type Victim = 'core' | 'gateway' | 'agent';

const authors = ['ada', 'bob', 'carol', 'dave', 'erin', 'frank'];
const readers = ['gina', 'hal'];
const idlers = ['ines', 'jack'];

async function peopleOf(server: Server): Promise<Map<string, Person>> {
  const people = new Map<string, Person>();
  for (const handle of [...authors, ...readers, ...idlers]) {
    const made = await fetch(`${server.url}/api/v1/apps`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'chaos',
        redirect_uris: 'urn:ietf:wg:oauth:2.0:oob',
        scopes: 'read write follow',
      }),
    });
    const { client_id, client_secret } = (await made.json()) as { client_id: string; client_secret: string };
    const granted = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'client_credentials',
        client_id,
        client_secret,
        scope: 'read write follow',
      }),
    });
    const { access_token } = (await granted.json()) as { access_token: string };
    const signedUp = await fetch(`${server.url}/api/v1/accounts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${access_token}` },
      body: JSON.stringify({
        username: handle,
        email: `${handle}@example.org`,
        password: 'correct horse',
        agreement: true,
        locale: 'en',
      }),
    });
    if (!signedUp.ok) throw new Error(`sign-up of ${handle}: ${signedUp.status} ${await signedUp.text()}`);
    const { access_token: token } = (await signedUp.json()) as { access_token: string };
    const person = { handle, token, id: '' };
    const account = await askJson<{ id: string }>(server.url, '/api/v1/accounts/verify_credentials', person);
    people.set(handle, { ...person, id: account.id });
  }
  return people;
}

function personOf(people: Map<string, Person>, handle: string): Person {
  const person = people.get(handle);
  if (person === undefined) throw new Error(handle);
  return person;
}

/** Kills one process and, for the agent, starts another on the same data, as an operator would. */
async function kill(server: Server, victim: Victim, round: number): Promise<Server> {
  // The one before may have been killed a moment ago, with answers of its still on their way: its successor is waited for.
  if (victim === 'core') {
    const killed = () => process.kill(server.corePid(), 'SIGKILL');
    await until(killed, { withinMs: 60_000, what: 'a core to kill' });
  } else if (victim === 'gateway') {
    const killed = () => {
      const pids = server.gatewayPids();
      const pid = pids[round % pids.length];
      return pid !== undefined && process.kill(pid, 'SIGKILL');
    };
    await until(killed, { withinMs: 60_000, what: 'a gateway to kill' });
  } else {
    process.kill(server.agentPid(), 'SIGKILL');
    return await startServer({ dataDir: server.dataDir, port: server.port, gateways: 2, args: serverArgs });
  }
  return server;
}

export const serverArgs = ['--rate-limit', '0', '--sign-ups', '0', '--log-level', 'warn'];

export interface RoundsReport {
  rounds: number;
  posts: number;
  follows: number;
  drops: number;
}

/**
 * Runs `rounds` kills, each as soon as some posts were acknowledged since the last, then lets everything come to rest and checks:
 * every acknowledged post is there once, every follow is as last acknowledged, every timeline is complete, and watchers have seen
 * each post once and each author in order.
 */
export async function killRounds(options: {
  rounds: number;
  victims: Victim[];
  chance: () => number;
}): Promise<RoundsReport> {
  let server = await startServer({ gateways: 2, args: serverArgs });
  const { url, dataDir } = server;
  const servers = [server];
  try {
    const people = await peopleOf(server);
    const watchers = readers.map((handle) => new Watcher(url, personOf(people, handle)));
    for (const reader of [...readers, ...idlers]) {
      for (const author of authors) {
        await askJson(
          url,
          `/api/v1/accounts/${personOf(people, author).id}/follow`,
          personOf(people, reader),
          { method: 'POST' },
        );
      }
    }
    await until(() => watchers.every(({ isOpen }) => isOpen), { what: 'the watchers being connected' });
    const record = new Record();
    let isOver = false;
    const over = (): boolean => isOver;
    const work = Promise.all([
      ...authors.map((handle) => writePosts(url, personOf(people, handle), record, over)),
      turnFollow(url, personOf(people, 'ada'), personOf(people, 'bob'), record, over),
      turnFollow(url, personOf(people, 'bob'), personOf(people, 'carol'), record, over),
    ]);
    // A fault of the work ends the run at once, not after the last round.
    let fault: unknown;
    work.catch((error: unknown) => {
      fault = error;
    });
    for (let round = 0; round < options.rounds; round++) {
      const enough = record.posts.length + 1 + Math.floor(options.chance() * 40);
      await until(() => fault !== undefined || record.posts.length >= enough, {
        withinMs: 60_000,
        everyMs: 5,
        what: `posts being acknowledged before round ${round}`,
      });
      if (fault !== undefined) throw fault;
      const victim = options.victims[Math.floor(options.chance() * options.victims.length)] ?? 'core';
      const next = await kill(server, victim, round);
      if (next !== server) servers.push(next);
      server = next;
    }
    const settled = record.posts.length + 20;
    await until(() => fault !== undefined || record.posts.length >= settled, {
      withinMs: 60_000,
      what: 'posts after the last round',
    });
    isOver = true;
    await work;
    await check({ url, people, record, watchers });
    const drops = watchers.reduce((sum, watcher) => sum + watcher.drops, 0);
    for (const watcher of watchers) watcher.close();
    return { rounds: options.rounds, posts: record.posts.length, follows: record.follows.size, drops };
  } finally {
    // The last one holds the children; those killed before are gone.
    for (const one of servers.reverse()) await one.stop();
    const left = runCommand(['status', '--data', dataDir]);
    await left.ended;
  }
}

interface Checked {
  url: string;
  people: Map<string, Person>;
  record: Record;
  watchers: Watcher[];
}

async function check({ url, people, record, watchers }: Checked): Promise<void> {
  const mine = personOf(people, 'gina');
  // Every acknowledged post is there, and no key has made two.
  const written = new Map<string, string[]>();
  for (const author of authors) {
    const person = personOf(people, author);
    for (const { id, content } of await wholeTimeline(url, `/api/v1/accounts/${person.id}/statuses`, mine)) {
      const key = /key ([0-9a-f]{16})/.exec(content)?.[1] ?? 'none';
      written.set(key, [...(written.get(key) ?? []), id]);
    }
  }
  for (const { key, id } of record.posts) expect(written.get(key), `the post with key ${key}`).toEqual([id]);
  expect([...written].filter(([, ids]) => ids.length > 1)).toEqual([]);

  // Every follow is as last acknowledged.
  for (const [pair, isOn] of record.follows) {
    const [follower = '', followee = ''] = pair.split(' ');
    const path = `/api/v1/accounts/relationships?id[]=${personOf(people, followee).id}`;
    const [relation] = await askJson<{ following: boolean }[]>(url, path, personOf(people, follower));
    expect(relation?.following, pair).toBe(isOn);
  }

  // Timelines hold the newest 800 of what their followees wrote: those who watched all along, and those who were never awake.
  const all = [...written.values()].flat().sort((one, other) => (BigInt(one) < BigInt(other) ? 1 : -1));
  for (const reader of [...readers, ...idlers]) {
    const home = await wholeTimeline(url, '/api/v1/timelines/home', personOf(people, reader));
    expect(
      home.map(({ id }) => id),
      `the home of ${reader}`,
    ).toEqual(all.slice(0, 800));
  }

  // Watchers: each post once after dropping doubles, each author in order, nobody told to read anew.
  for (const watcher of watchers) {
    await until(() => new Set(watcher.received.map(({ id }) => id)).size >= all.length, {
      withinMs: 20_000,
      what: 'every post at a watcher',
    }).catch(() => {});
    const seen = new Map<string, string>();
    for (const { id, author } of watcher.received) if (!seen.has(id)) seen.set(id, author);
    expect(watcher.resyncs).toBe(0);
    expect(all.filter((id) => !seen.has(id))).toEqual([]);
    for (const author of authors) {
      const ids = [...seen].filter(([, by]) => by === author).map(([id]) => BigInt(id));
      expect(
        ids.every((id, place) => place === 0 || id > (ids[place - 1] ?? 0n)),
        `the order of ${author}`,
      ).toBe(true);
    }
  }
}
