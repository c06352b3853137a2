// What must be there at the end, when all is well again: everything acknowledged, once, and the same through every gateway.
import type { History } from './history.ts';
import { endOf } from './judge-deletes.ts';
import type { Entry, Found, Shown } from './record.ts';
import type { Violation } from './violation.ts';

/** Every acknowledged post that nobody asked to delete is on its author's page, through every gateway. */
export function judgeDurable(history: History): Violation[] {
  const lost = history.found.flatMap((found) => {
    const { what } = found;
    if (what.kind !== 'author') return [];
    const ids = new Set(what.posts.map(({ id }) => id));
    return (history.postsOf.get(what.target) ?? [])
      .filter(({ id, deletion }) => deletion === null && !ids.has(id ?? ''))
      .map((post) => ({
        promise: 'durable' as const,
        text: `post ${post.key} (${post.id}) of ${post.author} was acknowledged, and ${found.via} does not have it at the end`,
        atMs: post.acknowledgedMs,
        entries: [...post.entries, found],
      }));
  });
  return [...lost, ...lostRelations(history)];
}

function lostRelations(history: History): Violation[] {
  return history.found.flatMap((found) => {
    const { what, who, atMs } = found;
    if (what.kind !== 'relations') return [];
    const wrong: Violation[] = [];
    const say = (target: string, text: string): void => {
      const entries = [...history.turnsOf(who, target), found];
      wrong.push({
        promise: 'durable',
        text: `${text}, and ${found.via} says otherwise at the end`,
        atMs,
        entries,
      });
    };
    for (const target of history.followedBy(who)) {
      const isFollowed = what.following.includes(target);
      if (!isFollowed && history.surelyFollows(who, target, atMs, atMs))
        say(target, `${who} follows ${target}`);
      if (isFollowed && history.surelyFollowsNot(who, target, atMs, atMs))
        say(target, `${who} does not follow ${target} any more`);
    }
    for (const { target } of history.relations('block').filter((pair) => pair.who === who))
      if (!what.blocking.includes(target) && history.surelyBlocks(who, target, atMs, atMs))
        say(target, `${who} blocks ${target}`);
    return wrong;
  });
}

/** So long both posts of a key may be seen, after a server that was cut off has made one that nobody was told of: then it has gone. */
const twinMs = 30_000;

interface Sighting {
  shown: Shown;
  entry: Entry;
  firstMs: number;
  lastMs: number;
  isAcknowledged: boolean;
  isFoundAtEnd: boolean;
}

/** One key makes one post, however often it was sent; a post keeps its key and its author. */
export function judgeOnce(history: History): Violation[] {
  const byKey = new Map<string, Map<string, Sighting>>();
  const look = (shown: Shown, entry: Entry, as: 'acknowledged' | 'found' | 'seen'): void => {
    const sightings = byKey.get(shown.key) ?? new Map<string, Sighting>();
    byKey.set(shown.key, sightings);
    const name = `${shown.id} ${shown.author}`;
    const atMs = endOf(entry);
    const known = sightings.get(name);
    sightings.set(name, {
      shown,
      entry: known?.entry ?? entry,
      firstMs: Math.min(atMs, known?.firstMs ?? atMs),
      lastMs: Math.max(atMs, known?.lastMs ?? atMs),
      isAcknowledged: as === 'acknowledged' || known?.isAcknowledged === true,
      isFoundAtEnd: as === 'found' || known?.isFoundAtEnd === true,
    });
  };
  for (const entry of history.entries) {
    if (entry.kind === 'asked' && entry.answer.kind === 'done') {
      const { got } = entry.answer;
      if (got.kind === 'page') for (const shown of got.page.posts) look(shown, entry, 'seen');
      if (got.kind === 'post' && entry.deed.do === 'post')
        look({ id: got.id, author: entry.who, key: entry.deed.key }, entry, 'acknowledged');
    }
    if (entry.kind === 'streamed' && entry.event.kind === 'update') look(entry.event.shown, entry, 'seen');
    if (entry.kind === 'found' && entry.what.kind !== 'relations')
      for (const shown of entry.what.posts) look(shown, entry, 'found');
  }
  return [...byKey].flatMap(([key, sightings]) => {
    const [one, other] = [...sightings.values()];
    if (one === undefined || other === undefined || !isTwice([...sightings.values()])) return [];
    const text = `one key, ${key}, has made two posts: ${one.shown.id} and ${other.shown.id}`;
    const entries = [...(history.posts.get(key)?.entries ?? []), one.entry, other.entry];
    return [{ promise: 'once' as const, text, atMs: endOf(other.entry), entries }];
  });
}

/** Two were told of, or are there at the end; or one that was not is seen for long beside the other. */
function isTwice(all: readonly Sighting[]): boolean {
  if (new Set(all.map(({ shown }) => shown.author)).size > 1) return true;
  if (all.filter(({ isAcknowledged }) => isAcknowledged).length > 1) return true;
  if (all.filter(({ isFoundAtEnd }) => isFoundAtEnd).length > 1) return true;
  const bothMs = Math.max(...all.map(({ firstMs }) => firstMs));
  return all.filter(({ lastMs }) => lastMs > bothMs + twinMs).length > 1;
}

/** All gateways say the same at the end. */
export function judgeConverged(history: History): Violation[] {
  const first = new Map<string, Found>();
  return history.found.flatMap((found) => {
    const { what, who } = found;
    const name = what.kind === 'author' ? `the page of ${what.target}` : `${what.kind} of ${who}`;
    const other = first.get(name);
    if (other === undefined) {
      first.set(name, found);
      return [];
    }
    const difference = differenceOf(other, found);
    if (difference === null) return [];
    const text = `${name} is not the same through ${other.via} and ${found.via}: ${difference}`;
    return [{ promise: 'converge' as const, text, atMs: found.atMs, entries: [other, found] }];
  });
}

function differenceOf(
  { what: one, via: oneVia }: Found,
  { what: other, via: otherVia }: Found,
): string | null {
  const listed = (what: Found['what']): string[] =>
    what.kind === 'relations'
      ? [...what.following.map((name) => `follows ${name}`), ...what.blocking.map((name) => `blocks ${name}`)]
      : what.posts.map(({ id }) => id);
  const [ones, others] = [listed(one), listed(other)];
  const more = ones.filter((name) => !others.includes(name));
  const less = others.filter((name) => !ones.includes(name));
  if (more.length > 0) return `only ${oneVia} has ${more.slice(0, 5).join(', ')}`;
  if (less.length > 0) return `only ${otherVia} has ${less.slice(0, 5).join(', ')}`;
  return ones.join(' ') === others.join(' ') ? null : 'not in the same order';
}

/** Of sign-ups for one name at most one succeeds, and one does when every one of them was answered clearly. */
export function judgeHandles(history: History): Violation[] {
  const byHandle = new Map<string, Extract<Entry, { kind: 'asked' }>[]>();
  for (const asked of history.asked)
    if (asked.deed.do === 'signUp')
      byHandle.set(asked.deed.handle, [...(byHandle.get(asked.deed.handle) ?? []), asked]);
  return [...byHandle].flatMap(([handle, tries]) => {
    const won = tries.filter(({ answer }) => answer.kind === 'done').length;
    const isClear = tries.every(
      ({ answer }) => answer.kind === 'done' || (answer.kind === 'refused' && answer.status === 422),
    );
    const atMs = Math.max(...tries.map(endOf));
    const text = `${won} of ${tries.length} sign-ups as ${handle} succeeded`;
    return won > 1 || (won === 0 && isClear)
      ? [{ promise: 'unique' as const, text, atMs, entries: tries }]
      : [];
  });
}
