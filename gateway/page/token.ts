// The access token of whoever is logged in on this device; null when nobody is.
import { remember, remembered, watchMemory } from './memory.ts';
import { createStore } from './store.ts';

export const token = createStore<string | null>(remembered('token'));

token.watch(() => remember('token', token.get()));
// Logged in or out in another tab: this one follows.
watchMemory('token', () => token.set(remembered('token')));
