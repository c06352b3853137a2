// What a core does for deploys: takes the pointer in, coordinates the waves when that is its part, and says how far all machines are.
import type { Outcome } from '../runtime/behaviours.ts';
import type { VerifiedManifest } from './manifest.ts';
import type { AgentEntry, MemberEntry, ReleaseNews } from './mesh-messages.ts';
import type { ReleaseHeld, ReleaseKnown, ReleaseRefused } from './mesh-release.ts';
import { rejected } from './rejection.ts';
import {
  newestAgents,
  progressOf,
  type RolloutPlan,
  type RolloutSaid,
  rolloutNow,
  rolloutSaid,
} from './release-rollout.ts';
import { cohortOrder, nodesOfWave, writeWaves } from './release-waves.ts';

export interface MeshReleasesOptions {
  node: number;
  held: ReleaseHeld;
  manifest(): VerifiedManifest;
  /** Of all processes that have been heard of lately, without this core. */
  others(): MemberEntry[];
}

/** How far a deploy is, for people who look. */
export interface DeployShown {
  /** Null: nothing was ever deployed. */
  pointer: {
    seq: number;
    version: string;
    release: string;
    waves: string;
    holdS: number;
    isOneWay: boolean;
    expiryMs: number;
  } | null;
  releaseKey: string | null;
  rollout: RolloutSaid | null;
  waves: number;
  /** The last pointer that this core refused since it took one; null: none. */
  refused: ReleaseRefused | null;
  /** In the order in which they change over. */
  machines: {
    node: number;
    name: string;
    /** Null: it is not heard. */
    agent: Omit<AgentEntry, 'swarm'> | null;
    /** The wave it changes over with, from 1. */
    wave: number;
  }[];
}

export class MeshReleases {
  readonly #options: MeshReleasesOptions;
  readonly #planOf = rememberedPlan();
  #said: RolloutSaid | null = null;

  constructor(options: MeshReleasesOptions) {
    this.#options = options;
  }

  /** What this core says of the waves: nothing, unless it is the one with the smallest number that is heard. */
  rollout(): RolloutSaid | null {
    const { node, others } = this.#options;
    const plan = this.#plan();
    const entries = others();
    const isFirst = entries.every(({ core, node: other }) => core === null || other >= node);
    if (plan === null || !isFirst) return null;
    const said = entries.flatMap(({ core }) => core?.rollout ?? []);
    if (this.#said !== null) said.push(this.#said);
    this.#said = rolloutNow(plan, said, progressOf(entries, plan.seq));
    return this.#said;
  }

  /** From an operator. */
  async deploy(news: ReleaseNews): Promise<Outcome<DeployShown>> {
    const offered = await this.#options.held.offer(news, 'an operator');
    if (offered.kind === 'taken') return { ok: true, value: this.show() };
    const seq = this.#options.held.current?.signed.seq ?? 0;
    const message = {
      same: 'that is deployed already',
      older: `it is older than what is deployed (seq ${seq}): sign it anew`,
      refused: 'reason' in offered ? offered.reason : '',
    }[offered.kind];
    if (offered.kind === 'older') this.#options.held.refuse(message, 'an operator');
    return rejected('invalid', message);
  }

  show(): DeployShown {
    const { held, manifest, others } = this.#options;
    const { members, releaseKey } = manifest().manifest;
    const plan = this.#plan();
    const entries = others();
    const agents = new Map(newestAgents(entries).map((entry) => [entry.node, entry.agent]));
    const names = new Map(members.map((member) => [member.node, member.name]));
    return {
      pointer: held.current === null ? null : pointerShown(held.current),
      releaseKey: releaseKey === null ? null : Buffer.from(releaseKey).toString('hex'),
      rollout: plan === null ? null : (this.rollout() ?? rolloutSaid(entries, plan.seq)),
      waves: plan?.sizes.length ?? 0,
      refused: held.refused,
      machines: (plan?.order ?? members.map((member) => member.node)).map((one, place) => {
        const agent = agents.get(one) ?? null;
        return {
          node: one,
          name: names.get(one) ?? String(one),
          agent: agent === null ? null : withoutSwarm(agent),
          wave: (plan?.sizes.findIndex((size) => place < size) ?? 0) + 1,
        };
      }),
    };
  }

  #plan(): RolloutPlan | null {
    const known = this.#options.held.current;
    return known === null ? null : this.#planOf(known, this.#options.manifest());
  }
}

/** What was planned last is remembered, for the same pointer and manifest: the order takes a hash of every member, at each tell. */
export function rememberedPlan(): (known: ReleaseKnown, manifest: VerifiedManifest) => RolloutPlan {
  let last: { known: ReleaseKnown; manifest: VerifiedManifest; plan: RolloutPlan } | null = null;
  return (known, manifest) => {
    if (last?.known !== known || last.manifest !== manifest)
      last = { known, manifest, plan: planOf(known, manifest) };
    return last.plan;
  };
}

/** The order of all members, and how many have changed over after each wave. */
function planOf({ signed, pointer }: ReleaseKnown, { manifest }: VerifiedManifest): RolloutPlan {
  const nodes = manifest.members.map(({ node }) => node);
  const { version } = pointer;
  const waves = pointer.waves.length === 0 ? [nodes.length] : sizesOf(pointer, nodes);
  return { seq: signed.seq, order: cohortOrder(nodes, version), sizes: waves };
}

function sizesOf({ waves, version }: ReleaseKnown['pointer'], nodes: number[]): number[] {
  const sizes = waves.map((_, wave) => nodesOfWave({ waves, wave, nodes, version }).length);
  // Of a small cluster several waves may be the same machines.
  return [...new Set(sizes)];
}

function pointerShown({ signed, pointer }: ReleaseKnown): DeployShown['pointer'] {
  const { version, manifestHash, waves, holdS, isOneWay, expiryMs } = pointer;
  return {
    seq: signed.seq,
    version,
    release: Buffer.from(manifestHash).toString('hex'),
    waves: writeWaves(waves),
    holdS,
    isOneWay,
    expiryMs,
  };
}

function withoutSwarm({ swarm: _, ...said }: AgentEntry): Omit<AgentEntry, 'swarm'> {
  return said;
}
