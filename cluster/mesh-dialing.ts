// Dials every core of the manifest and keeps at it, wherever they are said to be. Which of two links to one core stays is mesh-links.ts's.

import type { MeshControl, MeshData } from './mesh-messages.ts';
import { sameBytes } from './packed.ts';
import type { WireEnding } from './wire-close.ts';
import { connectWire } from './wire-dial.ts';
import type { WireEndOptions, WireLink, WireReceiver } from './wire-end.ts';
import { addressesMost, type WireAddress } from './wire-hello.ts';
import { keepWire, type WireKeeper } from './wire-keeper.ts';

export type MeshLink = WireLink<MeshData, MeshControl>;
export type MeshReceiver = WireReceiver<MeshData, MeshControl>;

export interface DialedCore {
  node: number;
  publicKey: Uint8Array;
}

export interface MeshDialingOptions extends Omit<WireEndOptions<MeshData, MeshControl>, 'onLink'> {
  /** `isKept`: when it is lost, it is dialed again by itself. Others are to be told of by `hold`. */
  onLink(link: MeshLink, isKept: boolean): MeshReceiver;
  /** An attempt that gave no link. */
  refused(ending: WireEnding, address: WireAddress): void;
}

interface Core extends DialedCore {
  addresses: WireAddress[];
  keeper: WireKeeper<MeshData, MeshControl>;
  isHeld: boolean;
}

/** Addresses of nobody in particular that are tried at once. */
const knocksMost = 16;
const doorsMost = 256;

export class MeshDialing {
  readonly #options: MeshDialingOptions;
  readonly #cores = new Map<number, Core>();
  readonly #knocking = new Map<string, { abandon(): void }>();
  #isClosed = false;

  constructor(options: MeshDialingOptions) {
    this.#options = options;
  }

  /** Exactly these are dialed from now on. Links to others that this has dialed are closed. */
  setCores(
    cores: readonly DialedCore[],
    places: readonly { node: number; address: WireAddress }[] = [],
  ): void {
    if (this.#isClosed) return;
    for (const [node, { publicKey, keeper }] of this.#cores) {
      if (cores.some((one) => one.node === node && sameBytes(one.publicKey, publicKey))) continue;
      keeper.close('it is no core of the cluster any more');
      this.#cores.delete(node);
    }
    for (const core of cores) {
      if (this.#cores.has(core.node)) continue;
      const addresses = places.flatMap(({ node, address }) => (node === core.node ? [address] : []));
      this.#cores.set(core.node, { ...core, addresses, isHeld: false, keeper: this.#keep(core, addresses) });
    }
  }

  /** Where a core says it is, or others say so; the first of them is tried first. Replaces what was known. */
  locate(node: number, addresses: readonly WireAddress[]): void {
    const core = this.#cores.get(node);
    if (core === undefined || addresses.length === 0) return;
    core.addresses = distinct(addresses).slice(0, addressesMost);
    if (!core.isHeld) core.keeper.moveTo(core.addresses);
  }

  /** There is a link to it that this has not dialed, or there is none any more. */
  hold(node: number, isHeld: boolean): void {
    const core = this.#cores.get(node);
    if (core === undefined || core.isHeld === isHeld) return;
    core.isHeld = isHeld;
    core.keeper.moveTo(isHeld ? [] : core.addresses);
  }

  /** An attempt to reach it is under way. */
  isDialing(node: number): boolean {
    return this.#cores.get(node)?.keeper.isDialing ?? false;
  }

  /** Tries addresses where some core may be, unless it is known who is there. */
  knock(addresses: readonly WireAddress[]): void {
    const known = new Set([...this.#cores.values()].flatMap((core) => core.addresses.map(nameOf)));
    for (const address of distinct(addresses).slice(0, doorsMost)) {
      const name = nameOf(address);
      if (this.#isClosed || known.has(name) || this.#knocking.has(name)) continue;
      if (this.#knocking.size >= knocksMost) return;
      this.#knock(address);
    }
  }

  /** Where each core is, as far as is known. */
  get places(): { node: number; host: string; port: number }[] {
    return [...this.#cores.values()].flatMap(({ node, addresses }) =>
      addresses.map(({ host, port }) => ({ node, host, port })),
    );
  }

  addressesOf(node: number): readonly WireAddress[] {
    return this.#cores.get(node)?.addresses ?? [];
  }

  close(text: string): void {
    this.#isClosed = true;
    for (const { keeper } of this.#cores.values()) keeper.close(text);
    for (const dialing of this.#knocking.values()) dialing.abandon();
  }

  #keep({ publicKey }: DialedCore, addresses: WireAddress[]): WireKeeper<MeshData, MeshControl> {
    return keepWire<MeshData, MeshControl>({
      ...this.#options,
      addresses,
      expects: (key) => sameBytes(key, publicKey),
      onLink: (link) => this.#options.onLink(link, true),
    });
  }

  #knock(address: WireAddress): void {
    const dialing = connectWire<MeshData, MeshControl>({
      ...this.#options,
      ...address,
      expects: (key) => [...this.#cores.values()].some(({ publicKey }) => sameBytes(key, publicKey)),
      onLink: (link) => {
        const receiver = this.#options.onLink(link, false);
        // Where it has answered comes first: what it says of itself may not hold from here.
        const { node } = link.peer.hello;
        this.locate(node, [address, ...this.addressesOf(node)]);
        return receiver;
      },
    });
    const name = nameOf(address);
    this.#knocking.set(name, dialing);
    void dialing.outcome.then((outcome) => {
      this.#knocking.delete(name);
      if (outcome.kind === 'refused') this.#options.refused(outcome.ending, address);
    });
  }
}

function nameOf({ host, port }: WireAddress): string {
  return `${host} ${port}`;
}

function distinct(addresses: readonly WireAddress[]): WireAddress[] {
  return [...new Map(addresses.map((address) => [nameOf(address), address])).values()];
}
