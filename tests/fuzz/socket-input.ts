// WebSocket upgrades and frames as no client should send them, and some as one should.
import type { Chance } from './chance.ts';
import type { Known } from './http-input.ts';
import { frame, opcode } from './socket-frame.ts';
import { spoil } from './spoil.ts';

export interface SocketInput {
  kind: string;
  bytes: Buffer;
  /** Its frames end where they say: a ping after it is answered, unless the connection is closed. */
  isWhole: boolean;
}

const printable = Array.from({ length: 93 }, (_, at) => String.fromCharCode(33 + at)).join('');
const streams: readonly [string, ...string[]] = [
  'user',
  'user:notification',
  'public',
  'public:local',
  'hashtag',
  'hashtag:local',
  'list',
  'direct',
  'public:media',
  'nonsense',
  '',
  'USER',
  'user ',
  '__proto__',
];

/** An upgrade. `sound`: as it must be, so that a socket opens; else with something wrong. */
export function upgrade(chance: Chance, known: Known, sound: boolean): Buffer {
  const token =
    sound || chance.hits(0.6)
      ? chance.pick(known.tokens)
      : chance.text(chance.below(300), printable.replace(/[#&+%]/g, ''));
  const query = new URLSearchParams({ access_token: token });
  if (chance.hits(0.5)) query.set('stream', chance.pick(streams));
  if (chance.hits(0.3)) query.set('tag', chance.text(chance.below(150), printable));
  if (chance.hits(0.3)) query.set('since', chance.pick(['0', '0'.repeat(24), 'x', 'f'.repeat(24), '']));
  const odd = !sound && chance.hits(0.7);
  const lines = [
    `${odd && chance.hits(0.1) ? 'POST' : 'GET'} /api/v1/streaming${chance.hits(0.3) ? '/' : ''}?${query} HTTP/1.1`,
    'Host: localhost:1',
    `Upgrade: ${odd && chance.hits(0.2) ? chance.text(8, printable) : 'websocket'}`,
    `Connection: ${odd && chance.hits(0.2) ? 'close' : 'Upgrade'}`,
    `Sec-WebSocket-Version: ${odd && chance.hits(0.3) ? chance.pick(['8', '14', 'x', '']) : '13'}`,
  ];
  if (!odd || chance.hits(0.6))
    lines.push(
      `Sec-WebSocket-Key: ${odd && chance.hits(0.5) ? chance.text(chance.below(60), printable) : chance.bytes(16).toString('base64')}`,
    );
  if (odd && chance.hits(0.4))
    lines.push(`Sec-WebSocket-Protocol: ${chance.text(chance.below(400), `${printable}, `)}`);
  if (odd && chance.hits(0.4))
    lines.push(
      `Sec-WebSocket-Extensions: ${chance.pick(['permessage-deflate; client_max_window_bits=99', 'x;;;=', 'permessage-deflate, permessage-deflate'])}`,
    );
  if (sound && chance.hits(0.2)) lines.push('Sec-WebSocket-Protocol: murmuration.compact.v1');
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return odd && chance.hits(0.3) ? spoil(bytes, chance) : bytes;
}

export function socketInput(chance: Chance): SocketInput {
  const text = (payload: string | Uint8Array, shape = {}): Buffer =>
    frame(
      {
        opcode: opcode.text,
        payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
        ...shape,
      },
      chance,
    );
  const whole = (kind: string, ...frames: Buffer[]): SocketInput => ({
    kind,
    bytes: Buffer.concat(frames),
    isWhole: true,
  });
  const broken = (kind: string, bytes: Buffer): SocketInput => ({ kind, bytes, isWhole: false });
  switch (chance.below(22)) {
    case 0:
    case 1:
    case 2:
      return whole(
        'command',
        text(
          JSON.stringify({
            type: chance.pick(['subscribe', 'unsubscribe']),
            stream: chance.pick(streams),
            tag: chance.text(chance.below(12), 'abcdé🐦 '),
          }),
        ),
      );
    case 3:
    case 4:
      return whole(
        'unknown command',
        text(
          JSON.stringify({
            type: chance.pick(['sub', '', 1, null, ['subscribe']]),
            stream: chance.pick<unknown>([1, null, {}, ['user'], 'x'.repeat(chance.below(3000))]),
          }),
        ),
      );
    case 5:
      return whole(
        'senseless json',
        text(
          chance.pick([
            'null',
            '[]',
            '1',
            '"subscribe"',
            '{}',
            '{"__proto__":{"type":"subscribe"}}',
            '{"type":"subscribe","stream":"hashtag","tag":{}}',
          ]),
        ),
      );
    case 6:
      return whole(
        'broken json',
        text(
          chance.pick([
            '{',
            '',
            '{"type":',
            '\u0000',
            "{'type':'subscribe'}",
            '['.repeat(4000),
            `${'{"a":'.repeat(600)}`,
          ]),
        ),
      );
    case 7:
      return whole(
        'bad UTF-8',
        text(
          Buffer.concat([Buffer.from('{"type":"'), chance.bytes(6), Buffer.from([0xff]), Buffer.from('"}')]),
        ),
      );
    case 8:
      return whole(
        'binary',
        frame({ opcode: opcode.binary, payload: chance.bytes(chance.below(200)) }, chance),
      );
    case 9:
      return whole('too long', text(Buffer.alloc(chance.pick([4097, 5000, 30_000, 66_000, 200_000]), 0x20)));
    case 10: {
      const command = Buffer.from('{"type":"subscribe","stream":"public"}');
      const cut = chance.below(command.length);
      const ping = chance.hits(0.5)
        ? [frame({ opcode: opcode.ping, payload: Buffer.from('between') }, chance)]
        : [];
      const rest = frame({ opcode: opcode.continuation, payload: command.subarray(cut) }, chance);
      return whole('fragments', text(command.subarray(0, cut), { isLast: false }), ...ping, rest);
    }
    case 11:
      return whole(
        'many fragments',
        text('{', { isLast: false }),
        ...Array.from({ length: 2 + chance.below(300) }, () =>
          frame(
            { opcode: opcode.continuation, payload: Buffer.alloc(chance.below(300), 0x20), isLast: false },
            chance,
          ),
        ),
        frame({ opcode: opcode.continuation, payload: Buffer.from('}') }, chance),
      );
    case 12:
      return whole(
        'continuation of nothing',
        frame({ opcode: opcode.continuation, payload: chance.bytes(chance.below(20)) }, chance),
      );
    case 13:
      return whole(
        'reserved opcode',
        frame(
          {
            opcode: chance.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]),
            payload: chance.bytes(chance.below(50)),
          },
          chance,
        ),
      );
    case 14:
      return whole('reserved bits', text('{}', { reserved: 1 + chance.below(7) }));
    case 15:
      return broken('unmasked', text('{"type":"subscribe","stream":"user"}', { isMasked: false }));
    case 16:
      return whole(
        'close',
        frame(
          {
            opcode: opcode.close,
            payload: chance.pick([
              Buffer.alloc(0),
              Buffer.from([3]),
              Buffer.from([3, 232]),
              Buffer.from([0, 0]),
              Buffer.from([0xff, 0xff]),
              Buffer.concat([Buffer.from([3, 232]), Buffer.from([0xff, 0xfe])]),
              Buffer.concat([Buffer.from([3, 237]), Buffer.alloc(123, 0x78)]),
            ]),
          },
          chance,
        ),
      );
    case 17:
      return whole(
        'long or cut control',
        frame(
          {
            opcode: chance.pick([8, 9, 10]),
            payload: Buffer.alloc(chance.pick([126, 500, 3])),
            isLast: chance.hits(0.5),
          },
          chance,
        ),
      );
    case 18:
      return whole(
        'many pings',
        ...Array.from({ length: 20 + chance.below(80) }, () =>
          frame({ opcode: opcode.ping, payload: chance.bytes(chance.below(125)) }, chance),
        ),
      );
    case 19:
      return broken(
        'false length',
        text(chance.text(chance.below(100), printable), {
          lengthBytes: chance.pick([2, 8] as const),
          saidLength: chance.pick([0, 1, 65_535, 2 ** 31, 2 ** 40, 2 ** 53 - 1]),
        }),
      );
    case 20:
      return broken('noise', chance.bytes(1 + chance.below(300)));
    default:
      return broken(
        'spoiled frames',
        spoil(
          Buffer.concat([
            text('{"type":"subscribe","stream":"user"}'),
            text('{"type":"unsubscribe","stream":"user"}'),
          ]),
          chance,
        ),
      );
  }
}
