// What binds a machine: from its facts, how many connections each limit allows, which one binds first, and how each is raised. Pure.
import { connectionRoom, listenerBacklog, reservedFiles } from '../runtime/connection-room.ts';
import {
  bytesOfConnection,
  connectionsInMemory,
  processBytes,
  threadsOfGateway,
} from './connection-costs.ts';
import { filesOfGateway, gatewaysFor, mostGateways, usualMostHard } from './gateway-number.ts';
import type { MachineFacts } from './machine-facts.ts';

export interface DoctorQuestion {
  /** Null: what the processors make sensible, or, where a number of connections is asked for, what that takes. */
  gateways: number | null;
  /** Null: it is not asked whether the machine can hold a number. */
  connections: number | null;
}

export interface Finding {
  limit: string;
  /** As it is set; `unknown` where the machine does not say. */
  value: string;
  /** Connections; null: it does not bound their number. */
  allows: number | null;
  /** `low`: it bounds no number, but connections suffer at a flood of them. */
  verdict: 'enough' | 'low' | 'unknown';
  means: string;
  /** Commands or lines of configuration. */
  raise: readonly string[];
}

export interface Diagnosis {
  gateways: number;
  /** What can be held; null: no limit is known. */
  connections: number | null;
  /** The limit that binds first; null: no limit is known. */
  binds: string | null;
  findings: readonly Finding[];
  /** Why the number that was asked for cannot be held; empty: it can, or nothing was asked. */
  reasons: readonly string[];
}

/** Others on the machine open files, too. */
const spareFiles = 10_000;
/** Of the memory that could be taken: the rest is for bursts, and for the cache of the disk. */
const memoryShare = 0.9;

/** Never throws, whatever is missing. */
export function diagnose(facts: MachineFacts, question: DoctorQuestion): Diagnosis {
  const each = connectionRoom(filesOfGateway(facts.files)).most;
  const needed = Math.ceil((question.connections ?? 0) / each);
  const gateways =
    question.gateways ??
    (question.connections === null
      ? gatewaysFor(facts.processors)
      : Math.min(mostGateways, Math.max(needed, gatewaysFor(facts.processors))));
  const wanted = question.connections;
  const findings = [
    gatewayFiles(facts, { gateways, each, wanted }),
    systemFiles(facts, gateways),
    memory(facts, gateways),
    tasks(facts, gateways),
    tracking(facts),
    tcpMemory(facts, wanted),
    buffers(facts),
    ports(facts, wanted),
    backlog(facts, gateways),
    handshakes(facts),
    packets(facts),
    migration(facts),
    overcommit(facts),
    maps(facts),
    processors(facts, gateways),
  ];
  const bounds = findings.filter((finding) => finding.allows !== null);
  bounds.sort((one, other) => (one.allows ?? 0) - (other.allows ?? 0));
  const [first] = bounds;
  return {
    gateways,
    connections: first?.allows ?? null,
    binds: first?.limit ?? null,
    findings,
    reasons: wanted === null ? [] : reasonsAgainst(bounds, wanted),
  };
}

function reasonsAgainst(bounds: readonly Finding[], wanted: number): string[] {
  return bounds
    .filter(({ allows }) => allows !== null && allows < wanted)
    .map(
      ({ limit, value, allows }) =>
        `${limit} (${value}): enough for ${counted(allows ?? 0)} of ${counted(wanted)}`,
    );
}

function gatewayFiles(
  { files }: MachineFacts,
  { gateways, each, wanted }: { gateways: number; each: number; wanted: number | null },
): Finding {
  const { process, mostHard } = files;
  const more = Math.ceil((wanted ?? each * gateways) / each);
  const mostText = counted(mostHard ?? usualMostHard);
  return {
    limit: 'open files a gateway',
    value:
      process === null ? 'unknown' : `soft ${orUnlimited(process.soft)}, hard ${orUnlimited(process.hard)}`,
    allows: process === null ? null : each * gateways,
    verdict: process === null ? 'unknown' : 'enough',
    means: `each gateway may hold ${counted(each)} (Node raises its soft limit to the hard one; up to ${counted(reservedFiles)} are kept for links, files and refusals)`,
    raise: [
      ...(more > gateways
        ? [`start --gateways ${Math.min(more, mostGateways)}`]
        : ['start --gateways N (up to 128)']),
      'ulimit -Hn 1000000 (as root, in the shell that starts it)',
      `LimitNOFILE=1000000 (systemd, in [Service]; fs.nr_open allows ${mostText})`,
      '* hard nofile 1000000 (/etc/security/limits.conf)',
    ],
  };
}

function systemFiles({ files }: MachineFacts, gateways: number): Finding {
  const { system } = files;
  const own = gateways * 64 + spareFiles;
  return {
    limit: 'open files of the machine',
    value: system === null ? 'unknown' : `fs.file-max ${counted(system.most)}, ${counted(system.open)} open`,
    allows: system === null ? null : Math.max(0, system.most - system.open - own),
    verdict: system === null ? 'unknown' : 'enough',
    means: `all processes together, less ${counted(own)} for the processes themselves and others. A client on this machine takes a file of its own for each connection`,
    raise: sysctl('fs.file-max', 4_000_000),
  };
}

