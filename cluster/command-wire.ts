// A wire of an operator's own to some core of the cluster, for machines that have none: proved by the node's key.
import { type ClusterFile, manifestIn } from './cluster-file.ts';
import { CommandFault, faultOf, Unanswered } from './command-fault.ts';
import type { VerifiedManifest } from './manifest.ts';
import type { MeshLink, MeshReceiver } from './mesh-dialing.ts';
import { commandCall, meshMessages } from './mesh-messages.ts';
import { helloOf, newSelf } from './mesh-self.ts';
import { type NodeIdentity, readNodeIdentity } from './node-identity.ts';
import { sameBytes } from './packed.ts';
import { WireCalls } from './wire-calls.ts';
import { connectWire } from './wire-dial.ts';
import { noWireLog } from './wire-meter.ts';

type Calls = WireCalls<{ command: string }, { json: string }>;

/**
 * Throws a `CommandFault` when no core of cluster.json answers, or when the cluster refuses. A core that has gone meanwhile is no fault: what
 * is asked next is asked of another.
 */
export async function askByWire<T>(
  data: string,
  file: ClusterFile,
  work: (command: (json: string) => Promise<string>) => Promise<T>,
): Promise<T> {
  const verified = manifestIn(file);
  if (verified === null) throw new CommandFault(`${data} has not been let into its cluster yet.`);
  const wires = new Wires({ file, verified, identity: await readNodeIdentity(data) });
  try {
    return await work((json) => wires.ask(json));
  } finally {
    wires.close();
  }
}

interface WiresOptions {
  file: ClusterFile;
  verified: VerifiedManifest;
  identity: NodeIdentity;
}

/** One wire at a time, to the first core that takes it. */
class Wires {
  readonly #options: WiresOptions;
  #open: { link: MeshLink; calls: Calls } | null = null;

  constructor(options: WiresOptions) {
    this.#options = options;
  }

  async ask(json: string): Promise<string> {
    const { calls } = this.#open ?? (await this.#dial());
    const outcome = await calls.call({ command: json });
    if (!outcome.ok) throw faultOf(outcome.rejection);
    return outcome.value.json;
  }

  close(): void {
    this.#open?.link.close('that was all');
    this.#open = null;
  }

  async #dial(): Promise<{ link: MeshLink; calls: Calls }> {
    const { file, verified, identity } = this.#options;
    const self = newSelf({ node: identity.number, role: 'operator', name: 'command', version: '' });
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
        onLink: (link) => this.#opened(link),
        log: noWireLog,
      });
      const outcome = await dialing.outcome;
      if (outcome.kind !== 'refused' && this.#open !== null) return this.#open;
      tried.push(`${host}:${port} (${outcome.kind === 'refused' ? outcome.ending.text : 'it has gone'})`);
    }
    throw new Unanswered(`No core of the cluster answers: ${tried.join(', ') || 'none is known'}.`);
  }

  #opened(link: MeshLink): MeshReceiver {
    const calls = callsOf(link);
    const own = { link, calls };
    this.#open = own;
    return {
      data() {},
      control(message) {
        if (message.kind === 'answer') calls.take(message);
      },
      closed: () => {
        if (this.#open === own) this.#open = null;
        calls.close();
      },
    };
  }
}

function callsOf(link: MeshLink): Calls {
  return new WireCalls({ ...commandCall, send: (message) => link.control(message), timeoutMs: 15_000 });
}
