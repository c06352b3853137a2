// Several cores in this process, each on a real store, with links that carry their messages as bytes.

import type { Answer, Ask, RequestKind } from '../../actors/messages.ts';
import type { Answered } from '../../cluster/core-client.ts';
import type { CoreOptions, CoreShare } from '../../cluster/core-options.ts';
import { codecsOf, decodeAsk } from '../../cluster/link-requests.ts';
import { isControl, type PeerMessage, peerControl, peerData } from '../../cluster/peer-messages.ts';
import { Ring } from '../../cluster/ring.ts';
import { routings } from '../../cluster/routing-requests.ts';
import { type EveryKind, isSplit, joinings, type Part, splittings } from '../../cluster/routing-splitting.ts';
import { type AccountId, partitionCount, partitionOf } from '../../runtime/account-id.ts';
import { packWire, unpackWire } from '../../runtime/wire-bytes.ts';
import { openTestCore, type TestCore, testGateway } from '../support/core.ts';
import { until } from '../support/until.ts';

export interface Together {
  cores: Map<number, TestCore>;
  /** What cores have asked each other. */
  asks: { node: number; kind: RequestKind }[];
  /** Waits until every partition is served by the first of its owners: nobody yields any more. */
  ready(): Promise<unknown>;
  /** The core that serves an account. */
  serverOf(account: AccountId): TestCore;
  /** Asks where the account is served, and again while that changes. */
  ask<K extends RequestKind>(account: AccountId, kind: K, ask: Ask<K>): Promise<Answer<K>>;
  /** As if its machine were switched off. */
  away(node: number): void;
  /** Questions of other cores to it find nobody; replication goes on. */
  cut(node: number, isCut: boolean): void;
  back(node: number): void;
  /** Its disk is another one, with nothing on it; it comes back at once. */
  wipe(node: number): Promise<void>;
  changeRing(cores: number[], next: number[] | null, epoch: number): void;
  close(): Promise<void>;
}

export function ringOf(cores: readonly number[], next: readonly number[] | null): Ring {
  const core = (node: number) => ({ node, machine: `m${node}`, weight: 1 });
  return new Ring(cores.map(core), next === null ? null : next.map(core), partitionCount);
}

/** As bytes, and back. */
function overWire(value: unknown): unknown {
  const bytes = packWire(value);
  return unpackWire(bytes, 0, bytes.length);
}

