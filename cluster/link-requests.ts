// The codecs of every request, by kind: the one place where a checked value gets its request's type.
import { type Ask, commands, type RequestKind, requests } from '../actors/messages.ts';
import type { Codec } from '../runtime/codec.ts';

export interface RequestCodecs {
  ask: Codec<unknown>;
  answer: Codec<unknown>;
}

const byKind: ReadonlyMap<string, RequestCodecs> = new Map(Object.entries(requests));

export function isRequestKind(kind: string): kind is RequestKind {
  return byKind.has(kind);
}

export type CommandKind = keyof typeof commands;

/** For the account's actor. */
export function isCommand(kind: RequestKind): kind is CommandKind {
  return Object.hasOwn(commands, kind);
}

export function codecsOf(kind: RequestKind): RequestCodecs {
  return requests[kind];
}

/** Throws `MalformedError` when this is no such request. */
export function decodeAsk<K extends RequestKind>(kind: K, wire: unknown): Ask<K> {
  // Decoded by the very codec that Ask<K> is the type of; the compiler cannot follow a codec through a lookup by K.
  return codecsOf(kind).ask.decode(wire) as Ask<K>;
}
