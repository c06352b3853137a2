// What a core's host does of requests: secrets and accounts are core-services.ts's, the rest is about the core as a whole.

import type { RequestKind } from '../actors/messages.ts';
import { type Ask, services } from '../actors/messages.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import type { Store } from '../runtime/store.ts';
import type { CoreMetrics } from './core-metrics.ts';
import { coreReport } from './core-report.ts';
import type { CoreServices } from './core-services.ts';
import type { LinkPeer } from './link-peer.ts';
import { rejected } from './rejection.ts';

export type ServiceKind = keyof typeof services;

type Reported = Parameters<typeof coreReport>[0];

export interface CoreOperationsOptions {
  services: CoreServices;
  store: Store;
  metrics: CoreMetrics;
  actors: Reported['actors'];
  sessions: Reported['sessions'];
  peers(): Iterable<LinkPeer>;
  now(): number;
}

const operatorOnly: ReadonlySet<RequestKind> = new Set([
  'adopt',
  'adoptAccounts',
  'issueToken',
  'setPassword',
  'backup',
  'status',
]);

export function isOperators(kind: RequestKind): boolean {
  return operatorOnly.has(kind);
}

export function isService(kind: RequestKind): kind is ServiceKind {
  return Object.hasOwn(services, kind);
}

export class CoreOperations {
  readonly #options: CoreOperationsOptions;
  readonly #startedMs: number;

  constructor(options: CoreOperationsOptions) {
    this.#options = options;
    this.#startedMs = options.now();
  }

  async serve(kind: ServiceKind, ask: Ask<ServiceKind>): Promise<Outcome<unknown>> {
    const { services: secrets, metrics, peers } = this.#options;
    switch (kind) {
      case 'admit':
        return { ok: true, value: {} };
      case 'status':
        return { ok: true, value: { json: JSON.stringify(this.#report()) } };
      case 'metrics':
        return {
          ok: true,
          value: { text: await metrics.text([...peers()].filter(({ role }) => role === 'gateway')) },
        };
      case 'backup':
        return this.#backup((ask as Ask<'backup'>).folder);
      default: {
        const service = secrets[kind] as (asked: unknown) => Promise<Outcome<unknown>>;
        return service.call(secrets, ask);
      }
    }
  }

  #report(): object {
    const { store, actors, sessions, peers, now } = this.#options;
    return coreReport({ store, actors, sessions, peers: peers(), uptimeMs: now() - this.#startedMs });
  }

  async #backup(folder: string): Promise<Outcome<unknown>> {
    try {
      const { bytes, position } = await this.#options.store.backup(folder);
      return { ok: true, value: { bytes, position } };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return rejected('invalid', message);
    }
  }
}
