// Deploys on one machine: each step in its order, and back when it does badly; refused ones change nothing; a start in the middle goes on.
import { describe, expect, it } from 'vitest';
import {
  Deployer,
  type DeployParts,
  type DeployRelease,
  type FetchProgress,
} from '../../cluster/agent-deploy.ts';
import type { CoreHealth } from '../../cluster/agent-deploy-probation.ts';
import { type DeployState, noDeploys } from '../../cluster/agent-deploy-state.ts';
import type { AgentEntry } from '../../cluster/mesh-messages.ts';
import type { ReleaseKnown } from '../../cluster/mesh-release.ts';
import type { Outcome } from '../../runtime/behaviours.ts';
import { ManualClock } from './link-ends.ts';

const idOf = (letter: string): string => letter.repeat(64);
const base: DeployRelease = { id: idOf('a'), version: '1.0.0', folder: '/releases/a' };

function known(seq: number, letter: string, holdS = 10): ReleaseKnown {
  return {
    signed: { publicKey: new Uint8Array(32), seq, signature: new Uint8Array(64), value: new Uint8Array() },
    pointer: {
      channel: 'main',
      version: `${letter}.0.0`,
      infoHash: new Uint8Array(20),
      manifestHash: Uint8Array.from(Buffer.from(idOf(letter), 'hex')),
      infoBytes: 100,
      waves: [],
      holdS,
      expiryMs: 9e12,
      isOneWay: false,
    },
    info: null,
  };
}

function refusal(message: string): Outcome<never> {
  return { ok: false, rejection: { code: 'invalid', message } };
}

/** One machine with parts that do what the test says. */
class Machine {
  readonly clock = new ManualClock();
  readonly parts: Partial<DeployParts>;
  readonly changes: string[] = [];
  readonly said: Omit<AgentEntry, 'swarm'>[] = [];
  state: DeployState = noDeploys;
  runs = base;
  health: CoreHealth | null = null;
  isTurn = true;
  stopped = '';
  current: ReleaseKnown | null = null;
  deployer: Deployer;
  #listener: (known: ReleaseKnown) => void = () => {};
  #progress: (progress: FetchProgress) => void = () => {};

  constructor(parts: Partial<DeployParts> = {}) {
    this.parts = parts;
    this.deployer = this.start();
  }

  start(): Deployer {
    const release = (letterOrId: string): DeployRelease => {
      const letter = letterOrId.slice(0, 1);
      return { id: idOf(letter), version: `${letter}.0.0`, folder: `/releases/${letter}` };
    };
    this.deployer = new Deployer({
      held: {
        current: this.current,
        onChanged: (listener) => {
          this.#listener = listener;
        },
      },
      state: this.state,
      clock: this.clock,
      wallMs: () => 1_800_000_000_000 + this.clock.nowMs(),
      log: { info() {}, warn() {}, error() {} },
      parts: {
        fetch: async (asked, told) => {
          this.#progress = told;
          return { ok: true, value: release(Buffer.from(asked.pointer.manifestHash).toString('hex')) };
        },
        fits: async () => ({ ok: true, value: undefined }),
        change: async (next, _terms, told) => {
          told('handing over');
          this.changes.push(`${this.runs.version} -> ${next.version}`);
          this.runs = next;
          return { ok: true, value: undefined };
        },
        running: () => this.runs,
        base: () => base,
        stored: ({ id }) => (id === base.id ? null : release(id)),
        keepState: async (state) => {
          this.state = state;
        },
        health: () => this.health,
        rollout: (asked) => ({
          said: { seq: asked.signed.seq, wave: 1, open: 1, stopped: this.stopped },
          isTurn: this.isTurn && this.stopped === '',
        }),
        say: (entry) => this.said.push(entry),
        ...this.parts,
      },
    });
    return this.deployer;
  }

  hear(next: ReleaseKnown): void {
    this.current = next;
    this.#listener(next);
  }

  fetched(progress: FetchProgress): void {
    this.#progress(progress);
  }

  get stage(): string {
    return this.said.at(-1)?.stage ?? '';
  }

