// The access token of whoever is logged in on this device; null when nobody is.
import { remember, remembered } from './memory.ts';
import { createStore } from './store.ts';

export const token = createStore<string | null>(remembered('token'));

token.watch(() => remember('token', token.get()));
