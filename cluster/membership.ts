// Who is linked where, as nodes tell it: each process of each node, and since when. What is not told again is forgotten. Pure.
import type { Member } from './manifest.ts';
import type { MemberEntry } from './mesh-messages.ts';
import type { WireRole } from './wire-hello.ts';

/** Every second each core tells it anew. */
export const tellEveryMs = 1000;
export const entryLastsMs = 4000;
/** Over this, newcomers are not taken in until others have expired. */
const entriesMost = 8192;

interface Heard {
  entry: MemberEntry;
  heardMs: number;
  /** Told by the process itself, on its link to this one. */
  isFirstHand: boolean;
}

export class Membership {
  readonly #monoMs: () => number;
  readonly #heard = new Map<string, Heard>();

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
  }

  /** From a link: what it says of itself, and (a core) what others have told it. True when somebody is new or somewhere else now. */
  take(from: { node: number; boot: string; isCore: boolean }, entries: readonly MemberEntry[]): boolean {
    this.#expire();
    let isNews = false;
    for (const entry of entries) {
      const isFirstHand = entry.node === from.node && entry.boot === from.boot;
      // Only cores pass on what others told.
      if (!isFirstHand && !from.isCore) continue;
      const key = keyOf(entry);
      const before = this.#heard.get(key);
      if (before === undefined && this.#heard.size >= entriesMost) continue;
      if (before?.isFirstHand === true && !isFirstHand) continue;
      isNews ||=
        before === undefined || JSON.stringify(placeOf(before.entry)) !== JSON.stringify(placeOf(entry));
      this.#heard.set(key, { entry, heardMs: this.#monoMs(), isFirstHand });
    }
    return isNews;
  }

  /** Its link is gone: what others say of it is all there is from now on. */
  gone(from: { node: number; boot: string }): void {
    for (const [key, { entry }] of this.#heard)
      if (entry.node === from.node && entry.boot === from.boot) this.#heard.delete(key);
  }

  all(): MemberEntry[] {
    this.#expire();
    return [...this.#heard.values()].map(({ entry }) => entry);
  }

  /** What is worth passing on: everything else the others hear from whoever has it at first hand. */
  firstHand(): MemberEntry[] {
    this.#expire();
    return [...this.#heard.values()].filter((heard) => heard.isFirstHand).map(({ entry }) => entry);
  }

  /** The core of a node, as it is told last. */
  coreOf(node: number): MemberEntry | null {
    return this.all().find((entry) => entry.node === node && entry.core !== null) ?? null;
  }

  #expire(): void {
    const beforeMs = this.#monoMs() - entryLastsMs;
    for (const [key, { heardMs }] of this.#heard) if (heardMs < beforeMs) this.#heard.delete(key);
  }
}

/**
 * What is to be believed of what came over a link: its other end speaks of itself only as what it has been let in as, and only machines
 * that the manifest lets have a core have one. Who says otherwise would be taken for the keeper, or for a core of the ring.
 */
export function credible(
  from: { node: number; boot: string; role: WireRole },
  entries: readonly MemberEntry[],
  members: readonly Pick<Member, 'node' | 'roles'>[],
): MemberEntry[] {
  const cores = new Set(members.flatMap(({ node, roles }) => (roles.includes('core') ? [node] : [])));
  return entries.filter(({ node, boot, role, core, agent }) => {
    if (node === from.node && boot === from.boot && role !== from.role) return false;
    if (agent !== null && role !== 'agent') return false;
    return role === 'core' ? core !== null && cores.has(node) : core === null;
  });
}

function keyOf({ node, role, boot }: MemberEntry): string {
  return `${node} ${role} ${boot}`;
}

function placeOf({ core }: MemberEntry): unknown {
  return core === null ? null : [core.addresses, core.keeper];
}
