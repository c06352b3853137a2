// A newcomer's first link: it shows its invite to some core of the cluster, and gets the manifest in which it stands.
import type { ClusterFile } from './cluster-file.ts';
import { CommandFault } from './command-fault.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import type { SignedManifest, VerifiedManifest } from './manifest.ts';
import { verifyManifest } from './manifest-judgement.ts';
import { meshMessages } from './mesh-messages.ts';
import { helloOf, type MeshSelf } from './mesh-self.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { WireEnding } from './wire-close.ts';
import { connectWire } from './wire-dial.ts';
import type { WireAddress } from './wire-hello.ts';
import type { WireLog } from './wire-meter.ts';

export interface Joining {
  identity: NodeIdentity;
  file: ClusterFile;
  self: MeshSelf;
  /** Where the DHT says that cores are. */
  places(): Promise<WireAddress[]>;
  log: WireLog;
  /** Until it is given up. */
  withinMs: number;
  clock?: LinkClock;
}

const betweenMs = 500;
const manifestWithinMs = 5000;
/** Another attempt would be told the same, wherever it is made. */
const final: ReadonlySet<string> = new Set(['bad-admission', 'revoked-key']);

/** Rejects with a `CommandFault` that says why it is not let in, or that nobody can be reached. */
export async function joinCluster(joining: Joining): Promise<VerifiedManifest> {
  const { file, places, withinMs, clock = machineClock } = joining;
  const endMs = clock.nowMs() + withinMs;
  const failed = new Map<string, string>();
  for (;;) {
    const found = [...file.doors, ...(await places())];
    for (const { host, port } of new Map(found.map((one) => [`${one.host}:${one.port}`, one])).values()) {
      const result = await attempt(joining, { host, port });
      if (result.kind === 'manifest') return result.verified;
      const { reason, text, by } = result.ending;
      if (final.has(reason) && by === 'there')
        throw new CommandFault(`The cluster does not let this machine in: ${text}.`);
      failed.set(`${host}:${port}`, text);
    }
    if (clock.nowMs() >= endMs) throw new CommandFault(unreachable(failed));
    await new Promise<void>((resolve) => {
      clock.after(betweenMs, resolve);
    });
  }
}

type Attempt = { kind: 'manifest'; verified: VerifiedManifest } | { kind: 'failed'; ending: WireEnding };

async function attempt(joining: Joining, address: WireAddress): Promise<Attempt> {
  const { identity, file, self, log, clock = machineClock } = joining;
  let settle: (attempt: Attempt) => void = () => {};
  const told = new Promise<Attempt>((resolve) => {
    settle = resolve;
  });
  const failed = (ending: WireEnding): void => settle({ kind: 'failed', ending });
  const dialing = connectWire({
    ...address,
    tls: identity.tls,
    // Who is a member says the manifest, which is what is asked for; it is believed for its signature.
    expects: () => true,
    hello: () =>
      helloOf(self, {
        cluster: Buffer.from(file.cluster, 'hex'),
        verified: null,
        ...(file.admission === null ? {} : { admission: Buffer.from(file.admission, 'base64') }),
      }),
    admits: () => ({ ok: true }),
    messages: meshMessages,
    onLink: () => ({
      data() {},
      control(message) {
        if (message.kind !== 'manifest') return;
        const judged = judge(joining, message.signed);
        if (judged !== null) settle(judged);
      },
      closed: failed,
    }),
    log,
    ...(joining.clock === undefined ? {} : { clock: joining.clock }),
  });
  const outcome = await dialing.outcome;
  if (outcome.kind === 'refused') return { kind: 'failed', ending: outcome.ending };
  const cancel = clock.after(manifestWithinMs, () =>
    failed({ reason: 'too-late', text: 'no manifest came in time', by: 'here' }),
  );
  const result = await told;
  cancel();
  outcome.link.close('that was all');
  return result;
}

/** Null: this node is not in it yet; a later one follows. */
function judge({ file, identity }: Joining, signed: SignedManifest): Attempt | null {
  const trust = { cluster: Buffer.from(file.cluster, 'hex'), keeper: Buffer.from(file.keeper, 'hex') };
  const own = { bytes: Uint8Array.from(signed.bytes), signature: Uint8Array.from(signed.signature) };
  const result = verifyManifest(own, trust);
  if (result.kind === 'invalid')
    return { kind: 'failed', ending: { reason: 'malformed', text: result.reason, by: 'here' } };
  const { verified } = result;
  const isMember = verified.manifest.members.some(({ node }) => node === identity.number);
  return isMember ? { kind: 'manifest', verified } : null;
}

function unreachable(failed: ReadonlyMap<string, string>): string {
  const tried = [...failed].map(([place, text]) => `${place} (${text})`).join(', ');
  return tried === ''
    ? 'No machine of the cluster can be reached: the invite’s addresses have no core, and the DHT knows none.'
    : `No machine of the cluster can be reached: tried ${tried}.`;
}
