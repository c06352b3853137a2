// The network of `bench deploy`: a namespace for each node, all on one bridge, each with an uplink of so many bits a second.
import { spawnSync } from 'node:child_process';
import { freeNet } from '../tests/chaos/network.ts';
import { tryRun } from '../tests/chaos/shell.ts';

export interface Wire {
  /** Of each node's uplink. */
  megabits: number;
  /** Of what each node sends, acknowledgements too. */
  lossPercent: number;
}

const firstAddress = 10;
/** The last number of an address is one byte. */
export const placesMost = 240;
const insideWire = 'wire';
/** What the uplink lets through at once, and how long what is to leave may wait. */
const burst = '128kb';
const waitMs = 50;

/** Throws with what is missing. */
export function requireNetwork(): void {
  if (process.platform !== 'linux') throw new Error('bench deploy needs Linux: it makes network namespaces');
  if (process.getuid?.() !== 0)
    throw new Error('bench deploy must run as root: it makes network namespaces with narrow uplinks');
  for (const [program, ...args] of [
    ['ip', '-V'],
    ['tc', '-V'],
    ['iptables', '--version'],
    ['nsenter', '--version'],
  ] as const)
    if (!tryRun(program, ...args))
      throw new Error(`bench deploy needs ${program} (Debian: apt-get install iproute2 iptables util-linux)`);
}

export class DeployNetwork {
  readonly #tag: string;
  readonly #net: string;
  readonly #places: number;

  /** Throws when the kernel does not let us, with nothing left behind. Places are numbered from 0. */
  constructor(places: number) {
    this.#tag = `md${process.pid.toString(36)}`;
    this.#net = freeNet(process.pid);
    this.#places = places;
    try {
      this.#make();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  addressOf(place: number): string {
    return `${this.#net}.${firstAddress + place}`;
  }

  /** What to put before a command so that it runs there. */
  inside(place: number): string[] {
    return ['nsenter', `--net=/run/netns/${this.#namespace(place)}`];
  }

  /** From now on every node's uplink is like that. */
  shape({ megabits, lossPercent }: Wire): void {
    for (let place = 0; place < this.#places; place++) {
      const namespace = this.#namespace(place);
      const rate = `rate ${megabits}mbit burst ${burst} latency ${waitMs}ms`;
      must('tc', ['-n', namespace, '-batch', '-'], `qdisc replace dev ${insideWire} root tbf ${rate}\n`);
      must('ip', ['netns', 'exec', namespace, 'iptables', '-w', '-F']);
      // Packets that travel together would be lost together.
      const together = lossPercent > 0 ? 1 : 65_535;
      must('ip', ['-n', namespace, 'link', 'set', insideWire, 'gso_max_segs', String(together)]);
      if (lossPercent === 0) continue;
      const often = ['-m', 'statistic', '--mode', 'random', '--probability', String(lossPercent / 100)];
      const rule = ['-A', 'OUTPUT', '-o', insideWire, ...often, '-j', 'DROP'];
      must('ip', ['netns', 'exec', namespace, 'iptables', '-w', ...rule]);
    }
  }

  /** Whatever there is of it. Its processes must be gone. */
  remove(): void {
    const lines: string[] = [];
    for (let place = 0; place < this.#places; place++) {
      lines.push(`link delete ${this.#wire(place)}`, `netns delete ${this.#namespace(place)}`);
    }
    lines.push(`link delete ${this.#tag}br`, '');
    spawnSync('ip', ['-force', '-batch', '-'], { input: lines.join('\n') });
  }

  #make(): void {
    const bridge = `${this.#tag}br`;
    const places = Array.from({ length: this.#places }, (_, place) => place);
    const lines = [`link add ${bridge} type bridge`, `link set ${bridge} addrgenmode none up`];
    for (const place of places) {
      const inside = `name ${insideWire} address ${this.#hardware(place)} netns ${this.#namespace(place)}`;
      lines.push(
        `netns add ${this.#namespace(place)}`,
        `link add ${this.#wire(place)} type veth peer ${inside}`,
        `link set ${this.#wire(place)} addrgenmode none master ${bridge} up`,
      );
    }
    must('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    for (const place of places) {
      const inside = [
        `address add ${this.addressOf(place)}/24 dev ${insideWire}`,
        `link set ${insideWire} addrgenmode none up`,
        'link set lo up',
        // Who is where is known from the beginning: a question for it, lost in a full uplink, makes a host look dead.
        ...places
          .filter((other) => other !== place)
          .map(
            (other) =>
              `neighbour replace ${this.addressOf(other)} lladdr ${this.#hardware(other)} dev ${insideWire} nud permanent`,
          ),
      ];
      must('ip', ['-n', this.#namespace(place), '-batch', '-'], `${inside.join('\n')}\n`);
    }
  }

  #namespace(place: number): string {
    return `${this.#tag}n${place}`;
  }

  #wire(place: number): string {
    return `${this.#tag}w${place}`;
  }

  /** Made by hand: the second bit of the first byte says so. */
  #hardware(place: number): string {
    const bytes = [2, ...this.#net.split('.').map(Number), 0, firstAddress + place];
    return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  }
}

function must(program: string, args: readonly string[], input = ''): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', input });
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`, { cause: error });
}
