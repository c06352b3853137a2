// What single clients do over and over: write, read, follow in turns, block in turns, sign up for the same name at once.
import { randomBytes } from 'node:crypto';
import type { Random } from '../simulation/random.ts';
import type { Asker } from './asking.ts';
import type { Asked } from './record.ts';

export interface Client {
  who: string;
  asker: Asker;
  random: Random;
  isOver(): boolean;
  pause(leastMs: number, mostMs: number): Promise<void>;
}

const newKey = (): string => randomBytes(8).toString('hex');

/** Posts, looks at once whether it is there, and now and then deletes something. */
export async function write(client: Client): Promise<void> {
  const { who, asker, random } = client;
  const own: string[] = [];
  while (!client.isOver()) {
    const asked = await asker.persist(who, { do: 'post', key: newKey() }, random);
    const id = postedIn(asked);
    if (id !== null) own.push(id);
    if (id !== null && random.chance(0.3)) await lookAt(client, id);
    if (own.length > 5 && random.chance(0.15)) await remove(client, own);
    await client.pause(200, 1_500);
  }
}

async function lookAt({ who, asker, random }: Client, id: string): Promise<void> {
  const gateway = random.pick(asker.gateways);
  if (random.chance(0.4)) await asker.ask(who, gateway, { do: 'readStatus', id });
  else if (random.chance(0.5)) await asker.ask(who, gateway, { do: 'readHome' });
  else await asker.ask(who, gateway, { do: 'readAuthor', target: who });
}

/** One of the newest ten, for those are shown; then somebody looks for it. */
async function remove({ who, asker, random }: Client, own: string[]): Promise<void> {
  const at = Math.max(0, own.length - 1 - random.below(10));
  const [id] = own.splice(at, 1);
  if (id === undefined) return;
  await asker.persist(who, { do: 'delete', id }, random);
  const reader = random.pick(['gina', 'hal', 'ines', who]);
  const gateway = random.pick(asker.gateways);
  if (random.chance(0.5)) await asker.ask(reader, gateway, { do: 'readStatus', id });
  else await asker.ask(reader, gateway, { do: 'readAuthor', target: who });
}

/** Reads home, and pages of people, each time at another gateway. */
export async function read(client: Client, writers: readonly string[]): Promise<void> {
  const { who, asker, random } = client;
  while (!client.isOver()) {
    const gateway = random.pick(asker.gateways);
    if (random.chance(0.7)) await asker.ask(who, gateway, { do: 'readHome' });
    else await asker.ask(who, gateway, { do: 'readAuthor', target: random.pick(writers) });
    await client.pause(100, 600);
  }
}

/** Follows and unfollows, and looks whether it is so. */
export async function turn(client: Client, writers: readonly string[]): Promise<void> {
  const { who, asker, random } = client;
  const followed = new Set<string>();
  while (!client.isOver()) {
    const target = random.pick(writers);
    const isOn = !followed.has(target);
    await asker.persist(who, { do: isOn ? 'follow' : 'unfollow', target }, random);
    if (isOn) followed.add(target);
    else followed.delete(target);
    await asker.ask(who, random.pick(asker.gateways), { do: 'readRelation', target });
    await client.pause(0, 1_500);
    await asker.ask(who, random.pick(asker.gateways), { do: 'readHome' });
    await client.pause(100, 1_000);
  }
}

/** Blocks somebody for a while, during which both read; then follows again, for a block ends that. */
export async function block(client: Client, writers: readonly string[]): Promise<void> {
  const { who, asker, random } = client;
  while (!client.isOver()) {
    const target = random.pick(writers);
    await asker.persist(who, { do: 'block', target }, random);
    for (let looks = 0; looks < 4; looks++) {
      await asker.ask(who, random.pick(asker.gateways), { do: 'readHome' });
      await client.pause(100, 800);
    }
    await asker.persist(who, { do: 'unblock', target }, random);
    await asker.persist(who, { do: 'follow', target }, random);
    await client.pause(500, 3_000);
    await asker.ask(who, random.pick(asker.gateways), { do: 'readHome' });
  }
}

/** Two at once want one name, at different gateways. Who gets it posts and follows as anybody does. */
export async function newcomers(client: Client, writers: readonly string[]): Promise<void> {
  const { asker, random } = client;
  for (let number = 1; !client.isOver(); number++) {
    const handle = `new_${number}`;
    const first = random.pick(asker.gateways);
    const second = random.pick(asker.gateways.filter((gateway) => gateway !== first));
    const both = await Promise.all([asker.signUp(handle, first), asker.signUp(handle, second)]);
    if (both.some((account) => account !== null)) {
      await asker.persist(handle, { do: 'post', key: newKey() }, random);
      await asker.persist(handle, { do: 'follow', target: random.pick(writers) }, random);
      await asker.ask(handle, random.pick(asker.gateways), { do: 'readHome' });
    }
    await client.pause(2_000, 6_000);
  }
}

function postedIn(asked: Asked | null): string | null {
  if (asked?.answer.kind !== 'done' || asked.answer.got.kind !== 'post') return null;
  return asked.answer.got.id;
}
