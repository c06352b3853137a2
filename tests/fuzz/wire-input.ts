// Frames that a hostile node may send on a wire between machines: right ones, and right ones spoiled in ways that mean something.
import { packFrame, unpackFrame } from '../../cluster/link-frame.ts';
import { joinMessages, packMessage, packWire } from '../../cluster/wire-frame.ts';
import { wireHello } from '../../cluster/wire-hello.ts';
import { type Control, controlMessages, type Data, dataMessages, helloOf } from '../cluster/wire-ends.ts';
import type { Chance } from './chance.ts';
import { spoil } from './spoil.ts';

const data: readonly [Data, ...Data[]] = [
  { kind: 'entry', seq: 1, value: Buffer.from('value') },
  { kind: 'entry', seq: 2 ** 40, value: Buffer.alloc(300, 7) },
  { kind: 'notes', notes: ['one', 'two', 'ünd drei', ''] },
  { kind: 'notes', notes: Array.from({ length: 40 }, (_, number) => `note ${number}`) },
];
const control: readonly [Control, ...Control[]] = [
  { kind: 'ping', id: 1 },
  { kind: 'stop', why: 'no reason' },
];

/** A frame that an honest peer could have sent, at some time. */
export function rightFrame(chance: Chance): Uint8Array {
  switch (chance.below(8)) {
    case 0:
    case 1:
    case 2: {
      const packed = Array.from({ length: 1 + chance.below(4) }, () =>
        packMessage(dataMessages, chance.pick(data)),
      );
      return joinMessages('data', packed, lengthOf(packed));
    }
    case 3:
    case 4: {
      const packed = Array.from({ length: 1 + chance.below(4) }, () =>
        packMessage(controlMessages, chance.pick(control)),
      );
      return joinMessages('control', packed, lengthOf(packed));
    }
    case 5:
      return packWire('credit', [0, 0, 0, 0]);
    case 6:
      return packWire('beat', []);
    default:
      return chance.hits(0.5) ? rightHello(chance) : packWire('accepted', [2]);
  }
}

export function rightHello(chance: Chance): Uint8Array {
  const admission = chance.hits(0.5) ? null : Buffer.alloc(100, 1);
  const addresses = [{ host: 'node.example', port: 7000 }];
  return packWire('hello', wireHello.encode(helloOf(2, { admission, addresses })));
}

/** One in eight is left as it is: so that a link has been through something when the next is not. */
export function hostileFrame(chance: Chance, right = rightFrame): Uint8Array {
  const frame = right(chance);
  if (chance.hits(0.25)) return misshapen(frame, chance);
  const at = chance.below(frame.length);
  const [before, after] = [frame.subarray(0, at), frame.subarray(at)];
  switch (chance.below(8)) {
    case 0:
      return frame;
    case 1: {
      const flipped = Buffer.from(frame);
      for (let count = 1 + chance.below(8); count > 0; count--) {
        const place = chance.below(flipped.length);
        flipped[place] = (flipped[place] ?? 0) ^ (1 << chance.below(8));
      }
      return flipped;
    }
    case 2:
      return before;
    case 3: {
      const other = right(chance);
      return Buffer.concat([before, other.subarray(chance.below(other.length))]);
    }
    case 4:
      // A length or a count that promises more, or less, than there is.
      return Buffer.concat([before, chance.pick(promises), after.subarray(1)]);
    case 5: {
      const deep = Buffer.alloc(
        1 + chance.below(chance.hits(0.1) ? 5000 : 40),
        chance.pick([0x91, 0x92, 0x9f]),
      );
      return Buffer.concat([before, deep, after]);
    }
    case 6:
      return Buffer.concat([before, chance.pick(foreign), after]);
    default:
      return spoil(frame, chance, 6);
  }
}

/** Good msgpack with one value in it that is another than was declared. */
function misshapen(frame: Uint8Array, chance: Chance): Buffer {
  const root = unpackFrame(frame);
  let within: unknown = root;
  while (Array.isArray(within) && within.length > 0) {
    const place = chance.below(within.length);
    const inner: unknown = within[place];
    if (Array.isArray(inner) && chance.hits(0.8)) within = inner;
    else {
      const way = chance.below(5);
      if (way === 0) within.splice(place, 1);
      else if (way === 1) within.push(inner, inner);
      else within[place] = odd(chance);
      break;
    }
  }
  return Buffer.from(packFrame(root));
}

function odd(chance: Chance): unknown {
  return chance.pick<unknown>([
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    Number.NaN,
    '',
    '__proto__',
    'x'.repeat(2000),
    '\ud800',
    Buffer.alloc(0),
    Buffer.alloc(33),
    [],
    [[]],
    Array.from({ length: 200 }, () => 'x'),
    chance.below(1000),
  ]);
}

function lengthOf(packed: readonly Uint8Array[]): number {
  return packed.reduce((sum, { length }) => sum + length, 0);
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Lists, maps, bytes, strings and extensions of a great many, or of none. */
const promises: readonly [Buffer, ...Buffer[]] = [
  hex('ddffffffff'),
  hex('dd7fffffff'),
  hex('dd00100000'),
  hex('dcffff'),
  hex('dfffffffff'),
  hex('deffff'),
  hex('dbffffffff'),
  hex('daffff'),
  hex('c6ffffffff'),
  hex('c5ffff'),
  hex('c9ffffffff01'),
  hex('dd00000000'),
  hex('90'),
  hex('c400'),
];

/** What decoders make objects of the sender's choice from. */
const foreign: readonly [Buffer, ...Buffer[]] = [
  hex('d40000'),
  hex('d6ff00000000'),
  hex('d7ff0000000000000000'),
  hex('c70c72') /* a record of msgpackr */,
  hex('d47240') /* the structure of one */,
  hex('c70474000102'),
  hex('d57200ff'),
  hex('81a95f5f70726f746f5f5f01') /* { __proto__: 1 } */,
  hex('81ab636f6e7374727563746f7201'),
  hex('cfffffffffffffffff'),
  hex('d3ffffffffffffffff'),
  hex('cb7ff8000000000000') /* no number */,
  hex('cb7ff0000000000000') /* infinite */,
  hex('cbbff0000000000000') /* minus one */,
  hex('c1'),
];
