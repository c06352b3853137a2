// What the server says of itself, and what holds until it has.
import { getInstance } from './api.ts';
import type { Instance } from './entities.ts';
import { createStore } from './store.ts';

export const instance = createStore<Instance>({
  title: 'Murmuration',
  description: '',
  rules: [],
  registrations: { enabled: true },
  configuration: { statuses: { max_characters: 500, characters_reserved_per_url: 23 } },
});

export async function learnInstance(): Promise<void> {
  const reply = await getInstance();
  if (reply.kind === 'done') instance.set(reply.value);
}
