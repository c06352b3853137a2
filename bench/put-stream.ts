// The writes a store made, kept as table, key and length of each value: what a bare LMDB has to write to do the same work.
import { readFileSync, writeFileSync } from 'node:fs';

export interface Put {
  table: string;
  /** One character a byte. */
  key: string;
  /** Null: removed. */
  valueBytes: number | null;
}

export interface PutStream {
  tables: readonly string[];
  /** Acknowledged posts that these writes belong to. */
  posts: number;
  readonly length: number;
  table(index: number): number;
  key(index: number): Buffer;
  valueBytes(index: number): number | null;
}

const removed = 0xffff_ffff;
const bytesEach = 12;

/** File: a line of JSON (tables, posts, length), `length` records (table 16, key length 16, key offset 32, value length 32), the keys. */
export function writePuts(file: string, puts: readonly Put[], posts: number): void {
  const tables = [...new Set(puts.map((put) => put.table))];
  const records = Buffer.alloc(puts.length * bytesEach);
  const keys: Buffer[] = [];
  let offset = 0;
  puts.forEach((put, index) => {
    const key = Buffer.from(put.key, 'latin1');
    const at = index * bytesEach;
    records.writeUInt16LE(tables.indexOf(put.table), at);
    records.writeUInt16LE(key.length, at + 2);
    records.writeUInt32LE(offset, at + 4);
    records.writeUInt32LE(put.valueBytes ?? removed, at + 8);
    offset += key.length;
    keys.push(key);
  });
  const head = Buffer.from(`${JSON.stringify({ tables, posts, length: puts.length })}\n`);
  writeFileSync(file, Buffer.concat([head, records, ...keys]));
}

export function readPuts(file: string): PutStream {
  const all = readFileSync(file);
  const headEnd = all.indexOf(10);
  const head: unknown = JSON.parse(all.toString('utf8', 0, headEnd));
  if (!isHead(head)) throw new Error(`${file} holds no puts`);
  const records = all.subarray(headEnd + 1, headEnd + 1 + head.length * bytesEach);
  const keys = all.subarray(headEnd + 1 + head.length * bytesEach);
  return {
    tables: head.tables,
    posts: head.posts,
    length: head.length,
    table: (index) => records.readUInt16LE(index * bytesEach),
    key(index) {
      const from = records.readUInt32LE(index * bytesEach + 4);
      return keys.subarray(from, from + records.readUInt16LE(index * bytesEach + 2));
    },
    valueBytes(index) {
      const length = records.readUInt32LE(index * bytesEach + 8);
      return length === removed ? null : length;
    },
  };
}

function isHead(head: unknown): head is { tables: string[]; posts: number; length: number } {
  return typeof head === 'object' && head !== null && 'tables' in head && 'posts' in head && 'length' in head;
}
