// The last look: every timeline, whole, and every relation, through every gateway, when nothing is harmed and nobody writes any more.
import { fieldOf, type Gateway } from './asking.ts';
import type { Crowd } from './crowd.ts';
import { type ClientRecord, nowMs } from './record.ts';

/** Rejects when a gateway does not answer. */
export async function readEnd(crowd: Crowd, record: ClientRecord): Promise<void> {
  await Promise.all(crowd.asker.gateways.map((gateway) => readThrough(gateway, crowd, record)));
}

async function readThrough(gateway: Gateway, { asker, handles }: Crowd, record: ClientRecord): Promise<void> {
  const via = gateway.name;
  const everybody = [...asker.people.keys()];
  for (const target of everybody) {
    // Through eyes that nobody blocks.
    const posts = await asker.whole(target, gateway, `/api/v1/accounts/${asker.person(target).id}/statuses`);
    record.add({ kind: 'found', atMs: nowMs(), who: target, via, what: { kind: 'author', target, posts } });
  }
  for (const who of handles) {
    const posts = await asker.whole(who, gateway, '/api/v1/timelines/home');
    record.add({ kind: 'found', atMs: nowMs(), who, via, what: { kind: 'home', posts } });
    const ids = handles.map((handle) => `id[]=${asker.person(handle).id}`).join('&');
    const response = await asker.read(who, gateway, `/api/v1/accounts/relationships?${ids}`);
    const relations: unknown = await response.json();
    const those = (field: string): string[] =>
      handles.filter((handle) => {
        const { id } = asker.person(handle);
        const relation = Array.isArray(relations) ? relations.find((one) => fieldOf(one, 'id') === id) : null;
        return fieldOf(relation, field) === true;
      });
    const what = { kind: 'relations', following: those('following'), blocking: those('blocking') } as const;
    record.add({ kind: 'found', atMs: nowMs(), who, via, what });
  }
}
