// What a chaos run does to machines: which faults there are, dealt by chance, and which may be there at the same time. Pure.
import type { Random } from '../simulation/random.ts';
import type { Role } from './machine-processes.ts';
import type { Direction } from './network.ts';

/** Places as in Machines. `forMs` is how long it lasts. */
export type Fault =
  | { kind: 'kill'; place: number; role: Role; forMs: number }
  /** All its processes at once; started again after `forMs`. */
  | { kind: 'killMachine'; place: number; forMs: number }
  | { kind: 'stop'; place: number; role: Role; forMs: number }
  | { kind: 'stopMachine'; place: number; forMs: number }
  /** No packets between it and the others, or only in one direction. `withClients`: none to and from clients either. */
  | { kind: 'cutOff'; place: number; direction: Direction; withClients: boolean; forMs: number }
  /** These two do not hear each other; all others hear both. */
  | { kind: 'bridge'; place: number; other: number; forMs: number }
  | { kind: 'spoil'; place: number; lossPercent: number; delayMs: number; forMs: number }
  | { kind: 'fillDisk'; place: number; forMs: number }
  /** All processes of all machines at once: what was acknowledged is on disks. */
  | { kind: 'blackout'; place: number; forMs: number }
  /** It leaves the ring, and comes into it again. */
  | { kind: 'changeRing'; place: number; forMs: number };

export type FaultKind = Fault['kind'];

export interface Field {
  /** Of machines that own accounts. */
  ring: readonly number[];
  /** Of those that do not. */
  fronts: readonly number[];
  /** Whose disk can be full; null: there is none. */
  small: number | null;
  /** Packets can be lost between them. */
  hasNetwork: boolean;
}

/** No fault lasts longer: lets go of a lease, and of what waits for it. */
const longestMs = 10_000;
/** Which kinds a hand is made of, and how often each is in it. */
const hand: readonly (readonly [card: Card, times: number])[] = [
  ['kill core', 2],
  ['kill gateway', 1],
  ['kill agent', 1],
  ['kill machine', 2],
  ['stop core', 2],
  ['stop gateway', 1],
  ['stop machine', 1],
  ['cut off', 2],
  ['cut off one way', 2],
  ['bridge', 2],
  ['spoil', 2],
  ['fill disk', 1],
  ['blackout', 1],
  ['change ring', 1],
];
type Card =
  | `kill ${Role | 'machine'}`
  | `stop ${'core' | 'gateway' | 'machine'}`
  | 'cut off'
  | 'cut off one way'
  | 'bridge'
  | 'spoil'
  | 'fill disk'
  | 'blackout'
  | 'change ring';

/**
 * Faults of a seed, some at a time. What the promises allow: of the three owners of an account two must be well, so one machine of the
 * ring is harmed at a time (a bridge harms two, but each account still has two owners that hear each other), and none while the ring
 * changes, which can leave just two. Beside it a machine outside the ring, or a gateway of another machine, may be harmed: they hold
 * nothing. That all are killed at once the promises allow, too: nobody is answered then, but nothing is lost. Every kind is dealt
 * before the cards are mixed again.
 */
export class FaultDealer {
  readonly #field: Field;
  readonly #random: Random;
  readonly #hand: readonly (readonly [card: Card, times: number])[];
  #cards: Card[] = [];

  /** `only`: of the main faults, those whose name has this in it. */
  constructor(field: Field, random: Random, only = '') {
    this.#field = field;
    this.#random = random;
    this.#hand = hand.filter(([card]) => card.includes(only) && isPossible(card, field));
    if (this.#hand.length === 0) throw new Error(`no fault that is possible here is named "${only}"`);
  }

  /** Faults to be there at the same time. */
  next(): Fault[] {
    const main = this.#main();
    const isAlone = main.kind === 'blackout' || this.#random.chance(0.65);
    return isAlone ? [main] : [main, this.#beside(main)];
  }

  #main(): Fault {
    return this.#made(this.#draw(), this.#random.pick(this.#field.ring));
  }

  /** Of a machine that the first one does not harm, and nothing that any account's owners need. */
  #beside(main: Fault): Fault {
    const { ring, fronts } = this.#field;
    const random = this.#random;
    const harmed = main.kind === 'bridge' ? [main.place, main.other] : [main.place];
    if (fronts.length > 0 && random.chance(0.6)) {
      const cards = ['kill machine', 'stop machine', 'kill gateway', 'kill agent'] as const;
      return this.#made(random.pick(cards), random.pick(fronts));
    }
    const others = [...ring, ...fronts].filter((place) => !harmed.includes(place));
    return this.#made(random.pick(['kill gateway', 'stop gateway'] as const), random.pick(others));
  }

