// What of a DHT message reaches the library: what nodes of ours send, written anew, and nothing that it throws over.
import { EventEmitter } from 'node:events';
import { Client } from 'bittorrent-dht';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bencoded, readBencode, writeBencode } from '../../cluster/dht-bencode.ts';
import { checkedMessage } from '../../cluster/dht-message.ts';
import { message, query, reply, samples, spoilt } from './dht-messages.ts';

const passes = (given: Bencoded) => checkedMessage(writeBencode(given)) !== null;
const id = Buffer.alloc(20, 1);

describe('bencode', () => {
  const value: fc.Arbitrary<Bencoded> = fc.letrec<{ value: Bencoded }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 3 },
      fc.maxSafeInteger(),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .array(fc.tuple(fc.stringMatching(/^[a-z_]{0,9}$/), tie('value')), { maxLength: 4 })
        .map((entries) => new Map(entries)),
    ),
  })).value;

  test('is read as it was written, in one form only', () => {
    fc.assert(
      fc.property(value, (written) => {
        const bytes = writeBencode(written);
        const read = readBencode(bytes);
        expect(read).not.toBeNull();
        if (read !== null) expect(writeBencode(read).equals(bytes)).toBe(true);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['something behind the value', 'i1ee'],
    ['a number without end', 'i1'],
    ['a number with a leading zero', 'i01e'],
    ['minus zero', 'i-0e'],
    ['no number', 'ie'],
    ['a number too large', 'i9007199254740993e'],
    ['a fraction', 'i1.5e'],
    ['a string that is cut', '5:abc'],
    ['a string of negative length', '-1:'],
    ['a list without end', 'li1e'],
    ['a map without end', 'd1:ai1e'],
    ['a map with a number for a key', 'di1ei1ee'],
    ['a map with a key twice', 'd1:ai1e1:ai2ee'],
    ['a map with a key and no value', 'd1:ae'],
    ['lists too deep', `${'l'.repeat(9000)}${'e'.repeat(9000)}`],
  ])('that is %s is none', (_what, text) => {
    expect(readBencode(Buffer.from(text))).toBeNull();
  });

  test('of any bytes throws nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        readBencode(Buffer.from(bytes));
      }),
    );
  });
});

describe('a message', () => {
  test.each(Object.entries(samples))('that nodes send passes as it is: %s', (_name, sample) => {
    const bytes = writeBencode(sample);
    expect(checkedMessage(bytes)?.equals(bytes)).toBe(true);
  });

  test('of a shape that the library does not expect does not pass', () => {
    const bytes = Buffer.alloc(20, 2);
    expect(passes(query('get_peers', ['info_hash', 7]))).toBe(false);
    expect(passes(query('get_peers', ['info_hash', [1]]))).toBe(false);
    expect(passes(query('find_node', ['target', 7]))).toBe(false);
    expect(passes(query('find_node', ['target', [id]]))).toBe(false);
    expect(passes(query('get', ['target', 7]))).toBe(false);
    expect(passes(query('announce_peer', ['info_hash', bytes], ['token', 7], ['port', 1]))).toBe(false);
    expect(passes(query('announce_peer', ['info_hash', 7], ['token', bytes], ['port', 1]))).toBe(false);
    expect(passes(query('put', ['token', bytes], ['v', 7]))).toBe(false);
    expect(passes(query('put', ['token', bytes], ['v', Buffer.from('unsigned')]))).toBe(false);
    expect(passes(reply(['nodes', 7]))).toBe(false);
    expect(passes(reply(['values', [7]]))).toBe(false);
    expect(passes(message('r', ['r', new Map([['id', 7]])]))).toBe(false);
  });

  test('keeps no field that nobody looked at', () => {
    const given = query('ping', ['__proto__', new Map([['id', 7]])], ['more', 1]);
    given.set('v', Buffer.from('LT'));
    expect(checkedMessage(writeBencode(given))).toEqual(writeBencode(query('ping')));
  });

  test('of a name that is a method of every object is none', () => {
    for (const name of ['toString', 'constructor', '__proto__', '']) expect(passes(query(name))).toBe(false);
  });
});

function fieldOf(map: Bencoded | null, name: string): Bencoded | null {
  return map instanceof Map ? (map.get(name) ?? null) : null;
}

describe('the library', () => {
  const from = { address: '127.0.0.1', port: 4001 };
  let sent: Buffer[] = [];
  let socket = new EventEmitter();
  let client: Client | null = null;
  /** The token it gave out: with another one it does not look at the rest. */
  let granted: Bencoded | null = null;

  /** With a socket that only remembers. */
  beforeEach(() => {
    sent = [];
    socket = Object.assign(new EventEmitter(), {
      bind: () => socket.emit('listening'),
      address: () => from,
      send: (payload: Buffer) => sent.push(payload),
      close: () => socket.emit('close'),
    });
    client = new Client({
      socket,
      bootstrap: [{ host: from.address, port: from.port }],
      host: from.address,
      maxAge: 1000,
      maxPeers: 100,
      timeout: 300,
      timeBucketOutdated: 60_000,
      verify: () => true,
    });
    client.on('warning', () => {});
    client.listen(0, from.address);
    socket.emit('message', writeBencode(query('get', ['target', id])), from);
    granted = fieldOf(fieldOf(readBencode(sent.at(-1) ?? Buffer.alloc(0)), 'r'), 'token');
    expect(granted).not.toBeNull();
  });
  afterEach(() => client?.destroy(() => {}));

  /** Hands a message over, a reply as if it answered what was just asked. Whether it was taken without a throw. */
  function takes(given: Bencoded): boolean {
    const isReply = fieldOf(given, 'y')?.toString() !== 'q';
    if (isReply) client?.get(Buffer.alloc(20, 1), { cache: false }, () => {});
    const asked = isReply ? fieldOf(readBencode(sent.at(-1) ?? Buffer.alloc(0)), 't') : null;
    if (given instanceof Map && given.has('t') && asked !== null) given.set('t', asked);
    const body = fieldOf(given, 'a');
    const token = fieldOf(body, 'token');
    if (body instanceof Map && Buffer.isBuffer(token) && token.length === 20 && granted !== null)
      body.set('token', granted);
    try {
      socket.emit('message', writeBencode(given), from);
      client?.toJSON();
      return true;
    } catch {
      return false;
    }
  }

  const all = Object.values(samples).flatMap((sample) => [...spoilt(sample)]);

  test('throws over messages that nobody looked at', () => {
    expect(all.filter((given) => !takes(given)).length).toBeGreaterThan(20);
  });

  test('takes whatever passes', () => {
    const passing = all.filter(passes);
    expect(passing.length).toBeGreaterThan(20);
    expect(passing.filter((given) => !takes(given))).toEqual([]);
    expect(passing.length).toBeLessThan(all.length / 3);
  });
});
