// The name to call somebody by: the one they chose, else their handle.
import type { Account } from './entities.ts';

export function displayName({ display_name, username }: Pick<Account, 'display_name' | 'username'>): string {
  return display_name.trim() || username;
}
