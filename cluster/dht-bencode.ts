// Bencode, the form of DHT messages, read with suspicion: bounded in depth, exact in length. What a message must hold is dht-message.ts's.

export type Bencoded = number | Buffer | Bencoded[] | Map<string, Bencoded>;

const deepest = 4;
const keyMostBytes = 32;

/** Null for everything but exactly one value. Keys are latin1; numbers are whole, and as JavaScript can hold them. */
export function readBencode(bytes: Buffer): Bencoded | null {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  return value === null || reader.at !== bytes.length ? null : value;
}

export function writeBencode(value: Bencoded): Buffer {
  const parts: Buffer[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

const token = { number: 0x69, list: 0x6c, map: 0x64, end: 0x65, colon: 0x3a };

class Reader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): Bencoded | null {
    switch (this.#bytes[this.at]) {
      case token.number:
        this.at++;
        return this.#number(token.end);
      case token.list:
        return depth < deepest ? this.#list(depth) : null;
      case token.map:
        return depth < deepest ? this.#map(depth) : null;
      default:
        return this.#string();
    }
  }

  #list(depth: number): Bencoded[] | null {
    const list: Bencoded[] = [];
    for (this.at++; this.#bytes[this.at] !== token.end; ) {
      const value = this.value(depth + 1);
      if (value === null) return null;
      list.push(value);
    }
    this.at++;
    return list;
  }

  #map(depth: number): Map<string, Bencoded> | null {
    const map = new Map<string, Bencoded>();
    for (this.at++; this.#bytes[this.at] !== token.end; ) {
      const key = this.#string();
      if (key === null || key.length > keyMostBytes) return null;
      const name = key.toString('latin1');
      const value = this.value(depth + 1);
      if (value === null || map.has(name)) return null;
      map.set(name, value);
    }
    this.at++;
    return map;
  }

  #string(): Buffer | null {
    const length = this.#number(token.colon);
    if (length === null || length < 0 || length > this.#bytes.length - this.at) return null;
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  /** Its only form: no leading zeros, no `-0`. */
  #number(end: number): number | null {
    const to = this.#bytes.indexOf(end, this.at);
    if (to < 0 || to - this.at > 17) return null;
    const digits = this.#bytes.toString('latin1', this.at, to);
    const number = Number(digits);
    if (!Number.isSafeInteger(number) || String(number) !== digits) return null;
    this.at = to + 1;
    return number;
  }
}

function write(value: Bencoded, parts: Buffer[]): void {
  if (typeof value === 'number') {
    parts.push(Buffer.from(`i${value}e`));
  } else if (Buffer.isBuffer(value)) {
    parts.push(Buffer.from(`${value.length}:`), value);
  } else if (Array.isArray(value)) {
    parts.push(Buffer.from('l'));
    for (const item of value) write(item, parts);
    parts.push(Buffer.from('e'));
  } else {
    parts.push(Buffer.from('d'));
    for (const [key, item] of [...value].sort(([a], [b]) => (a < b ? -1 : 1))) {
      write(Buffer.from(key, 'latin1'), parts);
      write(item, parts);
    }
    parts.push(Buffer.from('e'));
  }
}
