// From the names of a data file to handles: the same name gives the same handle, today and next year.
import { createHash } from 'node:crypto';
import { handleForm } from '../runtime/handle.ts';

/**
 * A name that is a handle stays as it is; a number N becomes uN, since nobody is called 17; in every other name what no handle
 * may hold becomes `_`, and 8 digits of the name's hash keep apart what that made equal.
 */
export function handleOf(name: string): string {
  const isNumber = /^[0-9]+$/.test(name);
  if (isNumber && name.length < mostCharacters) return `u${name}`;
  if (!isNumber && handleForm.test(name)) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.replaceAll(/[^A-Za-z0-9_]/g, '_').slice(0, 21)}_${hash}`;
}

const mostCharacters = 30;
