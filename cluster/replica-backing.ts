// Who has granted this node's terms, without a gap in the lease since. Whether that is enough replica-server.ts says.
import type { Term } from './peer-messages.ts';

const nobody: ReadonlySet<number> = new Set();

export class Backing {
  readonly #granted = new Map<number, { term: number; by: Set<number> }>();

  /** A node has granted this term. Who had granted another one of the partition counts no more. */
  note({ partition, term }: Term, node: number): void {
    const known = this.#granted.get(partition);
    if (known?.term === term) known.by.add(node);
    else this.#granted.set(partition, { term, by: new Set([node]) });
  }

  /** A node has granted the term that is in use once more. */
  renew(partition: number, node: number): void {
    this.#granted.get(partition)?.by.add(node);
  }

  /** Those who have granted the last term that was noted. */
  of(partition: number): ReadonlySet<number> {
    return this.#granted.get(partition)?.by ?? nobody;
  }

  /** The last term noted is this one. */
  isOf({ partition, term }: Term): boolean {
    return this.#granted.get(partition)?.term === term;
  }

  /** The term is not in use any more. */
  forget(partition: number): void {
    this.#granted.delete(partition);
  }

  /** There was a gap in the lease: what that node granted may be somebody else's by now. */
  lapsed(node: number): void {
    for (const { by } of this.#granted.values()) by.delete(node);
  }
}
