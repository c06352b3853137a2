// Whether a value that some script exports has the form of behaviours. What they do shows a trial.
import type { Behaviours } from './behaviours.ts';

/** Whatever their states, messages and items are. */
export type Tried = Behaviours<unknown, { kind: string }, unknown>;

const functions = [
  ...['derive', 'addressed', 'withdraw', 'route', 'touched', 'listed', 'isOnce', 'doubled'],
  ...['statusKey', 'words', 'mergeViews', 'tryOut'],
];
const formats = ['viewsFormat', 'factsFormat', 'seamFormat'];
const actorFunctions = ['load', 'intent', 'receive', 'pack', 'migrate'];

export function isBehaviours(value: unknown): value is Tried {
  const parts = partsOf(value);
  const actor = partsOf(parts['user']);
  return (
    functions.every((name) => typeof parts[name] === 'function') &&
    actorFunctions.every((name) => typeof actor[name] === 'function') &&
    formats.every((name) => Number.isSafeInteger(parts[name])) &&
    Number.isSafeInteger(actor['stateFormat']) &&
    typeof parts['queries'] === 'object' &&
    parts['queries'] !== null
  );
}

function partsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
