// What `murmuration start` says when all serve: where to go, what runs, how to stop it.
import { basename } from 'node:path';
import type { StartedAgent } from './agent.ts';
import type { ClusterPlace } from './agent-cluster-place.ts';

export function greeting(
  started: StartedAgent,
  { data, release, place }: { data: string; release: string; place: ClusterPlace },
): string {
  const processes = [
    `agent ${process.pid}`,
    ...(started.core === null ? [] : [`core ${started.core}`]),
    ...(started.gateways.length === 0 ? [] : [gatewaysOf(started.gateways)]),
  ];
  return [
    '',
    started.adopted > 0
      ? `Murmuration goes on: ${started.adopted} processes of an agent that died were taken over.`
      : started.gateways.length > 0
        ? 'Murmuration is ready. Open it in a browser, or point any Mastodon client at it:'
        : 'Murmuration is ready: a core, for the gateways of its cluster.',
    '',
    ...(started.gateways.length > 0 ? [`  ${started.url}`, ''] : []),
    `  data       ${data}`,
    `  release    ${basename(release)}`,
    `  processes  ${processes.join(', ')}`,
    `  cluster    ${clusterLine(started, place)}`,
    '',
    '  People and posts to look at:  npm run murmuration -- import --sample 1000',
    '  Another machine joins:        npm run murmuration -- invite',
    '  How it is:                    npm run murmuration -- status',
    '  Stop:                         Ctrl-C',
    '',
  ].join('\n');
}

const fewGateways = 8;

function gatewaysOf(pids: readonly number[]): string {
  return pids.length > fewGateways ? `${pids.length} gateways` : `gateway ${pids.join(', ')}`;
}

function clusterLine({ core }: StartedAgent, { cluster, host, port, isUsual }: ClusterPlace): string {
  const { members = [] } = cluster.manifest?.manifest ?? {};
  const size = members.length === 1 ? 'this machine alone' : `${members.length} machines`;
  if (core === null) return size;
  return `${size}; others reach it at ${host}:${port}${isUsual ? '' : ' (the usual port was taken)'}`;
}
