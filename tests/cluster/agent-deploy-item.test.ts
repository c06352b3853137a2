// The release pointer in a real DHT: found by who has no link, put again in time, believed only as any other.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PointerItem } from '../../cluster/agent-deploy-item.ts';
import type { AgentDht } from '../../cluster/agent-dht.ts';
import { newKeyPair } from '../../cluster/ed25519.ts';
import { openReleaseHeld, type ReleaseHeld, releaseChannel } from '../../cluster/mesh-release.ts';
import { signHandover } from '../../cluster/release-handover.ts';
import {
  encodePointer,
  encodeSignedPointer,
  pointerSalt,
  type ReleasePointer,
  signPointer,
} from '../../cluster/release-pointer.ts';
import { DhtNodes } from './dht-nodes.ts';

const key = newKeyPair();
const salt = pointerSalt(releaseChannel);
const hourMs = 3_600_000;
const log = { info() {}, warn: vi.fn<(bindings: { code?: string }) => void>(), error() {} };

let nodes: DhtNodes;
let home: string;
beforeEach(async () => {
  nodes = new DhtNodes();
  home = await mkdtemp(join(tmpdir(), 'murmuration-item-'));
});
afterEach(async () => {
  await nodes.close();
  await rm(home, { recursive: true, force: true });
});

function pointer(change: Partial<ReleasePointer> = {}): ReleasePointer {
  return {
    channel: releaseChannel,
    version: '1.2.3',
    infoHash: Buffer.alloc(20, 3),
    manifestHash: Buffer.alloc(32, 9),
    infoBytes: 500,
    waves: [],
    holdS: 10,
    expiryMs: Date.now() + 1_000_000,
    isOneWay: false,
    ...change,
  };
}

interface Machine {
  dht: AgentDht;
  held: ReleaseHeld;
  item: PointerItem;
}

async function machine(name: string, dht: AgentDht, hasKey = true): Promise<Machine> {
  const path = join(home, name);
  const held = await openReleaseHeld({ path, releaseKey: () => (hasKey ? key.publicKey : null), log });
  return { dht, held, item: new PointerItem({ dht, held }) };
}

async function two(): Promise<[Machine, Machine]> {
  const first = await nodes.node();
  const second = await nodes.node({ bootstrap: [first.dht.address] });
  await second.dht.lookup();
  return [await machine('one', first.dht), await machine('two', second.dht)];
}

function deploy({ held }: Machine, seq: number, change: Partial<ReleasePointer> = {}) {
  const signed = signPointer(pointer(change), seq, key.privateKey);
  return held.offer({ pointer: encodeSignedPointer(signed), handovers: [], info: null }, 'the operator');
}

async function inDht({ dht }: Machine): Promise<number | undefined> {
  return (await dht.items.get(key.publicKey, salt))?.seq;
}

