// A run of `bench connections`: what it is asked for, and what either kind of run hands back. The kinds are connections-own.ts and -given.ts.
import { Crowd } from './connections-crowd.ts';
import type { Bare, Step } from './connections-step.ts';
import type { Moment } from './connections-watch.ts';

export interface ConnectionsOptions {
  port: number;
  quick: boolean;
  /** Of a server of our own: how many connections there are after each step. */
  steps: readonly number[];
  followees: number;
  users: number;
  gateways: number;
  hold: number;
  /** Deliveries a second that the posts of a stretch make. */
  rate: number;
  graph?: string | undefined;
  seed: number;
  /** Of a server that is there: */
  connections?: number | undefined;
  tokens?: string | undefined;
  data?: string | undefined;
  handles?: string | undefined;
  shareTokens: boolean;
  posts: number;
  seconds: number;
  check: boolean;
  /** Of either: */
  compact: boolean;
  tokenIn: 'header' | 'query';
  opening: number;
  openRate: number;
  sources: readonly string[];
  client: 'auto' | 'c' | 'net';
  aProcess?: number | undefined;
  plot?: string | undefined;
}

/** What either kind of run hands back to be printed, drawn and kept. */
export interface Run {
  name: string;
  bare: Bare;
  steps: Step[];
  moments: readonly Moment[];
  rows: [string, string][];
  figures: Record<string, number>;
  wrong: string[];
}

/** What both kinds of run need of the command line, made ready. */
export interface Ground {
  options: ConnectionsOptions;
  client: 'c' | 'net';
  folder: string;
}

/** The connections of a run, none of them open yet. */
export function crowdOf(
  { options, client, folder }: Ground,
  targets: readonly string[],
  path: string,
): Crowd {
  const { tokenIn, compact, sources, opening, openRate, aProcess } = options;
  return new Crowd({
    client,
    targets,
    path,
    tokenIn,
    isCompact: compact,
    sources,
    folder,
    openingAtOnce: opening,
    openRate,
    ...(aProcess === undefined ? {} : { mostAProcess: aProcess }),
  });
}
