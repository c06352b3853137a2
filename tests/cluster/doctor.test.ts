// The doctor on machines that are made up, on folders in place of /proc, and on this machine.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bytesOfConnection, processBytes } from '../../cluster/connection-costs.ts';
import { diagnose, type Finding } from '../../cluster/doctor.ts';
import { planGateways } from '../../cluster/gateway-number.ts';
import { type MachineFacts, machineFacts } from '../../cluster/machine-facts.ts';
import { runCommand } from '../support/server.ts';

const gibibyte = 2 ** 30;

/** A roomy one: 2 processors, 24 GiB, 20,000 files a process. */
const roomy: MachineFacts = {
  processors: 2,
  memory: { totalBytes: 24 * gibibyte, availableBytes: 22 * gibibyte, limit: null },
  files: {
    process: { soft: 20_000, hard: 20_000 },
    system: { most: 2_466_193, open: 2000 },
    mostHard: 1_048_576,
  },
  tasks: null,
  ports: { first: 32_768, last: 60_999 },
  listenBacklog: 4096,
  handshakeBacklog: 2048,
  packetBacklog: 1000,
  movesHandshakes: true,
  tcpMemory: { pressureBytes: 6 * gibibyte, mostBytes: 8 * gibibyte },
  buffers: { receiveLeast: 4096, sendLeast: 4096 },
  tracked: null,
  overcommit: 0,
  maps: 65_530,
};

/** Of one that says nothing, as in a container where /proc and /sys are hidden. */
const mute: MachineFacts = {
  processors: 1,
  memory: { totalBytes: gibibyte, availableBytes: null, limit: null },
  files: { process: null, system: null, mostHard: null },
  tasks: null,
  ports: null,
  listenBacklog: null,
  handshakeBacklog: null,
  packetBacklog: null,
  movesHandshakes: null,
  tcpMemory: null,
  buffers: null,
  tracked: null,
  overcommit: null,
  maps: null,
};

const nothing = { gateways: null, connections: null };

function finding(facts: MachineFacts, limit: string): Finding {
  const found = diagnose(facts, nothing).findings.find((one) => one.limit === limit);
  if (found === undefined) throw new Error(`there is no finding of ${limit}`);
  return found;
}

test('with few gateways their open files bind first, with many the memory, and each is counted', () => {
  const one = diagnose(roomy, nothing);
  expect(one).toMatchObject({ gateways: 1, connections: 18_976, binds: 'open files a gateway', reasons: [] });
  const all = diagnose(roomy, { gateways: 128, connections: null });
  const bytes = 22 * gibibyte * 0.9 - processBytes.agent - processBytes.core - 128 * processBytes.gateway;
  expect(all.binds).toBe('memory');
  expect(all.connections).toBe(Math.floor(bytes / bytesOfConnection));
});

test('a million is held by as many gateways as it takes, which it says', () => {
  const memory = { ...roomy.memory, totalBytes: 48 * gibibyte, availableBytes: 46 * gibibyte };
  const large = { ...roomy, memory };
  const million = diagnose(large, { gateways: null, connections: 1_000_000 });
  expect(million).toMatchObject({ gateways: 53, reasons: [] });
  expect(million.connections).toBeGreaterThanOrEqual(1_000_000);
  const few = diagnose(large, { gateways: 2, connections: 1_000_000 });
  expect(few.reasons).toEqual([
    'open files a gateway (soft 20,000, hard 20,000): enough for 37,952 of 1,000,000',
  ]);
  expect(few.findings.find(({ limit }) => limit === 'open files a gateway')?.raise[0]).toBe(
    'start --gateways 53',
  );
});

test("a container's memory, the files of the machine, a firewall's table and the tasks bind, each where it is the lowest", () => {
  const many = { gateways: 60, connections: 500_000 };
  const { memory } = roomy;
  const limit = { bytes: 4 * gibibyte, usedBytes: gibibyte };
  expect(diagnose({ ...roomy, memory: { ...memory, limit } }, many).binds).toBe('memory');
  const system = { most: 100_000, open: 5000 };
  expect(diagnose({ ...roomy, files: { ...roomy.files, system } }, many)).toMatchObject({
    binds: 'open files of the machine',
    connections: 100_000 - 5000 - 10_000 - 60 * 64,
  });
  expect(diagnose({ ...roomy, tracked: { most: 262_144, now: 144 } }, many)).toMatchObject({
    binds: 'tracked connections',
    connections: 262_000,
  });
  // Loaded, and with nothing to track.
  expect(diagnose({ ...roomy, tracked: { most: 262_144, now: 0 } }, many).reasons).toEqual([]);
  const tasks = diagnose({ ...roomy, tasks: { most: 200, now: 10 } }, many);
  expect([tasks.binds, tasks.connections, tasks.reasons.length]).toEqual([
    'tasks of the control group',
    0,
    1,
  ]);
});

test('what makes connections suffer, without bounding them, is called low, with the line that raises it', () => {
  expect(finding({ ...roomy, movesHandshakes: false }, 'moving of handshakes')).toMatchObject({
    verdict: 'low',
    allows: null,
    raise: ['sysctl -w net.ipv4.tcp_migrate_req=1', expect.stringContaining('/etc/sysctl.d/')],
  });
  expect(finding({ ...roomy, listenBacklog: 128 }, 'listen backlog').verdict).toBe('low');
  expect(finding({ ...roomy, overcommit: 2 }, 'overcommit').verdict).toBe('low');
  const buffers = { receiveLeast: 65_536, sendLeast: 4096 };
  expect(finding({ ...roomy, buffers }, 'least buffers of a socket').verdict).toBe('low');
  const low = diagnose(roomy, nothing).findings.filter(({ verdict }) => verdict !== 'enough');
  expect(low).toEqual([]);
});

