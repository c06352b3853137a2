// The machines' network of one run: a namespace each, all on one bridge, where the clients are, too. What cuts and spoils it is here.
import { run, tryRun } from './shell.ts';

export interface NetworkPlan {
  /** Unlike that of any other run: everything is named after it. */
  tag: string;
  /** The first three numbers of its addresses. */
  net: string;
  places: number;
}

/** Which packets between a machine and others are lost. */
export type Direction = 'both' | 'in' | 'out';

/** The number that is nobody else's: the clients'. */
const clientsPlace = 0;
const firstAddress = 10;

export const bridgeOf = ({ tag }: NetworkPlan): string => `${tag}br`;
export const namespaceOf = ({ tag }: NetworkPlan, place: number): string => `${tag}m${place}`;
const wireOf = ({ tag }: NetworkPlan, place: number): string => `${tag}w${place}`;
const insideWire = 'wire';

/** Places are numbered from 1. */
export class Network {
  readonly plan: NetworkPlan;
  /** The kernel can hold packets back; without that, delay is what a narrow wire makes. */
  readonly canDelay: boolean;

  /** Makes it. Throws when the kernel does not let us, with nothing left behind. */
  constructor(plan: NetworkPlan) {
    this.plan = plan;
    try {
      this.#make();
      this.canDelay = this.#triesDelay();
    } catch (error) {
      removeNetwork(plan);
      throw error;
    }
  }

  addressOf(place: number): string {
    return place === clientsPlace ? `${this.plan.net}.1` : `${this.plan.net}.${firstAddress + place}`;
  }

  /** What to put before a command so that it runs on that machine. */
  inside(place: number): string[] {
    return ['nsenter', `--net=/run/netns/${namespaceOf(this.plan, place)}`];
  }

  /** Nothing passes any more between a machine and these others (0: the clients). */
  cut(place: number, others: readonly number[], direction: Direction = 'both'): void {
    for (const other of others) {
      const address = this.addressOf(other);
      if (direction !== 'out') this.#filter(place, ['INPUT', '-s', address, '-j', 'DROP']);
      if (direction !== 'in') this.#filter(place, ['OUTPUT', '-d', address, '-j', 'DROP']);
    }
  }

  /** So many percent of what comes and goes are lost, and what arrives comes late. */
  spoil(place: number, { lossPercent, delayMs }: { lossPercent: number; delayMs: number }): void {
    const wire = ['qdisc', 'add', 'dev', insideWire, 'root'];
    if (this.canDelay) {
      const netem = ['netem', 'delay', `${delayMs}ms`, `${delayMs}ms`, 'loss', `${lossPercent}%`];
      this.#on(place, 'tc', ...wire, ...netem);
    } else {
      const often = ['-m', 'statistic', '--mode', 'random', '--probability', String(lossPercent / 100)];
      this.#filter(place, ['OUTPUT', '-o', insideWire, ...often, '-j', 'DROP']);
      this.#on(place, 'tc', ...wire, 'tbf', 'rate', '2mbit', 'burst', '4kb', 'latency', `${delayMs}ms`);
    }
    const often = ['-m', 'statistic', '--mode', 'random', '--probability', String(lossPercent / 100)];
    this.#filter(place, ['INPUT', '-i', insideWire, ...often, '-j', 'DROP']);
  }

  heal(place: number): void {
    this.#on(place, 'iptables', '-w', '-F');
    tryRun(
      'ip',
      'netns',
      'exec',
      namespaceOf(this.plan, place),
      'tc',
      'qdisc',
      'del',
      'dev',
      insideWire,
      'root',
    );
  }

  pidsOn(place: number): number[] {
    return pidsIn(namespaceOf(this.plan, place));
  }

  #make(): void {
    const { plan } = this;
    const bridge = bridgeOf(plan);
    run('ip', 'link', 'add', bridge, 'address', hardwareOf(plan, clientsPlace), 'type', 'bridge');
    run('ip', 'address', 'add', `${this.addressOf(clientsPlace)}/24`, 'dev', bridge);
    run('ip', 'link', 'set', bridge, 'up');
    for (let place = 1; place <= plan.places; place++) {
      const namespace = namespaceOf(plan, place);
      const wire = wireOf(plan, place);
      run('ip', 'netns', 'add', namespace);
      const inside = ['name', insideWire, 'address', hardwareOf(plan, place), 'netns', namespace];
      run('ip', 'link', 'add', wire, 'type', 'veth', 'peer', ...inside);
      run('ip', 'link', 'set', wire, 'master', bridge, 'up');
      run('ip', '-n', namespace, 'address', 'add', `${this.addressOf(place)}/24`, 'dev', insideWire);
      run('ip', '-n', namespace, 'link', 'set', insideWire, 'up');
      run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
      this.#on(place, 'iptables', '-w', '-F');
    }
    // Who is where is known from the beginning: on a bad wire only packets are lost, not whole machines for want of an address.
    for (let place = 0; place <= plan.places; place++)
      for (let other = 0; other <= plan.places; other++) if (place !== other) this.#introduce(place, other);
  }

  #introduce(place: number, other: number): void {
    const { plan } = this;
    const isHost = place === clientsPlace;
    const where = isHost ? [] : ['-n', namespaceOf(plan, place)];
    const device = isHost ? bridgeOf(plan) : insideWire;
    const who = [this.addressOf(other), 'lladdr', hardwareOf(plan, other), 'dev', device];
    run('ip', ...where, 'neighbour', 'replace', ...who, 'nud', 'permanent');
  }

  #triesDelay(): boolean {
    const on = ['netns', 'exec', namespaceOf(this.plan, 1), 'tc', 'qdisc'];
    const can = tryRun('ip', ...on, 'add', 'dev', insideWire, 'root', 'netem', 'delay', '1ms');
    if (can) run('ip', ...on, 'del', 'dev', insideWire, 'root');
    return can;
  }

  #filter(place: number, rule: string[]): void {
    this.#on(place, 'iptables', '-w', '-A', ...rule);
  }

  #on(place: number, program: string, ...args: string[]): void {
    run('ip', 'netns', 'exec', namespaceOf(this.plan, place), program, ...args);
  }
}

/** Whatever there is of it: also for what a run that died has left. Its processes must be gone. */
export function removeNetwork(plan: NetworkPlan): void {
  for (let place = 1; place <= plan.places; place++) {
    tryRun('ip', 'link', 'delete', wireOf(plan, place));
    tryRun('ip', 'netns', 'delete', namespaceOf(plan, place));
  }
  tryRun('ip', 'link', 'delete', bridgeOf(plan));
}

export function pidsIn(namespace: string): number[] {
  try {
    return run('ip', 'netns', 'pids', namespace).split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** The first three numbers of addresses that nobody on this machine has; where to look first follows from `hint`. */
export function freeNet(hint: number): string {
  const taken = run('ip', '-4', '-oneline', 'address', 'show') + run('ip', '-4', 'route', 'show');
  for (let tries = 0; tries < 1000; tries++) {
    const number = (hint + tries * 257) % (128 * 256);
    const net = `10.${128 + Math.floor(number / 256)}.${number % 256}`;
    if (!taken.includes(`${net}.`)) return net;
  }
  throw new Error('no addresses are free for a network of machines');
}

/** Made by hand (the second bit of the first byte says so), and unlike those of other runs by its addresses. */
function hardwareOf({ net }: NetworkPlan, place: number): string {
  const bytes = [2, ...net.split('.').map(Number), 0, place];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
