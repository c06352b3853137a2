// A wire of an operator's own to some core of the cluster, for machines that have none: proved by the node's key.
import { type ClusterFile, manifestIn } from './cluster-file.ts';
import { CommandFault, faultOf, Unanswered } from './command-fault.ts';
import type { MeshLink } from './mesh-dialing.ts';
import { commandCall, meshMessages } from './mesh-messages.ts';
import { helloOf, newSelf } from './mesh-self.ts';
import { readNodeIdentity } from './node-identity.ts';
import { sameBytes } from './packed.ts';
import { WireCalls } from './wire-calls.ts';
import { connectWire } from './wire-dial.ts';

type Calls = WireCalls<{ command: string }, { json: string }>;

/** Throws a `CommandFault` when no core of cluster.json answers, or when the cluster refuses. */
export async function askByWire<T>(
  data: string,
  file: ClusterFile,
  work: (command: (json: string) => Promise<string>) => Promise<T>,
): Promise<T> {
  const verified = manifestIn(file);
  if (verified === null) throw new CommandFault(`${data} has not been let into its cluster yet.`);
  const identity = await readNodeIdentity(data);
  const self = newSelf({ node: identity.number, role: 'operator', name: 'command', version: '' });
  let calls: Calls | null = null;
  const tried: string[] = [];
  for (const { host, port } of file.cores) {
    const dialing = connectWire({
      host,
      port,
      tls: identity.tls,
      expects: (key) => verified.manifest.members.some((member) => sameBytes(member.key, key)),
      hello: () => helloOf(self, { cluster: verified.manifest.cluster, verified }),
      admits: () => ({ ok: true }),
      messages: meshMessages,
      onLink: (link) => {
        const own = callsOf(link);
        calls = own;
        return {
          data() {},
          control(message) {
            if (message.kind === 'answer') own.take(message);
          },
          closed: () => own.close(),
        };
      },
      log: { info() {}, warn() {}, error() {} },
    });
    const outcome = await dialing.outcome;
    if (outcome.kind === 'refused') {
      tried.push(`${host}:${port} (${outcome.ending.text})`);
      continue;
    }
    try {
      return await work((json) => ask(calls, json));
    } finally {
      outcome.link.close('that was all');
    }
  }
  throw new Unanswered(`No core of the cluster answers: ${tried.join(', ') || 'none is known'}.`);
}

function callsOf(link: MeshLink): Calls {
  return new WireCalls({ ...commandCall, send: (message) => link.control(message), timeoutMs: 15_000 });
}

async function ask(calls: Calls | null, json: string): Promise<string> {
  const outcome = await calls?.call({ command: json });
  if (outcome === undefined) throw new Unanswered('No core of the cluster answers.');
  if (!outcome.ok) throw faultOf(outcome.rejection);
  return outcome.value.json;
}
