// The visit: which route is looked at now, and whether one came back to it. What a visit had loaded and where it was scrolled to is
// kept under its key, so that the way back leads to what was there.
import { createRecent } from './recent.ts';
import { parseRoute, type Route, routeAddress } from './route.ts';
import { createStore } from './store.ts';

export interface Visit {
  readonly key: string;
  readonly route: Route;
  readonly returned: boolean;
}

const places = createRecent<{ top: number }>(50);
let count = 0;

export const visit = createStore<Visit>(firstVisit());

export function go(route: Route): void {
  location.hash = routeAddress(route);
}

/** The same visit under another address: what it shows is refined, not left. */
export function amend(route: Route): void {
  const current = visit.get();
  history.replaceState(history.state, '', `/${routeAddress(route)}`);
  visit.set({ ...current, route, returned: true });
}

/** To where one came from, or home for those who came from outside. */
export function goBack(): void {
  if (count > 1) history.back();
  else go({ kind: 'home' });
}

/** Where this visit was scrolled to when it was left. */
export function placeOf(key: string): number {
  return places.of(key, () => ({ top: 0 })).top;
}

export function followAddress(): void {
  history.scrollRestoration = 'manual';
  // A click on a link tells both; the second finds that it is already there.
  window.addEventListener('popstate', arrive);
  window.addEventListener('hashchange', arrive);
}

function arrive(): void {
  const left = visit.get();
  const key = keyInHistory();
  if (key === left.key) return;
  places.of(left.key, () => ({ top: 0 })).top = window.scrollY;
  const route = parseRoute(location.hash);
  visit.set(key === null ? { key: newKey(), route, returned: false } : { key, route, returned: true });
}

function firstVisit(): Visit {
  return { key: keyInHistory() ?? newKey(), route: parseRoute(location.hash), returned: false };
}

function keyInHistory(): string | null {
  const state: unknown = history.state;
  return typeof state === 'object' && state !== null && 'visit' in state ? String(state.visit) : null;
}

function newKey(): string {
  count++;
  const key = `${Date.now().toString(36)}-${count}`;
  history.replaceState({ visit: key }, '');
  return key;
}
