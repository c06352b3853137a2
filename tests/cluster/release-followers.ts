// Machines that follow pointers, for tests: a real fetching machine with a real deploy engine, up to where its programs would change.
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect } from 'vitest';
import { Deployer } from '../../cluster/agent-deploy.ts';
import { noDeploys, writeDeployState } from '../../cluster/agent-deploy-state.ts';
import { deployShown, drawDeploy } from '../../cluster/command-deploy-drawing.ts';
import { machineClock } from '../../cluster/link-clock.ts';
import type { AgentEntry, MemberEntry, ReleaseNews } from '../../cluster/mesh-messages.ts';
import type { ReleaseOffered } from '../../cluster/mesh-release.ts';
import { MeshReleases } from '../../cluster/mesh-releases.ts';
import { until } from '../support/until.ts';
import { founded, pairOf } from './manifest-samples.ts';
import { listing, type ReleaseMachine } from './release-machines.ts';
import { type Ends, quiet } from './swarm-ends.ts';

const log = { ...quiet, error() {} };
/** What it may keep of a release it refuses: which one that was, and why. */
const kept = ['pointer', 'state.json'];
/** No release runs here yet. */
const base = { id: 'b'.repeat(64), version: '1.0.0', folder: '/nowhere' };

export class ReleaseFollower {
  readonly machine: ReleaseMachine;
  /** In order, what it said of itself. */
  readonly said: AgentEntry[] = [];
  readonly #deployer: Deployer;
  readonly #releases: MeshReleases;
  #before: string[] = [];

  private constructor(machine: ReleaseMachine) {
    this.machine = machine;
    const { held, store } = machine;
    const never = async (): Promise<never> => {
      throw new Error('nothing of it may be run');
    };
    this.#deployer = new Deployer({
      held,
      state: noDeploys,
      clock: machineClock,
      wallMs: Date.now,
      log,
      parts: {
        fetch: async (...asked) => {
          const fetched = await machine.fetching.fetch(...asked);
          if (!fetched.ok) return fetched;
          const { id, label, folder } = fetched.value;
          return { ok: true, value: { id, version: label, folder } };
        },
        fits: async () => ({ ok: true, value: undefined }),
        change: never,
        running: () => base,
        base: () => base,
        stored: () => null,
        keepState: (state) => writeDeployState(store.folder, state),
        health: () => null,
        // A release that is believed stays in its store, and waits for ever.
        rollout: () => null,
        say: (entry) => this.said.push({ ...entry, swarm: [] }),
      },
    });
    this.#releases = new MeshReleases({
      node: 1,
      held,
      manifest: () => founded({ releaseKey: pairOf('release').publicKey }),
      others: () => this.#entries(),
    });
  }

  static async of(ends: Ends, machine: ReleaseMachine): Promise<ReleaseFollower> {
    const follower = new ReleaseFollower(machine);
    ends.closes(() => follower.#deployer.close());
    follower.#before = await follower.#listing();
    return follower;
  }

  get entry(): AgentEntry {
    const last = this.said.at(-1);
    if (last === undefined) throw new Error('it has said nothing');
    return last;
  }

  hear(news: ReleaseNews, from = 'a link'): Promise<ReleaseOffered> {
    return this.machine.held.offer(news, from);
  }

  /** From an operator, by way of this machine's core. */
  deploy(news: ReleaseNews): ReturnType<MeshReleases['deploy']> {
    return this.#releases.deploy(news);
  }

  /** As `deploy status` prints it. */
  status(): string {
    return drawDeploy(deployShown.parse(this.#releases.show()));
  }

  /** Waits for the end of the present deploy, or for what shows that it was believed. */
  async end(): Promise<AgentEntry> {
    const isEnd = ({ stage, note }: AgentEntry): boolean =>
      ['refused', 'verified', 'changing'].includes(stage) || note.startsWith('tried again');
    await until(() => isEnd(this.entry), { what: 'an end of the deploy' });
    return this.entry;
  }

  /** Besides what this machine notes of the deploy, its disk is as it was, and so is all around; nothing is fetched or given on. */
  async expectUntouched(): Promise<void> {
    expect(await this.#listing()).toEqual(this.#before);
    expect(this.machine.swarm.torrents).toEqual([]);
    expect(await this.machine.store.list()).toEqual([]);
  }

  /** What there is below the folder of releases while one is being fetched. */
  async stagings(): Promise<string[]> {
    return (await readdir(this.machine.store.folder)).filter((name) => name.startsWith('staging-'));
  }

  /** All but what is being fetched is as it was. */
  async expectOnlyStaging(infoHash: Uint8Array): Promise<void> {
    const staging = basename(this.machine.store.stagingOf(infoHash));
    expect(await this.#listing(staging)).toEqual(this.#before);
    expect(await this.machine.store.list()).toEqual([]);
  }

  /** Of all folders of the test: nobody else writes meanwhile. */
  async #listing(except?: string): Promise<string[]> {
    const { data, store } = this.machine;
    const root = dirname(dirname(data));
    const own = join(store.folder, '').slice(root.length + 1);
    const left = [...kept, ...(except === undefined ? [] : [except])].map((name) => join(own, name));
    return (await listing(root)).filter((line) => !left.some((path) => line.startsWith(path)));
  }

  #entries(): MemberEntry[] {
    const { manifest } = founded();
    const [member] = manifest.members;
    if (member === undefined) throw new Error('a cluster without members');
    const about = { name: member.name, version: '1.0.0', pid: 1, epoch: 1, boot: 'b', sinceMs: 1 };
    return [{ ...about, node: member.node, role: 'gateway', core: null, agent: this.entry }];
  }
}