describe('the pointer in the DHT', () => {
  test('is found by a newcomer that has no link, and given on by it', async () => {
    const [owner, newcomer] = await two();
    expect(await newcomer.item.look(0)).toBe('none');
    await deploy(owner, 5);
    expect(await owner.item.look(0)).toBe('put');
    expect(await newcomer.item.look(0)).toBe('taken');
    expect(newcomer.held.current).toMatchObject({ signed: { seq: 5 }, pointer: { version: '1.2.3' } });
    // Signed by nobody but the release key.
    expect(newcomer.held.current?.signed).toEqual(owner.held.current?.signed);
    await owner.dht.close();
    const last = await nodes.node({ bootstrap: [newcomer.dht.address] });
    await last.dht.lookup();
    expect(await newcomer.item.look(1)).toBe('put');
    const third = await machine('three', last.dht);
    expect(await third.item.look(0)).toBe('taken');
  });

  test('is put again after an hour, and a new one at once', async () => {
    const [owner, other] = await two();
    await deploy(owner, 1);
    expect(await owner.item.look(0)).toBe('put');
    expect(await owner.item.look(hourMs - 1)).toBe('same');
    expect(await owner.item.look(hourMs)).toBe('put');
    expect(await owner.item.look(hourMs + 1)).toBe('same');
    await deploy(owner, 2, { version: '1.2.4' });
    expect(await owner.item.look(hourMs + 2)).toBe('put');
    expect(await inDht(other)).toBe(2);
  });

  test('is put later when there is nobody yet', async () => {
    const { dht } = await nodes.node();
    const owner = await machine('one', dht);
    await deploy(owner, 1);
    expect(await owner.item.look(0)).toBe('none');
    const second = await nodes.node({ bootstrap: [dht.address] });
    await second.dht.lookup();
    expect(await owner.item.look(1)).toBe('put');
    expect((await second.dht.items.get(key.publicKey, salt))?.seq).toBe(1);
  });

  test('is not taken when it is older than what the machine goes by, which is put in its place', async () => {
    const [behind, ahead] = await two();
    await deploy(behind, 3);
    await behind.item.look(0);
    await deploy(ahead, 4, { version: '1.2.4' });
    expect(await ahead.item.look(0)).toBe('put');
    expect(ahead.held.current?.signed.seq).toBe(4);
    expect(await behind.item.look(0)).toBe('taken');
    expect(behind.held.current?.pointer.version).toBe('1.2.4');
  });

  test.each([
    ['no pointer at all', () => Buffer.from('d4:evil4:evile')],
    ['a pointer for another channel', () => encodePointer(pointer({ channel: 'other' }))],
    ['a pointer that has expired', () => encodePointer(pointer({ expiryMs: 1000 }))],
  ])('does no harm when it is %s, signed by the right key under a later seq', async (_what, value) => {
    const [owner, other] = await two();
    await deploy(owner, 1);
    await other.dht.items.put({ value: value(), seq: 9, salt, privateKey: key.privateKey });
    expect(await owner.item.look(0)).toBe('same');
    expect(await other.item.look(0)).toBe('same');
    expect([owner.held.current?.signed.seq, other.held.current]).toEqual([1, null]);
  });

  test('is nobody’s but the release key’s: what another has put under the same salt is not seen', async () => {
    const [owner, other] = await two();
    const stranger = newKeyPair();
    const value = encodePointer(pointer({ version: '6.6.6' }));
    await other.dht.items.put({ value, seq: 9, salt, privateKey: stranger.privateKey });
    expect(await owner.item.look(0)).toBe('none');
    await deploy(owner, 1);
    expect(await owner.item.look(0)).toBe('put');
    expect(await other.item.look(0)).toBe('taken');
    expect(other.held.current?.pointer.version).toBe('1.2.3');
  });

  test('with a signature that does not fit is not believed, though the DHT gives it', async () => {
    const [owner] = await two();
    const forged = signPointer(pointer({ version: '6.6.6' }), 9, newKeyPair().privateKey);
    vi.spyOn(owner.dht.items, 'get').mockResolvedValue(forged);
    expect(await owner.item.look(0)).toBe('same');
    expect(owner.held.current).toBeNull();
    await deploy(owner, 1);
    expect(owner.held.current?.pointer.version).toBe('1.2.3');
  });

  test('is found under the key that was handed over to, once any link has told of that', async () => {
    const [owner, newcomer] = await two();
    const next = newKeyPair();
    const handovers = [signHandover(next.publicKey, key.privateKey)];
    const news = (seq: number) => ({
      pointer: encodeSignedPointer(signPointer(pointer(), seq, next.privateKey)),
      handovers,
      info: null,
    });
    await owner.held.offer(news(1), 'the operator');
    expect(await owner.item.look(0)).toBe('put');
    // All it knows is the key that the manifest names.
    expect(await newcomer.item.look(0)).toBe('none');
    await newcomer.held.offer(news(1), 'a link');
    await owner.held.offer(news(2), 'the operator');
    expect(await owner.item.look(1)).toBe('put');
    expect(await newcomer.item.look(1)).toBe('taken');
    expect(newcomer.held.current?.signed).toMatchObject({ seq: 2 });
  });

  test('that is refused is logged once, however often it is found', async () => {
    const [owner, other] = await two();
    const put = (value: Uint8Array, seq: number) =>
      other.dht.items.put({ value, seq, salt, privateKey: key.privateKey });
    await put(encodePointer(pointer({ expiryMs: 1000 })), 9);
    const before = log.warn.mock.calls.length;
    const warned = () => log.warn.mock.calls.slice(before).map(([said]) => said.code);
    for (let look = 0; look < 5; look++) expect(await owner.item.look(look)).toBe('same');
    expect(warned()).toEqual(['expired']);
    await put(Buffer.from('d4:evil4:evile'), 10);
    for (let look = 5; look < 10; look++) await owner.item.look(look);
    expect(warned()).toEqual(['expired', 'malformed']);
  });

  test('is nobody’s while the cluster trusts no key', async () => {
    const [owner, other] = await two();
    await deploy(owner, 1);
    await owner.item.look(0);
    const newcomer = await machine('new', other.dht, false);
    expect(await newcomer.item.look(0)).toBe('none');
    expect(newcomer.held.current).toBeNull();
  });
});