function memory({ memory: { totalBytes, availableBytes, limit } }: MachineFacts, gateways: number): Finding {
  const limitLeft = limit === null ? null : Math.max(0, limit.bytes - limit.usedBytes);
  const available = availableBytes ?? totalBytes;
  const bytes = Math.min(available, limitLeft ?? available) * memoryShare;
  const isGroup = limitLeft !== null && limitLeft < available;
  return {
    limit: 'memory',
    value: isGroup
      ? `${mebibytes(limitLeft)} left of this container's ${mebibytes(limit?.bytes ?? 0)}`
      : `${mebibytes(available)} available of ${mebibytes(totalBytes)}`,
    allows: connectionsInMemory({ bytes, gateways, hasCore: true }),
    verdict: 'enough',
    means: `${(bytesOfConnection / 1024).toFixed(0)} KB a connection (gateway, core and kernel together), ${mebibytes(processBytes.gateway)} a gateway; a tenth is left alone. Counted beside what runs now`,
    raise: isGroup
      ? ['docker run --memory=8g ... (or memory.max of the control group; systemd: MemoryMax=8G)']
      : ['more memory; or fewer connections here and another machine: murmuration invite --roles gateway'],
  };
}

function tasks({ tasks: limit }: MachineFacts, gateways: number): Finding {
  const needed = (gateways + 2) * threadsOfGateway;
  const isLow = limit !== null && limit.most - limit.now < needed;
  return {
    limit: 'tasks of the control group',
    value: limit === null ? 'no limit known' : `pids.max ${counted(limit.most)}, ${counted(limit.now)} now`,
    allows: isLow ? 0 : null,
    verdict: 'enough',
    means: `each process has some ${threadsOfGateway} threads: the core, the agent and the gateways (${counted(gateways)}) need ${counted(needed)}`,
    raise: ['docker run --pids-limit=4096 ... (systemd: TasksMax=4096)'],
  };
}

function tracking({ tracked }: MachineFacts): Finding {
  // It may be loaded and have nothing to track: then there is not even one.
  const isInUse = tracked !== null && tracked.now > 0;
  const loaded = `net.netfilter.nf_conntrack_max ${counted(tracked?.most ?? 0)}`;
  return {
    limit: 'tracked connections',
    value: tracked === null ? 'not tracked' : `${loaded}, ${counted(tracked.now)} now`,
    allows: isInUse ? Math.max(0, tracked.most - tracked.now) : null,
    verdict: 'enough',
    means:
      'a firewall with state remembers each connection that comes through it; past its limit packets are dropped',
    raise: [
      ...sysctl('net.netfilter.nf_conntrack_max', 2_000_000),
      'or do not track them: iptables -t raw -A PREROUTING -p tcp --dport PORT -j NOTRACK (and OUTPUT, --sport)',
    ],
  };
}

function tcpMemory({ tcpMemory: limit }: MachineFacts, wanted: number | null): Finding {
  const page = 4096;
  const atOnce = limit === null ? 0 : Math.floor(limit.pressureBytes / page);
  return {
    limit: 'bytes under way',
    value: limit === null ? 'unknown' : `net.ipv4.tcp_mem: pressure from ${mebibytes(limit.pressureBytes)}`,
    allows: null,
    verdict: limit === null ? 'unknown' : atOnce < (wanted ?? 0) ? 'low' : 'enough',
    means: `an idle connection takes none; ${counted(atOnce)} may have a page under way at once, then buffers shrink`,
    raise: ['sysctl -w net.ipv4.tcp_mem="1000000 1500000 2000000" (in pages)'],
  };
}

function buffers({ buffers: sizes }: MachineFacts): Finding {
  const isLarge = sizes !== null && Math.max(sizes.receiveLeast, sizes.sendLeast) > 16_384;
  return {
    limit: 'least buffers of a socket',
    value:
      sizes === null
        ? 'unknown'
        : `net.ipv4.tcp_rmem ${counted(sizes.receiveLeast)}, tcp_wmem ${counted(sizes.sendLeast)} bytes`,
    allows: null,
    verdict: sizes === null ? 'unknown' : isLarge ? 'low' : 'enough',
    means:
      'what each socket keeps even under pressure: more than a few pages is dear by the hundred thousand',
    raise: [
      'sysctl -w net.ipv4.tcp_rmem="4096 16384 4194304"',
      'sysctl -w net.ipv4.tcp_wmem="4096 16384 4194304"',
    ],
  };
}

