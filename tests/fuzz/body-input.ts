// Bodies that are senseless, too deep, cut off, of the wrong type or not text at all, with the type they are said to be.
import type { Chance } from './chance.ts';

export interface BodyInput {
  /** What is wrong with it, for reports. */
  kind: string;
  /** Content-Type; null: none is sent. */
  type: string | null;
  bytes: Buffer;
}

const names: readonly [string, ...string[]] = [
  'status',
  'visibility',
  'spoiler_text',
  'in_reply_to_id',
  'sensitive',
  'language',
  'media_ids',
  'poll',
  'scheduled_at',
  'client_name',
  'redirect_uris',
  'scopes',
  'grant_type',
  'client_id',
  'client_secret',
  'code',
  'display_name',
  'note',
  'source',
  'fields_attributes',
  'locked',
  'duration',
  'limit',
  'id',
  '__proto__',
  'constructor',
  'toString',
  '',
];
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789_-. ';

/** Any JSON value, seldom one that fits. */
function jsonValue(chance: Chance, depth = 0): unknown {
  switch (chance.below(depth > 4 ? 9 : 12)) {
    case 0:
      return null;
    case 1:
      return chance.hits(0.5);
    case 2:
      return chance.pick([0, -1, 1e308, 1.5, 2 ** 53 + 2, -0.0000001, 4294967296]);
    case 3:
      return chance.text(chance.below(30), letters);
    case 4:
      return '\u0000\u0007\ufffe'.repeat(1 + chance.below(5));
    case 5:
      return '\ud800'.repeat(1 + chance.below(3));
    case 6:
      return '\u202e👩‍👩‍👧‍👦e\u0301'.repeat(1 + chance.below(200));
    case 7:
      return '@a#b https://c.example/ '.repeat(1 + chance.below(100));
    case 8:
      return String(chance.below(2 ** 31)).repeat(1 + chance.below(6));
    case 9:
      return Array.from({ length: chance.below(5) }, () => jsonValue(chance, depth + 1));
    default:
      return jsonRecord(chance, depth + 1);
  }
}

function jsonRecord(chance: Chance, depth = 0): Record<string, unknown> {
  const record: Record<string, unknown> = Object.create(null);
  for (let count = 1 + chance.below(5); count > 0; count--)
    record[chance.pick(names)] = jsonValue(chance, depth);
  return record;
}

function formText(chance: Chance): string {
  const value = (): string =>
    chance.pick([
      chance.text(chance.below(20), letters),
      '%',
      '%zz',
      '%ff%fe',
      '%00',
      '%F0%9F%98%80',
      '+',
      '=',
      '%ed%a0%80',
    ]);
  const field = (): string => {
    const name = chance.pick(names);
    const brackets = chance.pick([
      '',
      '[]',
      '%5B%5D',
      '[a]',
      '[][a]',
      '[',
      ']',
      '[a][b][c][d][e][f][g]',
      '[[]]',
      '[__proto__]',
    ]);
    return `${name}${brackets}${chance.pick(['=', '', '=='])}${value()}`;
  };
  return Array.from({ length: 1 + chance.below(chance.hits(0.02) ? 3000 : 12) }, field).join(
    chance.pick(['&', '&&', ';']),
  );
}

function multipart(chance: Chance): { type: string; bytes: Buffer } {
  const boundary = chance.pick(['x', 'a-b', '-'.repeat(70), 'ü']);
  const part = (): string => {
    const disposition = chance.pick([
      `form-data; name="${chance.pick(names)}"`,
      `form-data; name="${chance.pick(names)}"; filename="${chance.pick(['a.png', '', '../../etc/passwd', '\u0000'])}"`,
      'form-data',
      'attachment; name=',
      'form-data; name="a[b][c][d][e][f][g][h]"',
      '',
    ]);
    const headers = chance.pick([
      '',
      'Content-Type: text/plain; charset=latin1\r\n',
      'Content-Transfer-Encoding: base64\r\n',
      'x'.repeat(9000),
    ]);
    return `--${boundary}\r\nContent-Disposition: ${disposition}\r\n${headers}\r\n${chance.text(chance.below(60), letters)}\r\n`;
  };
  const parts = Array.from({ length: chance.below(chance.hits(0.02) ? 400 : 5) }, part).join('');
  const end = chance.pick([`--${boundary}--\r\n`, '', `--${boundary}`, '--\r\n']);
  const said = chance.pick([
    `; boundary=${boundary}`,
    '',
    '; boundary=',
    '; boundary="',
    `; boundary="${boundary}"`,
    '; boundary=other',
  ]);
  // Header values are what may stand in one: the rest is tried by spoiling whole requests.
  return {
    type: `multipart/form-data${said}`.replace('ü', 'u'),
    bytes: Buffer.from(parts + end, chance.hits(0.5) ? 'utf8' : 'latin1'),
  };
}

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

export function bodyInput(chance: Chance): BodyInput {
  switch (chance.below(14)) {
    case 0:
    case 1:
    case 2:
      return {
        kind: 'json of wrong types',
        type: json,
        bytes: Buffer.from(JSON.stringify(jsonRecord(chance))),
      };
    case 3:
      return {
        kind: 'json that is no object',
        type: json,
        bytes: Buffer.from(JSON.stringify(jsonValue(chance)) ?? 'undefined'),
      };
    case 4: {
      const whole = Buffer.from(JSON.stringify(jsonRecord(chance)));
      return { kind: 'json cut off', type: json, bytes: whole.subarray(0, chance.below(whole.length)) };
    }
    case 5: {
      const depth = chance.pick([10, 500, 20_000, 100_000]);
      const open = chance.pick(['[', '{"status":', '{"a":[']);
      return { kind: 'json too deep', type: json, bytes: Buffer.from(open.repeat(depth).slice(0, 200_000)) };
    }
    case 6: {
      const depth = chance.pick([10, 500, 20_000]);
      return {
        kind: 'json deep and whole',
        type: json,
        bytes: Buffer.from(`{"status":${'['.repeat(depth)}${']'.repeat(depth)}}`),
      };
    }
    case 7:
      return {
        kind: 'json in bad UTF-8',
        type: json,
        bytes: Buffer.concat([Buffer.from('{"status":"'), chance.bytes(8), Buffer.from('"}')]),
      };
    case 8:
    case 9:
      return { kind: 'form', type: form, bytes: Buffer.from(formText(chance)) };
    case 10:
    case 11:
      return { kind: 'multipart', ...multipart(chance) };
    case 12:
      return {
        kind: 'random bytes',
        type: chance.pick([
          json,
          form,
          'multipart/form-data; boundary=x',
          'text/plain',
          'image/png',
          'application/x-nothing; charset=',
          null,
        ]),
        bytes: chance.bytes(chance.below(400)),
      };
    default:
      // Past what is taken at all; seldom, for it is long.
      return chance.hits(0.03)
        ? { kind: 'oversized', type: json, bytes: Buffer.alloc(257 * 1024 + chance.below(4096), 0x20) }
        : {
            kind: 'long text',
            type: json,
            bytes: Buffer.from(JSON.stringify({ status: chance.text(501 + chance.below(3000), letters) })),
          };
  }
}
