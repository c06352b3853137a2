// What a DHT message must hold before bittorrent-dht may see it. The library trusts every shape: an integer where it expects bytes
// ends the process. So it gets each message written anew from the fields that were looked at, and from no others.
import { compactBytes } from './dht-address.ts';
import { type Bencoded, readBencode, writeBencode } from './dht-bencode.ts';
import { type Check, type Fields, isError, ofLength, type Shape, shaped } from './dht-shape.ts';

/** BEP 44: what one item can hold. */
export const itemMostBytes = 999;
export const saltMostBytes = 64;

/** The message as the library may have it; null when it is none that nodes of ours send. */
export function checkedMessage(payload: Buffer): Buffer | null {
  const message = readBencode(payload);
  if (!(message instanceof Map)) return null;
  const transaction = message.get('t');
  const kind = message.get('y');
  if (transaction === undefined || !ofLength(2)(transaction) || !Buffer.isBuffer(kind)) return null;
  const body = bodyOf(kind.toString('latin1'), message);
  if (body === null) return null;
  return writeBencode(new Map<string, Bencoded>([['t', transaction], ['y', kind], ...body]));
}

function bodyOf(kind: string, message: Fields): [string, Bencoded][] | null {
  if (kind === 'q') return queryOf(message);
  if (kind === 'r') {
    const reply = fieldsOf(message.get('r'), replyShape);
    return reply === null ? null : [['r', reply]];
  }
  const error = message.get('e');
  return kind === 'e' && error !== undefined && isError(error) ? [['e', error]] : null;
}

function queryOf(message: Fields): [string, Bencoded][] | null {
  const name = message.get('q');
  const shape = Buffer.isBuffer(name) ? queryShapes.get(name.toString('latin1')) : undefined;
  if (name === undefined || shape === undefined) return null;
  const asked = fieldsOf(message.get('a'), shape);
  if (asked === null) return null;
  return [
    ['q', name],
    ['a', asked],
  ];
}

function fieldsOf(given: Bencoded | undefined, shape: Shape): Map<string, Bencoded> | null {
  const fields = shaped(given, shape, checks);
  // An item without its proof is of no use, and the library takes it for another kind.
  const item = itemFields.filter((name) => fields?.has(name) === true).length;
  return item === 0 || item === itemFields.length ? fields : null;
}

const itemFields = ['v', 'k', 'sig', 'seq'];
/** An id and where it is. */
const contactBytes = 20 + compactBytes;

const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['id', ofLength(20)],
  ['target', ofLength(20)],
  ['info_hash', ofLength(20)],
  ['token', ofLength(20)],
  ['k', ofLength(32)],
  ['sig', ofLength(64)],
  ['v', (value) => Buffer.isBuffer(value) && value.length > 0 && value.length <= itemMostBytes],
  ['salt', (value) => Buffer.isBuffer(value) && value.length > 0 && value.length <= saltMostBytes],
  ['seq', (value) => typeof value === 'number' && value >= 0],
  ['cas', (value) => typeof value === 'number' && value >= 0],
  ['port', (value) => typeof value === 'number' && value >= 1 && value <= 65_535],
  ['implied_port', (value) => value === 0 || value === 1],
  [
    'nodes',
    (value) =>
      Buffer.isBuffer(value) && value.length % contactBytes === 0 && value.length <= 64 * contactBytes,
  ],
  ['values', (value) => Array.isArray(value) && value.every(ofLength(compactBytes))],
]);

const queryShapes: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['ping', { must: ['id'], may: [] }],
  ['find_node', { must: ['id', 'target'], may: [] }],
  ['get_peers', { must: ['id', 'info_hash'], may: [] }],
  ['announce_peer', { must: ['id', 'info_hash', 'token', 'port'], may: ['implied_port'] }],
  ['get', { must: ['id', 'target'], may: [] }],
  // Items that nobody signs are not ours.
  ['put', { must: ['id', 'token', ...itemFields], may: ['salt', 'cas'] }],
]);

const replyShape: Shape = { must: ['id'], may: ['token', 'nodes', 'values', ...itemFields] };
