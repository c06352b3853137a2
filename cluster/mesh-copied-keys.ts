// Node keys that two living processes have: somebody has copied a data folder. Each takes the links of the other, for good. Pure.
export interface CopiedKey {
  node: number;
  /** Where the two say that they are. */
  addresses: [string, string];
}

export interface CopiedKeysOptions {
  self: number;
  monoMs(): number;
  /** Seen after it was not for a while. */
  found(copied: CopiedKey): void;
}

/** A process of a node, as it was linked. */
interface Life {
  boot: string;
  address: string;
}

interface Seen {
  last: Life;
  /** Those whose place another one has taken. */
  former: Life[];
  /** When one of them was linked once more. */
  returnsMs: number[];
}

/** A process that was started anew never is the former one again. Of that a link or two may come about late, when somebody was held up. */
const timesLeast = 3;
const formerMost = 8;
/** So long it is said after it was seen last. */
const lastsMs = 60_000;
const takenBy = 'its place was taken by a process of the same node at ';

/** Said to a process when another one of its node is linked in its place. */
export function takenByText(address: string): string {
  return `${takenBy}${address}`;
}

export class CopiedKeys {
  readonly #options: CopiedKeysOptions;
  readonly #seen = new Map<number, Seen>();
  #takenMs: number[] = [];
  readonly #found = new Map<number, { copied: CopiedKey; seenMs: number }>();

  constructor(options: CopiedKeysOptions) {
    this.#options = options;
  }

  /** A core is linked: `boot` is that of its process. */
  linked(node: number, life: Life): void {
    const seen = this.#seen.get(node);
    if (seen === undefined) {
      this.#seen.set(node, { last: life, former: [], returnsMs: [] });
      return;
    }
    const { last } = seen;
    seen.last = life;
    if (last.boot === life.boot) return;
    const isBack = seen.former.some(({ boot }) => boot === life.boot);
    seen.former = [last, ...seen.former.filter(({ boot }) => boot !== last.boot)].slice(0, formerMost);
    if (!isBack) return;
    seen.returnsMs = this.#counted(seen.returnsMs);
    if (seen.returnsMs.length >= timesLeast) this.#see({ node, addresses: [last.address, life.address] });
  }

  /** A link of this process was ended at its other end, with these words. */
  ended(text: string, ownAddress: string): void {
    if (!text.startsWith(takenBy)) return;
    this.#takenMs = this.#counted(this.#takenMs);
    if (this.#takenMs.length >= timesLeast)
      this.#see({ node: this.#options.self, addresses: [ownAddress, text.slice(takenBy.length)] });
  }

  /** Once more, now. Of what was long ago nothing is known. */
  #counted(timesMs: readonly number[]): number[] {
    const nowMs = this.#options.monoMs();
    return [...timesMs.filter((atMs) => atMs > nowMs - lastsMs), nowMs].slice(-timesLeast);
  }

  #see(copied: CopiedKey): void {
    const isNews = !this.list().some(({ node }) => node === copied.node);
    this.#found.set(copied.node, { copied, seenMs: this.#options.monoMs() });
    if (isNews) this.#options.found(copied);
  }

  /** Those seen in the last minute. */
  list(): CopiedKey[] {
    const sinceMs = this.#options.monoMs() - lastsMs;
    return [...this.#found.values()].flatMap(({ copied, seenMs }) => (seenMs > sinceMs ? [copied] : []));
  }
}

/** For people: the first place where somebody says that it is. */
export function placeOf(addresses: readonly { host: string; port: number }[]): string {
  const [address] = addresses;
  return address === undefined ? 'a place it does not tell' : `${address.host}:${address.port}`;
}