export async function openTogether(
  nodes: number[],
  inRing: number[] = nodes,
  options: Partial<CoreOptions> = {},
): Promise<Together> {
  const cores = new Map<number, TestCore>();
  const absent = new Set<number>();
  const asks: Together['asks'] = [];
  const deaf = new Set<number>();
  const colleague = testGateway('core-0', 'core');
  const ring = ringOf(inRing, null);
  const boots = new Map<number, number>();
  const bootOf = (node: number): string => `boot-${node}-${boots.get(node) ?? 0}`;
  const start = async (node: number, isFounder: boolean): Promise<void> => {
    const cluster: CoreShare = { boot: bootOf(node), ring, epoch: 1, isFounder };
    cores.set(node, await openTestCore({ ...options, node, cluster }));
  };
  for (const node of nodes) await start(node, true);
  const clusterOf = (node: number) => {
    const cluster = cores.get(node)?.core.cluster;
    if (cluster === undefined || cluster === null) throw new Error(`no core ${node}`);
    return cluster;
  };
  const identityOf = (node: number) => ({
    node,
    boot: bootOf(node),
    incarnation: cores.get(node)?.core.store.incarnation ?? 0,
  });
  const isCut = (one: number, other: number): boolean => absent.has(one) || absent.has(other);
  function send(from: number, to: number, message: PeerMessage): void {
    const bytes = packWire(isControl(message) ? peerControl.encode(message) : peerData.encode(message));
    setImmediate(() => {
      if (isCut(from, to)) return;
      const wire = unpackWire(bytes, 0, bytes.length);
      clusterOf(to).receive(from, isControl(message) ? peerControl.decode(wire) : peerData.decode(wire));
    });
  }
  function connect(node: number): void {
    clusterOf(node).connect(
      (to, message) => send(node, to, message),
      () => true,
    );
    cores.get(node)?.core.connect({ call: (kind, ask) => askOthers(node, kind, ask) });
  }
  for (const node of nodes) connect(node);
  function link(one: number, other: number): void {
    clusterOf(one).linked(identityOf(other));
    clusterOf(other).linked(identityOf(one));
  }
  function everyPair(act: (one: number, other: number) => void): void {
    for (const one of nodes) for (const other of nodes) if (one < other) act(one, other);
  }
  everyPair(link);

  /** As a routing client of this core's does it: each part where it is served, over links that others may be cut off from. */
  async function askOthers<K extends RequestKind>(node: number, kind: K, ask: Ask<K>): Promise<Answered<K>> {
    const target = routings[kind].target(ask, undefined);
    const asked = async (to: number | undefined, part: Ask<K>): Promise<Answered<K>> => {
      const core = to === undefined || isCut(node, to) || deaf.has(to) ? undefined : cores.get(to);
      if (core === undefined) return { ok: false, rejection: { code: 'moved', message: 'nobody' } };
      const codecs = codecsOf(kind);
      const sent = decodeAsk(kind, overWire(codecs.ask.encode(part)));
      const { outcome } = await core.core.handle(kind, sent, colleague, null);
      if (!outcome.ok) return outcome;
      const value = codecs.answer.decode(overWire(codecs.answer.encode(outcome.value))) as Answer<K>;
      return { ok: true, value };
    };
    asks.push({ node, kind });
    if (target.to === 'every') {
      const others = here().filter((other) => other !== node);
      const answers = await Promise.all(others.map((other) => asked(other, ask)));
      const values = answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
      // The kind is one that every core answers: the table has it.
      const join = joinings[kind as EveryKind] as unknown as (all: Answer<K>[]) => Answer<K>;
      return { ok: true, value: join(values) };
    }
    if (target.to === 'account') return asked(serving(partitionOf(target.account)), ask);
    if (target.to !== 'accounts' || !isSplit(kind)) throw new Error(`cores do not ask each other ${kind}`);
    const splitting = splittings[kind] as unknown as {
      part(ask: Ask<K>, places: number[]): Ask<K>;
      join(parts: Part<Answer<K>>[], count: number): Answer<K>;
    };
    const groups = new Map<number | undefined, number[]>();
    for (const [place, account] of target.accounts.entries()) {
      const to = serving(partitionOf(account));
      groups.set(to, [...(groups.get(to) ?? []), place]);
    }
    const parts: Part<Answer<K>>[] = [];
    for (const [to, places] of groups) {
      const answer = await asked(to, splitting.part(ask, places));
      if (!answer.ok) return answer;
      parts.push({ places, answer: answer.value });
    }
    return { ok: true, value: splitting.join(parts, target.accounts.length) };
  }

  const here = (): number[] => nodes.filter((node) => !absent.has(node));
  const serving = (partition: number): number | undefined =>
    here().find((node) => clusterOf(node).isOpen(partition));
  const together: Together = {
    cores,
    asks,
    ready: () =>
      until(() => {
        for (let partition = 0; partition < partitionCount; partition++)
          if (serving(partition) !== ring.placement(partition).owners[0]) return false;
        return true;
      }),
    serverOf(account) {
      const node = serving(partitionOf(account));
      const core = node === undefined ? undefined : cores.get(node);
      if (core === undefined) throw new Error('nobody serves it');
      return core;
    },
    async ask(account, kind, ask) {
      for (;;) {
        const node = serving(partitionOf(account));
        const core = node === undefined ? undefined : cores.get(node);
        if (core !== undefined) {
          const { outcome } = await core.core.handle(kind, structuredClone(ask), core.gateway, null);
          if (outcome.ok) return outcome.value as Answer<typeof kind>;
          if (outcome.rejection.code !== 'moved') throw new Error(`${kind}: ${outcome.rejection.message}`);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    away(node) {
      absent.add(node);
      for (const other of here()) clusterOf(other).unlinked(node);
      for (const other of here()) clusterOf(node).unlinked(other);
    },
    cut(node, isNow) {
      if (isNow) deaf.add(node);
      else deaf.delete(node);
    },
    back(node) {
      absent.delete(node);
      for (const other of here()) if (other !== node) link(node, other);
    },
    async wipe(node) {
      together.away(node);
      await cores.get(node)?.close();
      boots.set(node, (boots.get(node) ?? 0) + 1);
      await start(node, false);
      connect(node);
      together.back(node);
    },
    changeRing(now, next, epoch) {
      for (const node of here()) clusterOf(node).adoptRing(ringOf(now, next), epoch);
    },
    async close() {
      for (const node of nodes) absent.add(node);
      await Promise.all([...cores.values()].map((core) => core.close()));
    },
  };
  return together;
}