  #made(card: Card, place: number): Fault {
    const random = this.#random;
    const { ring, small } = this.#field;
    const forMs = Math.round(random.between(500, longestMs));
    switch (card) {
      case 'kill core':
        return { kind: 'kill', place, role: 'core', forMs: 0 };
      case 'kill gateway':
        return { kind: 'kill', place, role: 'gateway', forMs: 0 };
      case 'kill agent':
        return { kind: 'kill', place, role: 'agent', forMs: Math.round(forMs / 4) };
      case 'kill machine':
        return { kind: 'killMachine', place, forMs };
      case 'stop core':
        return { kind: 'stop', place, role: 'core', forMs };
      case 'stop gateway':
        return { kind: 'stop', place, role: 'gateway', forMs };
      case 'stop machine':
        return { kind: 'stopMachine', place, forMs };
      case 'cut off':
        return { kind: 'cutOff', place, direction: 'both', withClients: random.chance(0.3), forMs };
      case 'cut off one way':
        return { kind: 'cutOff', place, direction: random.pick(['in', 'out']), withClients: false, forMs };
      case 'bridge':
        return { kind: 'bridge', place, other: random.pick(ring.filter((other) => other !== place)), forMs };
      case 'spoil':
        return { kind: 'spoil', place, lossPercent: 30, delayMs: Math.round(random.between(20, 150)), forMs };
      case 'fill disk':
        return { kind: 'fillDisk', place: small ?? place, forMs };
      case 'blackout':
        return { kind: 'blackout', place, forMs: Math.round(forMs / 4) };
      case 'change ring':
        // Not the keeper's: the change is asked for there.
        return { kind: 'changeRing', place: random.pick(ring.filter((other) => other !== 1)), forMs: 0 };
    }
  }

  #draw(): Card {
    if (this.#cards.length === 0) {
      this.#cards = this.#hand.flatMap(([card, times]) => Array.from({ length: times }, () => card));
      for (let at = this.#cards.length - 1; at > 0; at--) {
        const other = this.#random.below(at + 1);
        const [one, two] = [this.#cards[at], this.#cards[other]];
        if (one !== undefined && two !== undefined) [this.#cards[at], this.#cards[other]] = [two, one];
      }
    }
    return this.#cards.pop() ?? 'kill core';
  }
}

function isPossible(card: Card, { hasNetwork, small }: Field): boolean {
  if (card === 'fill disk') return small !== null;
  return hasNetwork || !['cut off', 'cut off one way', 'bridge', 'spoil'].includes(card);
}

/** As people read it. */
export function faultText(fault: Fault, nameOf: (place: number) => string): string {
  const name = nameOf(fault.place);
  const seconds = `for ${(fault.forMs / 1000).toFixed(1)} s`;
  switch (fault.kind) {
    case 'kill':
      return `kill -9 of the ${fault.role} of ${name}`;
    case 'killMachine':
      return `kill -9 of all of ${name}, down ${seconds}`;
    case 'stop':
      return `SIGSTOP of the ${fault.role} of ${name} ${seconds}`;
    case 'stopMachine':
      return `SIGSTOP of all of ${name} ${seconds}`;
    case 'cutOff': {
      const ways = { both: 'cut off', in: 'hears nobody', out: 'is heard by nobody' }[fault.direction];
      return `${name}: ${ways}${fault.withClients ? ', clients included,' : ''} ${seconds}`;
    }
    case 'bridge':
      return `${name} and ${nameOf(fault.other)} do not hear each other ${seconds}`;
    case 'spoil':
      return `${name}: ${fault.lossPercent} % loss, up to ${fault.delayMs} ms late, ${seconds}`;
    case 'fillDisk':
      return `the disk of ${name} is full ${seconds}`;
    case 'blackout':
      return `kill -9 of everything at once, down ${seconds}`;
    case 'changeRing':
      return `${name} leaves the ring and comes back`;
  }
}

/** At which of the machines clients may get no answer, or a late one. */
export function unreachableIn(fault: Fault, places: readonly number[]): number[] {
  switch (fault.kind) {
    case 'blackout':
      return [...places];
    case 'kill':
    case 'stop':
      return fault.role === 'gateway' ? [fault.place] : [];
    case 'killMachine':
    case 'stopMachine':
    case 'spoil':
      return [fault.place];
    case 'cutOff':
      return fault.withClients ? [fault.place] : [];
    case 'bridge':
    case 'fillDisk':
    case 'changeRing':
      return [];
  }
}