  get note(): string {
    return this.said.at(-1)?.note ?? '';
  }

  /** Lets time pass until it has come to a stage. */
  async until(stage: string, note = /(?:)/, seq = 0): Promise<void> {
    for (let round = 0; round < 2000; round++) {
      const isLate = seq <= (this.said.at(-1)?.seq ?? 0);
      if (isLate && this.stage === stage && note.test(this.note)) return;
      await this.pass(100);
    }
    throw new Error(`it is ${this.stage} (${this.note}), not ${stage}`);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  get stages(): string[] {
    return this.said
      .filter(({ seq }) => seq > 0)
      .map(({ stage }) => stage)
      .filter((stage, at, all) => stage !== all[at - 1]);
  }
}

describe('Deployer', () => {
  it('goes step by step to a release that is healthy, and keeps it for the next start', async () => {
    const machine = new Machine();
    machine.hear(known(3, 'b'));
    await machine.until('healthy');
    expect(machine.stages).toEqual(['heard', 'verified', 'changing', 'probation', 'healthy']);
    expect(machine.changes).toEqual(['1.0.0 -> b.0.0']);
    expect(machine.state).toMatchObject({ runs: { id: idOf('b'), version: 'b.0.0' }, trial: null });
    expect(machine.said.at(-1)).toMatchObject({ runs: idOf('b'), seq: 3 });
  });

  it('says how much it has fetched', async () => {
    let done: (outcome: Outcome<DeployRelease>) => void = () => {};
    const machine = new Machine({
      fetch: async (_known, told) => {
        told({ totalBytes: 1000, haveBytes: 400, movedBytes: 300, banned: 0 });
        return await new Promise((resolve) => {
          done = resolve;
        });
      },
    });
    machine.hear(known(3, 'b'));
    await machine.until('fetching');
    expect(machine.said.at(-1)).toMatchObject({ total: 1000, have: 400, moved: 300 });
    done({ ok: true, value: { id: idOf('b'), version: 'b.0.0', folder: '/releases/b' } });
    await machine.until('healthy');
  });

  it('waits for its turn, and for ever once the deploy is stopped', async () => {
    const machine = new Machine();
    machine.isTurn = false;
    machine.hear(known(3, 'b'));
    await machine.until('verified', /waits for its wave/);
    machine.stopped = 'canary: it crashed';
    await machine.until('verified', /was stopped: canary: it crashed/);
    await machine.pass(600_000);
    expect(machine.changes).toEqual([]);
    machine.hear(known(4, 'a'));
    machine.stopped = '';
    machine.isTurn = true;
    await machine.until('healthy');
    expect(machine.changes).toEqual([]);
  });

  it.each(['fetch', 'fits', 'change'] as const)('changes nothing when %s says no', async (part) => {
    const machine = new Machine({ [part]: async () => refusal('lmdb 3.6.0 is needed') });
    machine.hear(known(3, 'b'));
    await machine.until('refused', /lmdb 3.6.0 is needed/);
    expect(machine.runs).toBe(base);
    expect(machine.state).toEqual({
      runs: null,
      former: null,
      trial: null,
      ended: { seq: 3, stage: 'refused', note: 'lmdb 3.6.0 is needed' },
    });
    machine.hear({ ...known(3, 'b'), info: new Uint8Array(1) });
    await machine.pass(60_000);
    expect(machine.stage).toBe('refused');
  });

  it('goes back when a program ends twice within a minute', async () => {
    const machine = new Machine();
    machine.hear(known(3, 'b', 60));
    await machine.until('probation');
    machine.deployer.crashed('core', 1);
    await machine.pass(2000);
    expect(machine.stage).toBe('probation');
    machine.deployer.crashed('core', 2);
    await machine.until('back', /the core ended 2 times within a minute/);
    expect(machine.changes).toEqual(['1.0.0 -> b.0.0', 'b.0.0 -> 1.0.0']);
    expect(machine.state).toMatchObject({ runs: null, trial: null, ended: { seq: 3, stage: 'back' } });
  });

  it('goes back when actors fail', async () => {
    const machine = new Machine();
    machine.health = { asked: 0, failed: 0, crashed: 0, lagMs: 0 };
    machine.hear(known(3, 'b', 60));
    await machine.until('probation');
    await machine.pass(1000);
    machine.health = { asked: 10, failed: 3, crashed: 3, lagMs: 0 };
    await machine.until('back', /3 actors failed/);
  });

  it('goes back to what was permanent, not to what was never', async () => {
    const machine = new Machine();
    machine.hear(known(3, 'b'));
    await machine.until('healthy');
    machine.hear(known(4, 'c', 60));
    await machine.until('probation');
    machine.hear(known(5, 'd', 60));
    await machine.until('probation', /(?:)/, 5);
    machine.deployer.crashed('core', 2);
    await machine.until('back');
    expect(machine.changes.at(-1)).toBe('d.0.0 -> b.0.0');
  });

  it('tries to go back until it works', async () => {
    let refusals = 2;
    const machine = new Machine({
      change: async (next) => {
        if (next.id === base.id && refusals-- > 0) return refusal('the disk is full');
        machine.runs = next;
        return { ok: true, value: undefined };
      },
    });
    machine.hear(known(3, 'b', 60));
    await machine.until('probation');
    machine.deployer.crashed('gateway', 2);
    await machine.until('back');
    expect(machine.runs).toBe(base);
    expect(refusals).toBe(-1);
  });

  it('follows the pointer that came last, not those between', async () => {
    const fetched: number[] = [];
    const machine = new Machine({
      fetch: async ({ signed }, _told, signal) => {
        fetched.push(signed.seq);
        if (signed.seq === 3)
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        return { ok: true, value: { id: idOf('d'), version: 'd.0.0', folder: '/releases/d' } };
      },
    });
    machine.hear(known(3, 'b'));
    await machine.pass(1000);
    machine.hear(known(4, 'c'));
    machine.hear(known(5, 'd'));
    await machine.until('healthy');
    expect(fetched).toEqual([3, 5]);
    expect(machine.changes).toEqual(['1.0.0 -> d.0.0']);
  });

  it('tries again after a fault that may pass', async () => {
    let faults = 2;
    const machine = new Machine({
      fetch: async () => {
        if (faults-- > 0) throw new Error('ENOSPC');
        return { ok: true, value: { id: idOf('b'), version: 'b.0.0', folder: '/releases/b' } };
      },
    });
    machine.hear(known(3, 'b'));
    await machine.until('heard', /tried again: ENOSPC/);
    await machine.until('healthy');
  });

  it('goes on with what an agent before it had begun', async () => {
    const machine = new Machine();
    machine.hear(known(3, 'b', 60));
    await machine.until('probation');
    // Killed: nothing is closed, what runs goes on.
    machine.start();
    await machine.until('probation');
    await machine.until('healthy');
    expect(machine.changes).toEqual(['1.0.0 -> b.0.0']);
  });

  it('gives up what has twice not survived until it was permanent', async () => {
    const machine = new Machine();
    machine.hear(known(3, 'b', 60));
    for (const attempts of [1, 2]) {
      await machine.until('probation');
      expect(machine.state.trial).toMatchObject({ seq: 3, attempts });
      // The whole machine went down: it boots what is permanent.
      machine.runs = base;
      machine.start();
    }
    await machine.until('refused', /went down twice/);
    expect(machine.runs).toBe(base);
  });

  it('remembers over a restart what it has refused', async () => {
    const machine = new Machine({ fits: async () => refusal('no') });
    machine.hear(known(3, 'b'));
    await machine.until('refused');
    machine.start();
    await machine.until('refused', /^no$/);
    expect(machine.changes).toEqual([]);
  });

  it('ends its waiting when it is closed', async () => {
    const machine = new Machine();
    machine.hear(known(3, 'b', 600));
    await machine.until('probation');
    await machine.deployer.close();
    expect(machine.state.trial).toMatchObject({ seq: 3 });
    expect(machine.runs.id).toBe(idOf('b'));
  });
});
