// A core at scale without its data: the product's leases, heartbeats, grants, claims and serving, put together by the product's own Parts.
// Left out: lanes, scans and statements. Its store is a simulated disk, on which nobody has written a fact.
import { isControl, type PeerControl } from '../../cluster/peer-messages.ts';
import { Parts } from '../../cluster/replica-parts.ts';
import type { PeerIdentity } from '../../cluster/replica-ports.ts';
import type { Ring } from '../../cluster/ring.ts';
import { Disk, emptyImage } from './disk.ts';
import type { Events } from './events.ts';
import type { Random } from './random.ts';

export interface ScaleCoreOptions {
  node: number;
  events: Events;
  random: Random;
  ring: Ring;
  send(to: number, message: PeerControl): void;
}

const neverMs = Number.POSITIVE_INFINITY;
const fsyncMs = 2;

export class ScaleCore {
  readonly node: number;
  readonly parts: Parts;
  readonly #linked = new Set<number>();

  constructor({ node, events, random, ring, send }: ScaleCoreOptions) {
    this.node = node;
    const image = emptyImage(node);
    image.records.set('held', [image.incarnation, ring.held(node), []]);
    const store = new Disk({
      node,
      image,
      fsync: (done) => events.after(random.between(0.3, fsyncMs), done),
      partitionOf: () => 0,
      addressed: () => [],
    });
    this.parts = new Parts(
      {
        self: identityOf(node),
        store,
        clock: { monoMs: () => events.nowMs, wallMs: () => Math.floor(1_000_000 + events.nowMs) },
        ring,
        epoch: 1,
        send: (to, message) => {
          if (isControl(message)) send(to, message);
        },
        isWritable: () => true,
        partitionOf: () => 0,
        chance: () => random.fraction(),
        closedEveryMs: neverMs,
        digestEveryMs: neverMs,
        events: {
          serving: () => {},
          arrived: () => {},
          stored: () => {},
          horizonMoved: () => {},
          wanted: () => {},
          missed: () => {},
          scanned: () => {},
          epochOf: () => {},
          repaired: () => {},
          ahead: () => {},
        },
      },
      { ring: () => ring, epoch: () => 1 },
    );
  }

  linked(peer: number): void {
    const { leases, serving, heartbeats, stored } = this.parts;
    leases.linked(identityOf(peer));
    serving.linked(peer);
    heartbeats.linked(peer);
    this.#linked.add(peer);
    // Nothing was written that it could lack.
    stored.acknowledge(peer, { own: 0, relay: 0 }, () => true);
    heartbeats.ping(peer);
  }

  unlinked(peer: number): void {
    const { leases, serving, heartbeats, stored } = this.parts;
    leases.unlinked(peer);
    serving.unlinked(peer);
    heartbeats.unlinked(peer);
    stored.forget(peer);
    this.#linked.delete(peer);
  }

  tick(): void {
    const { heartbeats, server, serving } = this.parts;
    for (const peer of this.#linked) heartbeats.tick(peer);
    server.tick();
    serving.tell();
  }

  /** As replica.ts passes on what comes on the control lane. */
  receive(from: number, message: PeerControl): void {
    if (!this.#linked.has(from)) return;
    this.#take(from, message);
    this.parts.serving.tell();
  }

  #take(from: number, message: PeerControl): void {
    const { heartbeats, owner, server, serving } = this.parts;
    switch (message.kind) {
      case 'ping':
        heartbeats.pinged(from, message);
        return;
      case 'pong':
        heartbeats.ponged(from, message);
        return;
      case 'claim':
        owner.claimed(from, message);
        return;
      case 'granted':
        server.granted(from, message);
        return;
      case 'release':
        owner.released(from, message);
        return;
      case 'leave':
        return;
      case 'using':
        server.using(from, message.terms);
        return;
      case 'yield':
        server.yielded(from, message.partitions);
        return;
      case 'serving':
        serving.heard(from, message);
        return;
    }
    message satisfies never;
  }

  /** Who serves it, as far as this core knows. */
  serverOf(partition: number): number | null {
    return this.parts.serving.serverOf(partition);
  }
}

export function identityOf(node: number): PeerIdentity {
  return { node, boot: `${node}.1`, incarnation: node };
}
