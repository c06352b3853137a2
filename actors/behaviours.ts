// The product as the runtime runs it: one value, bundled to one pure script.
import type { Behaviours } from '../runtime/behaviours.ts';
import { tryOut } from '../runtime/trial.ts';
import { addressed } from './addressed.ts';
import { factsFormat, statusFact } from './facts.ts';
import type { Item } from './items.ts';
import { seamFormat } from './messages.ts';
import * as accountQueries from './queries-accounts.ts';
import * as statusQueries from './queries-statuses.ts';
import { listed, route, touched } from './routes.ts';
import { samples } from './samples.ts';
import { searchWords } from './search-words.ts';
import { type UserMessage, user } from './user.ts';
import { doubled, isOnce } from './user-posting.ts';
import type { UserState } from './user-state.ts';
import { derive, mergeViews, viewsFormat, withdraw } from './views.ts';

export const behaviours: Behaviours<UserState, UserMessage, Item> = {
  user,
  derive,
  addressed,
  withdraw,
  viewsFormat,
  factsFormat,
  seamFormat,
  route,
  touched,
  listed,
  isOnce,
  doubled,
  statusKey: statusFact,
  words: searchWords,
  mergeViews,
  queries: { ...accountQueries, ...statusQueries },
  tryOut: (load, real) => tryOut({ running: behaviours, load, samples, real }),
};
