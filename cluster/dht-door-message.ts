// What a standard client's DHT message must hold before bittorrent-dht may see it: BEP 5 and nothing else. As with dht-message.ts the
// library gets a message written anew from the fields that were looked at.
import { compactBytes } from './dht-address.ts';
import { type Bencoded, readBencode, writeBencode } from './dht-bencode.ts';
import { type Check, type Fields, isError, ofLength, type Shape, shaped } from './dht-shape.ts';

export type DoorMessage =
  | { kind: 'query'; name: QueryName; hash: Buffer | null; transaction: Buffer; bytes: Buffer }
  /** Well made, but nothing that strangers may ask for: BEP 44's `get` and `put`, and whatever else there may be. */
  | { kind: 'unknown'; transaction: Buffer }
  | { kind: 'answer'; bytes: Buffer };

export type QueryName = 'ping' | 'find_node' | 'get_peers' | 'announce_peer';

/** More than any client sends in one packet that arrives whole. */
const packetMostBytes = 1500;
const transactionMostBytes = 20;
const contactBytes = 20 + compactBytes;

/** Null for what no client sends. `ownId`: the library's, put in place of the id of who says that it answers nothing (BEP 43). */
export function readDoorMessage(packet: Buffer, ownId: Buffer): DoorMessage | null {
  if (packet.length > packetMostBytes) return null;
  const message = readBencode(packet);
  if (!(message instanceof Map)) return null;
  const transaction = message.get('t');
  const kind = message.get('y');
  if (!Buffer.isBuffer(transaction) || transaction.length === 0) return null;
  if (transaction.length > transactionMostBytes || !Buffer.isBuffer(kind)) return null;
  switch (kind.toString('latin1')) {
    case 'q':
      return queryOf(message, transaction, ownId);
    case 'r': {
      const reply = shaped(message.get('r'), replyShape, checks);
      return reply === null ? null : answerOf(transaction, kind, ['r', reply]);
    }
    case 'e': {
      const error = message.get('e');
      return error === undefined || !isError(error) ? null : answerOf(transaction, kind, ['e', error]);
    }
    default:
      return null;
  }
}

/** BEP 5's answer to what is refused. */
export function refusal(transaction: Buffer, code: 201 | 204, text: string): Buffer {
  const fields: [string, Bencoded][] = [
    ['t', transaction],
    ['y', Buffer.from('e')],
    ['e', [code, Buffer.from(text)]],
  ];
  return writeBencode(new Map(fields));
}

/** What the library answers to `get_peers`, with these peers in place of its own. */
export function withPeers(reply: Buffer, peers: readonly Buffer[]): Buffer {
  const message = readBencode(reply);
  const fields = message instanceof Map ? message.get('r') : undefined;
  if (!(message instanceof Map) || !(fields instanceof Map)) return reply;
  fields.delete('values');
  if (peers.length > 0) fields.set('values', [...peers]);
  return writeBencode(message);
}

/** To a question of ours: the library numbers its questions with two bytes. */
function answerOf(transaction: Buffer, kind: Buffer, body: [string, Bencoded]): DoorMessage | null {
  if (transaction.length !== 2) return null;
  const fields: [string, Bencoded][] = [['t', transaction], ['y', kind], body];
  return { kind: 'answer', bytes: writeBencode(new Map(fields)) };
}

function queryOf(message: Fields, transaction: Buffer, ownId: Buffer): DoorMessage | null {
  const name = message.get('q');
  const asked = message.get('a');
  if (!Buffer.isBuffer(name) || !(asked instanceof Map)) return null;
  const known = queryNames.find((one) => one === name.toString('latin1'));
  if (known === undefined) return shaped(asked, anyShape, checks) && { kind: 'unknown', transaction };
  const fields = shaped(asked, queryShapes[known], checks);
  if (fields === null || (known === 'announce_peer' && !hasPort(fields))) return null;
  if (message.get('ro') === 1) fields.set('id', ownId);
  const hash = fields.get('info_hash');
  const body: [string, Bencoded][] = [
    ['t', transaction],
    ['y', Buffer.from('q')],
    ['q', name],
    ['a', fields],
  ];
  const bytes = writeBencode(new Map(body));
  return { kind: 'query', name: known, hash: Buffer.isBuffer(hash) ? hash : null, transaction, bytes };
}

/** A port that is implied by the packet's may be anything. */
function hasPort(fields: Fields): boolean {
  return fields.get('implied_port') === 1 || fields.get('port') !== 0;
}

const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['id', ofLength(20)],
  ['target', ofLength(20)],
  ['info_hash', ofLength(20)],
  ['token', (value) => Buffer.isBuffer(value) && value.length > 0 && value.length <= 64],
  ['port', (value) => typeof value === 'number' && value >= 0 && value <= 65_535],
  ['implied_port', (value) => value === 0 || value === 1],
  ['nodes', (value) => Buffer.isBuffer(value) && value.length % contactBytes === 0],
  ['values', (value) => Array.isArray(value) && value.every(ofLength(compactBytes))],
]);

const queryNames: readonly QueryName[] = ['ping', 'find_node', 'get_peers', 'announce_peer'];
const queryShapes: Readonly<Record<QueryName, Shape>> = {
  ping: { must: ['id'], may: [] },
  find_node: { must: ['id', 'target'], may: [] },
  get_peers: { must: ['id', 'info_hash'], may: [] },
  announce_peer: { must: ['id', 'info_hash', 'token', 'port'], may: ['implied_port'] },
};
const anyShape: Shape = { must: ['id'], may: [] };
const replyShape: Shape = { must: ['id'], may: ['token', 'nodes', 'values'] };
