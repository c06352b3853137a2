// Links between machines: over TLS, for nodes whose keys are admitted, with leases by each end's own clock.
import { afterEach, describe, expect, test } from 'vitest';
import { CoreLink } from '../../cluster/link-client.ts';
import { nodeDoor } from '../../cluster/link-door.ts';
import { leaseMs, leaseSlackMs, ownLeaseMs } from '../../cluster/link-lease.ts';
import type { LinkRole } from '../../cluster/link-messages.ts';
import { linkKeyOf } from '../../cluster/link-proof.ts';
import { until } from '../support/until.ts';
import { listeningLog, ManualClock, messagesTravel } from './link-ends.ts';
import { clusterId, gatewayNode, RoutingEnds, type TestCore } from './routing-ends.ts';
import { foreignKey, type NodeKey, nodeKey } from './wire-ends.ts';

const ends = new RoutingEnds();
afterEach(() => ends.close());

interface Dialing {
  key?: NodeKey;
  expected?: Uint8Array;
  cluster?: Uint8Array;
  role?: LinkRole;
  clock?: ManualClock;
}

function dial(core: TestCore, options: Dialing = {}) {
  const { key = nodeKey(gatewayNode), expected = core.key.publicKey, cluster = clusterId } = options;
  const { role = 'gateway', clock } = options;
  const log = listeningLog();
  const happened: string[] = [];
  const link = new CoreLink({
    door: nodeDoor({
      addresses: core.place.addresses,
      tls: key,
      expects: (shown) => Buffer.compare(shown, expected) === 0,
      key: linkKeyOf(cluster),
    }),
    name: 'gateway-3',
    role,
    log,
    ...(clock === undefined ? {} : { clock }),
    events: {
      up: () => happened.push('up'),
      down: () => happened.push('down'),
      tick: () => happened.push('tick'),
      changed: ({ deleted }) => happened.push(`changed ${deleted?.length ?? 0}`),
      serving: ({ version }) => happened.push(`serving ${version}`),
      cores: ({ epoch }) => happened.push(`cores ${epoch}`),
      metrics: async () => [],
    },
  });
  ends.wires.onClose(() => link.close());
  const reasons = (): string => JSON.stringify(log.said);
  return { link, happened, reasons };
}

describe('a core', () => {
  test('lets the gateways of a member in, and names their machine', async () => {
    const core = await ends.core(1);
    const { link, happened } = dial(core);
    await until(() => link.isUp);
    expect(core.peers.map(({ name, role, machine }) => ({ name, role, machine }))).toEqual([
      { name: 'gateway-3@anna', role: 'gateway', machine: 'anna' },
    ]);
    expect(await link.call('admit', {})).toEqual({ ok: true, value: {} });
    core.peers[0]?.sendCores({ epoch: 4, cores: [core.place] });
    core.peers[0]?.sendChanged({ statuses: [], accounts: [], tokens: [], deleted: [] });
    core.peers[0]?.sendChanged({ statuses: [], accounts: [], tokens: ['t'] });
    await until(() => happened.length === 4);
    expect(happened).toEqual(['up', 'serving 0', 'cores 4', 'changed 0']);
  });

  test.each([
    ['an unknown key', () => nodeKey(50)],
    ['an unknown key that OpenSSL made', () => foreignKey('ed25519')],
  ])('refuses %s, says so in its log, and counts it', async (_what, keyOf) => {
    const core = await ends.core(1);
    const { link, reasons } = dial(core, { key: keyOf() });
    await until(() => core.meter.of('handshakes-refused') > 0);
    await until(() => reasons().includes('403'));
    expect(core.said[0]).toMatchObject({ fields: { reason: 'no member' } });
    expect([core.peers, link.isUp]).toEqual([[], false]);
  });

  test('refuses who knows another cluster’s key, and operators', async () => {
    const core = await ends.core(1);
    const stranger = dial(core, { cluster: Buffer.alloc(32, 8) });
    const operator = dial(core, { role: 'operator' });
    await until(() => stranger.reasons().includes('the proof is wrong'));
    await until(() => operator.reasons().includes('no operator is let in here'));
    expect(core.peers).toEqual([]);
  });

  test('that admits nobody of other machines refuses them all', async () => {
    const core = await ends.core(1, { remote: undefined as never });
    const { reasons } = dial(core);
    await until(() => reasons().includes('403'));
    expect(core.peers).toEqual([]);
  });

  test('ends the links of a node that is no member any more, and no others', async () => {
    const admitted = new Set([gatewayNode, 50]);
    const isAdmitted = (shown: Uint8Array): boolean =>
      [...admitted].some((node) => Buffer.compare(nodeKey(node).publicKey, shown) === 0);
    const core = await ends.core(1, {
      remote: {
        key: linkKeyOf(clusterId),
        admits: (shown) =>
          isAdmitted(shown) ? { ok: true, name: 'a', roles: ['gateway'] } : { ok: false, reason: 'revoked' },
      },
    });
    const [kept, revoked] = [dial(core), dial(core, { key: nodeKey(50) })];
    await until(() => kept.link.isUp && revoked.link.isUp);
    admitted.delete(50);
    core.links?.readmit();
    await until(() => revoked.reasons().includes('403'));
    expect([kept.link.isUp, revoked.link.isUp]).toEqual([true, false]);
  });
});

test('a gateway says nothing to another node than the one it expects', async () => {
  const core = await ends.core(1);
  const { link, reasons } = dial(core, { expected: nodeKey(51).publicKey });
  await until(() => reasons().includes('another node answers there'));
  expect([core.connections, link.isUp]).toEqual([[], false]);
});

test('a link is dialled again after it was lost', async () => {
  const core = await ends.core(1);
  const { link, happened } = dial(core);
  await until(() => link.isUp);
  core.cut();
  await until(() => happened.filter((what) => what === 'up').length === 2);
  expect(happened.filter((what) => !what.startsWith('serving'))).toEqual(['up', 'down', 'up']);
});

describe('a lease between machines', () => {
  test('ends by the gateway’s clock, and is over for the core by its own', async () => {
    const near = new ManualClock();
    const far = new ManualClock();
    far.jump(40_000_000);
    const core = await ends.core(1, { clock: far });
    const { link, happened } = dial(core, { clock: near });
    await until(() => link.isUp);
    const [peer] = core.peers;
    core.silence();
    await messagesTravel();

    let isPassed = false;
    void peer?.fence().then(() => {
      isPassed = true;
    });
    near.jump(leaseMs);
    expect(link.isUp, 'the gateway needs nobody to tell it').toBe(false);
    expect(happened).not.toContain('down');
    await far.advance(leaseMs + leaseSlackMs - 100);
    expect(isPassed).toBe(false);
    await far.advance(200);
    await until(() => isPassed);
  });

  test('of the core that served before is waited for by fences after a takeover', async () => {
    const clock = new ManualClock();
    const core = await ends.core(1, { clock });
    core.links?.tookOver();
    let isPassed = false;
    void core.links?.fence().then(() => {
      isPassed = true;
    });
    await clock.advance(ownLeaseMs + leaseSlackMs - 100);
    expect(isPassed).toBe(false);
    await clock.advance(100);
    expect(isPassed).toBe(true);
  });
});
