// Bencode, the form of DHT messages and torrents, read with suspicion: bounded in depth, exact in length. What must be in it is its readers'.

export type Bencoded = number | Buffer | Bencoded[] | Map<string, Bencoded>;

export interface BencodeBounds {
  deepest: number;
  keyMostBytes: number;
}

const messageBounds: BencodeBounds = { deepest: 4, keyMostBytes: 32 };

/** Null for everything but exactly one value. Keys are latin1; numbers are whole, and as JavaScript can hold them. */
export function readBencode(bytes: Buffer, bounds: BencodeBounds = messageBounds): Bencoded | null {
  const reader = new Reader(bytes, bounds);
  const value = reader.value(0);
  return value === null || reader.at !== bytes.length ? null : value;
}

/** The value that these bytes begin with, and how many bytes it takes. Null when they begin with none. */
export function readBencodeStart(
  bytes: Buffer,
  bounds: BencodeBounds = messageBounds,
): { value: Bencoded; length: number } | null {
  const reader = new Reader(bytes, bounds);
  const value = reader.value(0);
  return value === null ? null : { value, length: reader.at };
}

/** The bytes of each value of one dictionary, as they are: what is signed or hashed must not be written anew. Null for all else. */
export function bencodedValues(
  bytes: Buffer,
  bounds: BencodeBounds = messageBounds,
): Map<string, Buffer> | null {
  const reader = new Reader(bytes, bounds);
  const values = reader.spans();
  return values === null || reader.at !== bytes.length ? null : values;
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
  readonly #bounds: BencodeBounds;

  constructor(bytes: Buffer, bounds: BencodeBounds) {
    this.#bytes = bytes;
    this.#bounds = bounds;
  }

  spans(): Map<string, Buffer> | null {
    if (this.#bytes[this.at] !== token.map) return null;
    const spans = new Map<string, Buffer>();
    for (this.at++; this.#bytes[this.at] !== token.end; ) {
      const name = this.#key();
      const from = this.at;
      if (name === null || spans.has(name) || this.value(1) === null) return null;
      spans.set(name, this.#bytes.subarray(from, this.at));
    }
    this.at++;
    return spans;
  }

  value(depth: number): Bencoded | null {
    switch (this.#bytes[this.at]) {
      case token.number:
        this.at++;
        return this.#number(token.end);
      case token.list:
        return depth < this.#bounds.deepest ? this.#list(depth) : null;
      case token.map:
        return depth < this.#bounds.deepest ? this.#map(depth) : null;
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
      const name = this.#key();
      if (name === null || map.has(name)) return null;
      const value = this.value(depth + 1);
      if (value === null) return null;
      map.set(name, value);
    }
    this.at++;
    return map;
  }

  #key(): string | null {
    const key = this.#string();
    return key === null || key.length > this.#bounds.keyMostBytes ? null : key.toString('latin1');
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
