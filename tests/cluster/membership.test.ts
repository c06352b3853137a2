// The table of who is linked where: what is told at first hand counts more, what is not told again goes.
import { expect, test } from 'vitest';
import { credible, Membership } from '../../cluster/membership.ts';
import { MeshLinks } from '../../cluster/mesh-links.ts';
import type { MemberEntry } from '../../cluster/mesh-messages.ts';

function entry(node: number, change: Partial<MemberEntry> = {}): MemberEntry {
  return {
    node,
    role: 'core',
    name: `node-${node}`,
    version: '0.1.0',
    pid: node,
    epoch: 1,
    boot: `boot-${node}`,
    sinceMs: 0,
    core: {
      addresses: [],
      keeper: false,
      serving: 0,
      held: 0,
      unheld: 0,
      clockOffsetMs: 0,
      health: null,
      rollout: null,
    },
    agent: null,
    ...change,
  };
}

function table() {
  let nowMs = 0;
  const membership = new Membership(() => nowMs);
  return {
    membership,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

const core = (node: number) => ({ node, boot: `boot-${node}`, isCore: true });
const agent = (node: number) => ({ node, boot: `boot-${node}`, isCore: false });

test('who is not told again is forgotten after four seconds', () => {
  const { membership, pass } = table();
  membership.take(core(1), [entry(1), entry(2)]);
  pass(3000);
  membership.take(core(1), [entry(1)]);
  pass(2000);
  expect(membership.all().map(({ node }) => node)).toEqual([1]);
});

test('what somebody says of itself is not changed by what others say of it, until it is gone', () => {
  const { membership } = table();
  membership.take(core(2), [entry(2, { epoch: 5 })]);
  membership.take(core(1), [entry(1), entry(2, { epoch: 4 })]);
  expect(membership.coreOf(2)?.epoch).toBe(5);
  membership.gone(core(2));
  membership.take(core(1), [entry(2, { epoch: 4 })]);
  expect(membership.coreOf(2)?.epoch).toBe(4);
});

test('only cores speak for others, and only what is at first hand is passed on', () => {
  const { membership } = table();
  membership.take(agent(3), [entry(3, { role: 'agent', core: null }), entry(4)]);
  membership.take(core(1), [entry(1), entry(5)]);
  expect(membership.all().map(({ node }) => node)).toEqual([3, 1, 5]);
  expect(membership.firstHand().map(({ node }) => node)).toEqual([3, 1]);
});

test('nobody speaks of itself as anything but what it has been let in as', () => {
  const members = [{ node: 3, roles: ['gateway' as const, 'core' as const] }];
  const told = [entry(3), entry(3, { role: 'gateway', core: null }), entry(3, { role: 'agent', core: null })];
  const said = (role: 'core' | 'agent') =>
    credible({ node: 3, boot: 'boot-3', role }, told, members).map((one) => one.role);
  expect(said('agent')).toEqual(['agent']);
  expect(said('core')).toEqual(['core']);
});

test('a core counts only where the manifest lets one be, whoever tells of it, and only as a core', () => {
  const members = [
    { node: 1, roles: ['core' as const] },
    { node: 3, roles: ['gateway' as const] },
  ];
  const from = { node: 1, boot: 'boot-1', role: 'core' as const };
  const told = [
    entry(1),
    entry(2),
    entry(3),
    entry(3, { role: 'gateway' }),
    entry(3, { role: 'core', core: null }),
    entry(3, { role: 'gateway', core: null }),
    entry(1, { role: 'agent', boot: 'other' }),
  ];
  expect(credible(from, told, members)).toEqual([told[0], told[5]]);
  expect(credible({ node: 3, boot: 'boot-3', role: 'core' }, [entry(3)], members)).toEqual([]);
});

test('it is news when somebody is new or somewhere else, not when somebody only goes on', () => {
  const { membership } = table();
  const there = (port: number) =>
    entry(1, {
      core: {
        addresses: [{ host: 'h', port }],
        keeper: false,
        serving: port,
        held: 0,
        unheld: 0,
        clockOffsetMs: 0,
        health: null,
        rollout: null,
      },
    });
  expect(membership.take(core(1), [there(1)])).toBe(true);
  expect(membership.take(core(1), [there(1)])).toBe(false);
  expect(membership.take(core(1), [there(2)])).toBe(true);
});

test('of two links the one dialed by the smaller number stays, in whichever order they come', () => {
  const at = (self: number, node: number) => {
    const links = new MeshLinks<string>(self);
    const open = (dialedBy: number, boot = 'x') => {
      const settled = links.opened({ link: `by ${dialedBy} ${boot}`, node, boot, dialedBy });
      return settled.kind === 'instead' ? `instead of ${settled.of.link}` : settled.kind;
    };
    return { links, open };
  };
  for (const [self, node] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const one = at(self, node);
    expect([one.open(1), one.open(2)]).toEqual(['first', 'needless']);
    const other = at(self, node);
    expect([other.open(2), other.open(1)]).toEqual(['first', 'instead of by 2 x']);
    expect(other.links.get(node)).toBe('by 1 x');
    // Of a process that was started anew every link is better than an old one.
    expect(other.open(2, 'y')).toBe('instead of by 1 x');
    expect(other.links.closed(node, 'by 1 x')).toBe(false);
    expect(other.links.closed(node, 'by 2 y')).toBe(true);
  }
});