function ports({ ports: range }: MachineFacts, wanted: number | null): Finding {
  const number = range === null ? 0 : range.last - range.first + 1;
  const addresses = range === null ? 0 : Math.ceil((wanted ?? 1_000_000) / number);
  return {
    limit: 'ephemeral ports',
    value: range === null ? 'unknown' : `net.ipv4.ip_local_port_range ${range.first}-${range.last}`,
    allows: null,
    verdict: range === null ? 'unknown' : 'enough',
    means: `for clients, not for the server: ${counted(number)} connections from one address to this port. A load of ${counted(wanted ?? 1_000_000)} from this machine needs ${counted(addresses)} source addresses (127.0.0.2, .3 ...); a proxy in front, or many people behind one address, are bounded in the same way`,
    raise: ['sysctl -w net.ipv4.ip_local_port_range="1024 65535" (on the machine of the clients)'],
  };
}

function backlog({ listenBacklog }: MachineFacts, gateways: number): Finding {
  const each = Math.min(listenerBacklog, listenBacklog ?? listenerBacklog);
  return {
    limit: 'listen backlog',
    value: listenBacklog === null ? 'unknown' : `net.core.somaxconn ${counted(listenBacklog)}`,
    allows: null,
    verdict: listenBacklog === null ? 'unknown' : listenBacklog < listenerBacklog ? 'low' : 'enough',
    means: `uWebSockets.js asks for ${listenerBacklog} places a gateway: ${counted(each * gateways)} connections may wait to be accepted`,
    raise: sysctl('net.core.somaxconn', 4096),
  };
}

function handshakes({ handshakeBacklog }: MachineFacts): Finding {
  return atLeast({
    limit: 'handshakes under way',
    name: 'net.ipv4.tcp_max_syn_backlog',
    value: handshakeBacklog,
    least: 1024,
    advised: 8192,
    means: 'beyond it the system falls back to SYN cookies, or drops',
  });
}

function packets({ packetBacklog }: MachineFacts): Finding {
  return atLeast({
    limit: 'packets waiting for a processor',
    name: 'net.core.netdev_max_backlog',
    value: packetBacklog,
    least: 1000,
    advised: 16_384,
    means:
      'beyond it packets are dropped and sent again 200 ms later: a frame to all at once is a burst of them',
  });
}

function migration({ movesHandshakes }: MachineFacts): Finding {
  return {
    limit: 'moving of handshakes',
    value: movesHandshakes === null ? 'unknown' : `net.ipv4.tcp_migrate_req ${movesHandshakes ? 1 : 0}`,
    allows: null,
    verdict: movesHandshakes === null ? 'unknown' : movesHandshakes ? 'enough' : 'low',
    means:
      'when a gateway stops listening (it is full, or is replaced), a connection whose handshake is under way moves to another one; without it that is reset',
    raise: sysctl('net.ipv4.tcp_migrate_req', 1),
  };
}

function overcommit({ overcommit: mode }: MachineFacts): Finding {
  return {
    limit: 'overcommit',
    value: mode === null ? 'unknown' : `vm.overcommit_memory ${mode}`,
    allows: null,
    verdict: mode === null ? 'unknown' : mode === 2 ? 'low' : 'enough',
    means: 'with 2 address space counts as memory, of which Node and LMDB reserve far more than they use',
    raise: sysctl('vm.overcommit_memory', 0),
  };
}

function maps({ maps: most }: MachineFacts): Finding {
  return atLeast({
    limit: 'memory maps a process',
    name: 'vm.max_map_count',
    value: most,
    least: 16_384,
    advised: 65_530,
    means: 'sockets need none; Node needs some hundreds, more with a large heap',
  });
}

function processors({ processors: number }: MachineFacts, gateways: number): Finding {
  return {
    limit: 'processors',
    value: counted(number),
    allows: null,
    verdict: 'enough',
    means: `bound deliveries, not connections. --gateways auto is ${gatewaysFor(number)} (one a processor, one left to the core); more gateways (here ${counted(gateways)}) hold more connections`,
    raise: ['more processors; or another machine: murmuration invite --roles gateway'],
  };
}

function atLeast({
  limit,
  name,
  value,
  least,
  advised,
  means,
}: {
  limit: string;
  name: string;
  value: number | null;
  least: number;
  advised: number;
  means: string;
}): Finding {
  return {
    limit,
    value: value === null ? 'unknown' : `${name} ${counted(value)}`,
    allows: null,
    verdict: value === null ? 'unknown' : value < least ? 'low' : 'enough',
    means,
    raise: sysctl(name, advised),
  };
}

/** Now, and at the next start. */
function sysctl(name: string, value: number): string[] {
  return [`sysctl -w ${name}=${value}`, `echo '${name} = ${value}' >> /etc/sysctl.d/90-murmuration.conf`];
}

function orUnlimited(value: number | null): string {
  return value === null ? 'unlimited' : counted(value);
}

function counted(value: number): string {
  return value.toLocaleString('en');
}

function mebibytes(bytes: number): string {
  return `${counted(Math.round(bytes / 2 ** 20))} MiB`;
}
