// Messages of the DHT to test with: one of each kind that nodes send, and ways to spoil them.
import type { Bencoded } from '../../cluster/dht-bencode.ts';

const id = Buffer.alloc(20, 1);
const token = Buffer.alloc(20, 2);
const item: [string, Bencoded][] = [
  ['v', Buffer.from('value')],
  ['k', Buffer.alloc(32, 3)],
  ['sig', Buffer.alloc(64, 4)],
  ['seq', 5],
];

export function message(kind: string, ...fields: [string, Bencoded][]): Map<string, Bencoded> {
  return new Map<string, Bencoded>([['t', Buffer.from('aa')], ['y', Buffer.from(kind)], ...fields]);
}

export function query(name: string, ...fields: [string, Bencoded][]): Map<string, Bencoded> {
  return message('q', ['q', Buffer.from(name)], ['a', new Map<string, Bencoded>([['id', id], ...fields])]);
}

export function reply(...fields: [string, Bencoded][]): Map<string, Bencoded> {
  return message('r', ['r', new Map<string, Bencoded>([['id', id], ...fields])]);
}

export const samples: Record<string, Map<string, Bencoded>> = {
  ping: query('ping'),
  findNode: query('find_node', ['target', id]),
  getPeers: query('get_peers', ['info_hash', id]),
  announce: query('announce_peer', ['info_hash', id], ['token', token], ['port', 4000], ['implied_port', 0]),
  get: query('get', ['target', id]),
  put: query('put', ['token', token], ...item),
  putSalted: query('put', ['token', token], ['salt', Buffer.from('release')], ['cas', 4], ...item),
  pong: reply(),
  nodes: reply(['token', token], ['nodes', Buffer.alloc(52, 9)]),
  values: reply(['token', token], ['values', [Buffer.alloc(6, 8), Buffer.alloc(6, 7)]]),
  item: reply(['token', token], ...item),
  error: message('e', ['e', [203, Buffer.from('bad token')]]),
};

const spoilers: readonly (() => Bencoded)[] = [
  () => 7,
  () => -1,
  () => [],
  () => [1, [2]],
  () => new Map(),
  () => new Map<string, Bencoded>([['length', 20]]),
  () => Buffer.alloc(0),
  () => Buffer.alloc(19),
  () => Buffer.alloc(1500, 1),
];

/** Every message that is `whole` with one of its parts gone, or made into something else. */
export function* spoilt(whole: Bencoded): Generator<Bencoded> {
  for (const spoiler of spoilers) yield spoiler();
  if (Array.isArray(whole)) {
    for (const [index, part] of whole.entries()) {
      for (const other of spoilt(part)) yield whole.with(index, other);
    }
  } else if (whole instanceof Map) {
    for (const [key, part] of whole) {
      yield new Map([...whole].filter(([name]) => name !== key));
      for (const other of spoilt(part)) yield new Map([...whole]).set(key, other);
    }
  }
}
