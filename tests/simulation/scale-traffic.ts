// What cores send each other at scale, counted by kind: messages, and their bytes as the product packs them.

import { type MeshControl, meshMessages } from '../../cluster/mesh-messages.ts';
import { isControl, type PeerMessage } from '../../cluster/peer-messages.ts';
import { packMessage } from '../../cluster/wire-frame.ts';

export interface Sent {
  messages: number;
  bytes: number;
}

/** Of a frame and of the WebSocket around it. At rest a message seldom shares its frame; TLS and TCP are not counted. */
const frameBytes = 7 + 4;

export function bytesOf(message: PeerMessage | MeshControl): number {
  const isData = message.kind !== 'members' && !isMesh(message) && !isControl(message);
  const packed = isData
    ? packMessage(meshMessages.data, message)
    : packMessage(meshMessages.control, message);
  return packed.length + frameBytes;
}

function isMesh(message: PeerMessage | MeshControl): message is Exclude<MeshControl, PeerMessage> {
  return ['manifest', 'members', 'places', 'call', 'answer'].includes(message.kind);
}

export class Traffic {
  readonly byKind = new Map<string, Sent>();

  count(message: PeerMessage): void {
    const sent = this.byKind.get(message.kind) ?? { messages: 0, bytes: 0 };
    this.byKind.set(message.kind, sent);
    sent.messages++;
    sent.bytes += bytesOf(message);
  }

  get total(): Sent {
    const total = { messages: 0, bytes: 0 };
    for (const { messages, bytes } of this.byKind.values()) {
      total.messages += messages;
      total.bytes += bytes;
    }
    return total;
  }
}
