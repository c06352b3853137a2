// The gateways linked to a core, of this machine and of others, as it tells them to the other cores: they have no wires of their own.
import type { LinkPeer } from './link-peer.ts';
import type { CoreReport } from './mesh-ports.ts';

export interface LinkedGatewaysOptions {
  /** This core's node, and its release: the gateways of its machine run the same. */
  node: number;
  version: string;
  /** Of a machine, by its name in the manifest; null: it is in it no more. */
  nodeOf(machine: string): number | null;
  /** Wall clock. */
  now(): number;
}

type Linked = Pick<LinkPeer, 'name' | 'role' | 'machine'>;

export class LinkedGateways {
  readonly #options: LinkedGatewaysOptions;
  readonly #sinceMs = new Map<Linked, number>();

  constructor(options: LinkedGatewaysOptions) {
    this.#options = options;
  }

  joined(peer: Linked): void {
    if (peer.role === 'gateway') this.#sinceMs.set(peer, this.#options.now());
  }

  gone(peer: Linked): void {
    this.#sinceMs.delete(peer);
  }

  /** A gateway says neither its process nor its release when it is linked: 0, and for other machines an empty text. */
  list(): CoreReport['gateways'] {
    const { node: self, version, nodeOf } = this.#options;
    return [...this.#sinceMs].flatMap(([{ name, machine }, sinceMs]) => {
      const node = machine === null ? self : nodeOf(machine);
      if (node === null) return [];
      const [bare = name] = name.split('@', 1);
      return [{ node, name: bare, version: machine === null ? version : '', pid: 0, sinceMs }];
    });
  }
}
