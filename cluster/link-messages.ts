// What the two ends of a link say to each other around the requests and pushes of actors/messages.ts. Declared once, here.
import { changed, pushed, tick } from '../actors/messages.ts';
import { partitionCount } from '../runtime/account-id.ts';
import {
  bytes,
  type Codec,
  type Infer,
  list,
  oneOf,
  optional,
  struct,
  text,
  uint,
  union,
} from '../runtime/codec.ts';

/** The versions of this file's messages that this program understands. A link uses the highest both ends know. */
export const protocolFrom = 1;
/** 2: leases on a core's own machine last longer (`link-lease.ts`). 3: what is pushed is paced by portions (`link-portions.ts`). */
export const protocolTo = 3;

const role = oneOf('gateway', 'operator', 'core');
/** Operators and other cores hold no caches: no fence waits for one that is gone. */
export type LinkRole = Infer<typeof role>;

const nonce = bytes(32);
export const nonceBytes = 32;

/** First, from the core: nothing is known of the other side yet. */
export const challenge = struct({ protocolFrom: uint, protocolTo: uint, nonce });
export type Challenge = Infer<typeof challenge>;

/** Then from whoever connected. The proof is link-proof.ts's. */
export const introduction = struct({
  protocolFrom: uint,
  protocolTo: uint,
  role,
  name: text(40),
  nonce,
  proof: bytes(32),
});
export type Introduction = Infer<typeof introduction>;

/** Last from the core, which proves itself in turn. */
export const welcome = struct({ protocol: uint, proof: bytes(32) });
export type Welcome = Infer<typeof welcome>;

/** A value whose codec depends on the request: decoded by link-requests.ts. */
const undecoded: Codec<unknown> = { encode: (value) => value, decode: (wire) => wire };

const rejection = struct({
  code: oneOf(
    'invalid',
    'not-found',
    'forbidden',
    'unauthorized',
    'taken',
    'rate-limited',
    'behind',
    'busy',
    'read-only',
    'unavailable',
    'moved',
  ),
  message: text(2000),
});

const numbered = struct({ id: uint });
export const metricsMost = 4_000_000;
/** A topic is `public` or `tag:` and a name. */
export const topicMost = 210;
export const topicsAtOnce = 5000;
export const topicsMost = 200_000;

/** A request. The id is the sender's, unique on its link. */
export const call = struct({ id: uint, request: text(60), ask: undecoded, limitKey: optional(text(200)) });
export type Call = Infer<typeof call>;

/** Null as rejection: the request was done, and `value` is its answer. */
export const answer = struct({
  id: uint,
  value: undecoded,
  rejection: optional(rejection),
  allowance: optional(struct({ limit: uint, remaining: uint, resetMs: uint })),
});
export type AnswerMessage = Infer<typeof answer>;

/** Calls and answers, which are nearly all there is, travel bare: they begin with a number, all else with its kind. */
export function isBare(message: unknown): boolean {
  return Array.isArray(message) && typeof message[0] === 'number';
}

/** What else a gateway or an operator sends. */
export const toCore = union({
  /** Changes to what it listens to. */
  listen: struct({ add: list(text(topicMost), topicsAtOnce), remove: list(text(topicMost), topicsAtOnce) }),
  /** Everything before this fence is processed. */
  fenced: numbered,
  /** All that was pushed up to this portion is with the sockets. */
  written: numbered,
  /** `confirmed`: the last pong that came in, 0 before the first. */
  ping: struct({ id: uint, confirmed: uint }),
  metrics: struct({ id: uint, json: optional(text(metricsMost)) }),
  /** Its caches are dropped already, and it leaves. */
  goodbye: struct({}),
});
export type ToCore = Infer<typeof toCore>;

export const itemsAtOnce = 64;

/**
 * The partitions that a core answers for, all of them, and under which term each. Told when a link has opened and on every change:
 * before the first answer of a partition that is new, and before anything else once one is gone. `version` ascends.
 */
export const serving = struct({
  version: uint,
  terms: list(struct({ partition: uint, term: uint }), partitionCount),
});
export type Serving = Infer<typeof serving>;

const mostCores = 1024;

/** All cores of the cluster, as the manifest of this epoch has them, and where each may be reached. */
export const cores = struct({
  epoch: uint,
  cores: list(
    struct({
      node: uint,
      publicKey: bytes(32),
      addresses: list(struct({ host: text(255), port: uint }), 16),
    }),
    mostCores,
  ),
});
export type CoreList = Infer<typeof cores>;
export type CorePlace = CoreList['cores'][number];

/** What else a core sends. */
export const fromCore = union({
  /** The beginning of a long tick: its items wait for the `tick` that ends it, because the cursor holds only then. */
  tickPart: struct({ items: list(pushed, itemsAtOnce) }),
  tick,
  changed,
  serving,
  cores,
  fence: numbered,
  /** So much has been pushed: to be told when it is written. */
  portion: numbered,
  /** Confirms the ping with this id, and with it the lease: link-lease.ts. */
  pong: numbered,
  askMetrics: numbered,
  /** The core is about to end, and what was asked before this came is answered yet: nothing more is to be asked, and a goodbye is waited for. */
  leaving: struct({}),
});
export type FromCore = Infer<typeof fromCore>;

/** Why a core ends a link, as WebSocket close codes. Coming back helps with all but the version. */
export const closeCode = {
  malformed: 4000,
  refused: 4001,
  version: 4002,
  full: 4003,
  dropped: 4004,
  goingAway: 1001,
  goodbye: 1000,
} as const;
