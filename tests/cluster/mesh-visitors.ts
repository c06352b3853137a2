// Somebody who dials a core of a mesh by hand: a newcomer, an agent, an operator. It writes down what it is told.
import type { Admission } from '../../cluster/invite-admission.ts';
import { admission } from '../../cluster/invite-admission.ts';
import type { VerifiedManifest } from '../../cluster/manifest.ts';
import type { MeshLink } from '../../cluster/mesh-dialing.ts';
import { type MeshControl, meshMessages } from '../../cluster/mesh-messages.ts';
import { helloOf, newSelf } from '../../cluster/mesh-self.ts';
import { packed } from '../../cluster/packed.ts';
import type { WireEnding } from '../../cluster/wire-close.ts';
import { connectWire } from '../../cluster/wire-dial.ts';
import type { WireRole } from '../../cluster/wire-hello.ts';
import type { MeshNodes, TestCore, TestNode } from './mesh-nodes.ts';
import { Witness } from './wire-ends.ts';

export interface Visitor {
  /** Of its hello. */
  boot: Uint8Array;
  /** Null when it was refused. */
  link: MeshLink | null;
  refused: WireEnding | null;
  told: MeshControl[];
  endings: WireEnding[];
}

export async function visit(
  nodes: MeshNodes,
  to: TestCore,
  as: { node: TestNode; role?: WireRole; shown?: Admission; verified?: VerifiedManifest | null },
): Promise<Visitor> {
  const { node, role = 'agent', shown, verified = null } = as;
  const told: MeshControl[] = [];
  const endings: WireEnding[] = [];
  const { log } = new Witness();
  const self = newSelf({ node: node.identity.number, role, name: node.name, version: 'x' });
  const dialing = connectWire({
    host: '127.0.0.1',
    port: to.mesh.port,
    tls: node.identity.tls,
    expects: () => true,
    hello: () =>
      helloOf(self, {
        cluster: to.mesh.manifest.manifest.cluster,
        verified,
        incarnation: 5,
        ...(shown === undefined ? {} : { admission: packed(admission, shown) }),
      }),
    admits: () => ({ ok: true }),
    messages: meshMessages,
    onLink: () => ({
      data() {},
      control: (message) => {
        told.push(message);
      },
      closed: (ending) => {
        endings.push(ending);
      },
    }),
    log,
  });
  const outcome = await dialing.outcome;
  const link = outcome.kind === 'opened' ? outcome.link : null;
  nodes.onClose(() => link?.close('the test is over'));
  return {
    boot: self.boot,
    link,
    refused: outcome.kind === 'refused' ? outcome.ending : null,
    told,
    endings,
  };
}