test('where nobody says anything it says so, and goes by what is usual', () => {
  const { findings, connections } = diagnose(mute, nothing);
  expect(findings.filter(({ verdict }) => verdict === 'unknown').length).toBe(11);
  expect(connections).toBeGreaterThan(0);
});

test('gateways are given what memory there is, where it is less than their files allow; what was asked for stands', () => {
  const asked = { gateways: 'auto', mostConnections: null, hasCore: true } as const;
  expect(planGateways(asked, { ...roomy, processors: 8 })).toEqual({
    gateways: 7,
    mostConnections: null,
    isBoundByMemory: false,
    niceness: null,
  });
  const limit = { bytes: gibibyte / 2, usedBytes: 0 };
  const small = { ...roomy, memory: { ...roomy.memory, limit } };
  const bytes = gibibyte / 2 - processBytes.agent - processBytes.core - 2 * processBytes.gateway;
  expect(planGateways({ ...asked, gateways: 2 }, small)).toEqual({
    gateways: 2,
    mostConnections: Math.floor(Math.floor(bytes / bytesOfConnection) / 2),
    isBoundByMemory: true,
    niceness: null,
  });
  expect(planGateways({ ...asked, mostConnections: 30_000 }, small).mostConnections).toBe(30_000);
});

test('gateways that are more than the processors stand behind the core that they wait for', () => {
  const nicenessOf = (gateways: number, hasCore = true): number | null =>
    planGateways({ gateways, mostConnections: null, hasCore }, { ...roomy, processors: 8 }).niceness;
  expect([nicenessOf(8), nicenessOf(9), nicenessOf(9, false)]).toEqual([null, 10, null]);
  // 1.25 ** 18 is 55: together they weigh as much as one process.
  expect([nicenessOf(55), nicenessOf(128)]).toEqual([18, 19]);
});

/** A folder with these files in place of `/`. */
function rootWith(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'murmuration-facts-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test('of a container the lowest limit of its control groups counts, in both of their versions', () => {
  const second = rootWith({
    'proc/self/cgroup': '0::/pod/box\n',
    'sys/fs/cgroup/pod/box/memory.max': 'max\n',
    'sys/fs/cgroup/pod/memory.max': '1073741824\n',
    'sys/fs/cgroup/pod/memory.current': '1000\n',
    'sys/fs/cgroup/pod/box/pids.max': '4096\n',
    'sys/fs/cgroup/pod/box/pids.current': '7\n',
  });
  expect(machineFacts(second)).toMatchObject({
    memory: { limit: { bytes: gibibyte, usedBytes: 1000 } },
    tasks: { most: 4096, now: 7 },
  });
  const first = rootWith({
    'proc/self/cgroup': '4:memory:/box\n3:cpu,cpuacct:/box\n',
    // Inside it the folder is not there, only what it holds.
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '536870912\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '5\n',
  });
  expect(machineFacts(first).memory.limit).toEqual({ bytes: gibibyte / 2, usedBytes: 5 });
  const free = rootWith({
    'proc/self/cgroup': '4:memory:/\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  });
  expect(machineFacts(free).memory.limit).toBeNull();
});

test('settings of the kernel are read as it writes them, and none of them need be there', () => {
  const facts = machineFacts(
    rootWith({
      'proc/sys/fs/file-nr': '2333\t0\t2466193\n',
      'proc/sys/net/ipv4/tcp_mem': '287901\t383869\t575802\n',
      'proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n',
      'proc/sys/net/ipv4/tcp_migrate_req': '0\n',
      'proc/sys/net/ipv4/tcp_rmem': '4096 131072 6291456\n',
      'proc/sys/net/ipv4/tcp_wmem': '4096 16384 4194304\n',
      'proc/sys/net/netfilter/nf_conntrack_max': '262144\n',
      'proc/meminfo': 'MemTotal: 100 kB\nMemAvailable:   2048 kB\n',
    }),
  );
  expect(facts).toMatchObject({
    files: { process: null, system: { most: 2_466_193, open: 2333 } },
    tcpMemory: { pressureBytes: 383_869 * 4096, mostBytes: 575_802 * 4096 },
    ports: { first: 32_768, last: 60_999 },
    movesHandshakes: false,
    buffers: { receiveLeast: 4096, sendLeast: 4096 },
    tracked: { most: 262_144, now: 0 },
    memory: { availableBytes: 2 ** 21 },
  });
  const { processors, memory, ...rest } = machineFacts(rootWith({}));
  expect(processors).toBeGreaterThan(0);
  expect(memory).toMatchObject({ availableBytes: null, limit: null });
  const { memory: _memory, processors: _processors, ...unknown } = mute;
  expect(rest).toEqual(unknown);
});

test('on this machine the command reports, and answers a question by its exit code', async () => {
  const report = runCommand(['doctor', '--json']);
  expect(await report.ended).toBe('code 0');
  const said = JSON.parse(report.stdout());
  expect(said.connections).toBeGreaterThan(0);
  expect(said.facts).toMatchObject({ files: { process: machineFacts().files.process } });
  const can = runCommand(['doctor', '--connections', '1']);
  expect([await can.ended, can.stdout()]).toEqual(['code 0', expect.stringContaining('It can hold 1.')]);
  const cannot = runCommand(['doctor', '--connections', '1000000000', '--gateways', '2']);
  expect(await cannot.ended).toBe('code 1');
  expect(cannot.stdout()).toContain('It cannot hold 1,000,000,000:\n  open files a gateway');
  const wrong = runCommand(['doctor', '--gateways', '129']);
  expect([await wrong.ended, wrong.stderr()]).toEqual(['code 2', expect.stringContaining('1 to 128')]);
});
