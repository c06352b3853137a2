// One link for each core: of two that were dialed at once, both ends keep the same. Pure: it tells who is to be closed.
export interface CoreLinkOf<L> {
  link: L;
  node: number;
  /** Of the process at the other end. */
  boot: string;
  /** Who has dialed it: this node, or the other one. */
  dialedBy: number;
}

export type Settled<L> =
  /** The first one to this core. */
  | { kind: 'first' }
  /** It takes the place of another, which is to be closed. */
  | { kind: 'instead'; of: CoreLinkOf<L> }
  /** It is to be closed: there is a better one. */
  | { kind: 'needless' };

export class MeshLinks<L> {
  readonly #self: number;
  readonly #links = new Map<number, CoreLinkOf<L>>();

  constructor(self: number) {
    this.#self = self;
  }

  opened(link: CoreLinkOf<L>): Settled<L> {
    const present = this.#links.get(link.node);
    if (present === undefined) {
      this.#links.set(link.node, link);
      return { kind: 'first' };
    }
    // A process that was started anew has no other link. Of two links of one kind the other end has lost the earlier one.
    const isBetter = present.boot !== link.boot || this.#isPreferred(link) || !this.#isPreferred(present);
    if (!isBetter) return { kind: 'needless' };
    this.#links.set(link.node, link);
    return { kind: 'instead', of: present };
  }

  /** False when it was not the one in use. */
  closed(node: number, link: L): boolean {
    if (this.#links.get(node)?.link !== link) return false;
    this.#links.delete(node);
    return true;
  }

  get(node: number): L | null {
    return this.#links.get(node)?.link ?? null;
  }

  isUsed(node: number, link: L): boolean {
    return this.#links.get(node)?.link === link;
  }

  all(): CoreLinkOf<L>[] {
    return [...this.#links.values()];
  }

  #isPreferred({ node, dialedBy }: CoreLinkOf<L>): boolean {
    return dialedBy === Math.min(this.#self, node);
  }
}
