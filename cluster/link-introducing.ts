// The visitor's side of the handshake: challenge in, introduction out, welcome in. The core's side is link-greeting.ts's.
import { packFrame, unpackFrame } from './link-frame.ts';
import {
  type Challenge,
  challenge,
  type Introduction,
  introduction,
  type LinkRole,
  protocolFrom,
  protocolTo,
  welcome,
} from './link-messages.ts';
import { commonProtocol, newNonce, proofOf, sameProof } from './link-proof.ts';

export type IntroducingStep =
  | { kind: 'send'; frame: Uint8Array }
  /** Both have proved themselves. The lease counts from the time given. */
  | { kind: 'open'; introducedAtMs: number; protocol: number }
  | { kind: 'refuse'; reason: string };

export class Introducing {
  readonly #key: Uint8Array;
  readonly #name: string;
  readonly #role: LinkRole;
  #asked: Challenge | null = null;
  #introduced: Omit<Introduction, 'proof'> | null = null;
  #introducedAtMs = 0;

  constructor(options: { key: Uint8Array; name: string; role: LinkRole }) {
    this.#key = options.key;
    this.#name = options.name;
    this.#role = options.role;
  }

  /** The core's next frame. Throws `MalformedError` when it is none. */
  take(frame: Uint8Array, nowMs: number): IntroducingStep {
    const wire = unpackFrame(frame);
    if (this.#asked === null || this.#introduced === null)
      return this.#introduce(challenge.decode(wire), nowMs);
    const { protocol, proof } = welcome.decode(wire);
    if (!sameProof(proof, proofOf('core', this.#key, this.#asked, this.#introduced))) {
      return {
        kind: 'refuse',
        reason: 'what answers there does not know the key: another core.link, or another cluster',
      };
    }
    if (protocol !== commonProtocol(this.#asked)) {
      return { kind: 'refuse', reason: `the core chose protocol ${protocol}, which was not offered` };
    }
    return { kind: 'open', introducedAtMs: this.#introducedAtMs, protocol };
  }

  #introduce(asked: Challenge, nowMs: number): IntroducingStep {
    if (commonProtocol(asked) === null) {
      const reason = `the core speaks protocols ${asked.protocolFrom} to ${asked.protocolTo}, this program ${protocolFrom} to ${protocolTo}`;
      return { kind: 'refuse', reason };
    }
    const introduced = { protocolFrom, protocolTo, role: this.#role, name: this.#name, nonce: newNonce() };
    this.#asked = asked;
    this.#introduced = introduced;
    this.#introducedAtMs = nowMs;
    const proof = proofOf('visitor', this.#key, asked, introduced);
    return { kind: 'send', frame: packFrame(introduction.encode({ ...introduced, proof })) };
  }
}
