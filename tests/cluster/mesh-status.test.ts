// What a core says of its machines: the release that each runs, as its agent says.
import { expect, test } from 'vitest';
import type { AgentEntry, MemberEntry } from '../../cluster/mesh-messages.ts';
import { statusOf } from '../../cluster/mesh-status.ts';
import { Ring } from '../../cluster/ring.ts';
import { founded } from './manifest-samples.ts';

const verified = founded();
const [member] = verified.manifest.members;
const node = member?.node ?? 0;

function entry(runs: string, runsVersion: string, sinceMs: number, isAgent = true): MemberEntry {
  const agent: AgentEntry = {
    swarm: [],
    runs,
    runsVersion,
    seq: 0,
    stage: 'heard',
    note: '',
    sinceMs,
    total: 0,
    have: 0,
    moved: 0,
  };
  const process = { node, name: 'first', version: '1', pid: 1, epoch: 1, boot: `${sinceMs}`, sinceMs };
  return { ...process, role: isAgent ? 'agent' : 'gateway', core: null, agent: isAgent ? agent : null };
}

function releaseOf(...entries: MemberEntry[]) {
  const ring = new Ring([], null, 128);
  const parts = { self: node, verified, conflict: null, copiedKeys: [], entries, ring, change: null };
  return statusOf(parts).nodes[0]?.release;
}

test('a machine’s release is what its agent says, the one that was started last', () => {
  const id = 'a'.repeat(64);
  expect(releaseOf(entry('b'.repeat(64), '1.0.0-bb', 1), entry(id, '1.0.1-aa', 2))).toEqual({
    id,
    label: '1.0.1-aa',
  });
});

test('a machine without a word of its agent, or whose agent runs no release, has none', () => {
  expect(releaseOf(entry('', '', 1, false))).toBeNull();
  expect(releaseOf(entry('', '', 1))).toBeNull();
});
