// Avatars: initials on a colour that is a person's own, drawn here, since there are no pictures to load.
import type { JSX } from 'preact';
import { displayName } from './display-name.ts';
import type { Account } from './entities.ts';

export function Avatar({
  account,
  large = false,
}: {
  readonly account: Account;
  readonly large?: boolean;
}): JSX.Element {
  const hue = hueOf(account.id);
  const id = `sky-${hue}`;
  return (
    <svg
      class={large ? 'avatar avatar-large' : 'avatar'}
      viewBox="0 0 40 40"
      aria-hidden="true"
      focusable="false"
    >
      <linearGradient id={id} x1="0" y1="0" x2="1" y2="1">
        <stop offset="0" stop-color={`oklch(0.62 0.12 ${hue})`} />
        <stop offset="1" stop-color={`oklch(0.46 0.12 ${(hue + 45) % 360})`} />
      </linearGradient>
      <rect width="40" height="40" fill={`url(#${id})`} />
      <text x="20" y="20.5" dy="0.35em" text-anchor="middle">
        {initialsOf(account)}
      </text>
    </svg>
  );
}

/** A fixed colour for an id, from all around the circle: ids that differ little differ much here. */
export function hueOf(id: string): number {
  let hash = 2_166_136_261;
  for (const digit of id) hash = Math.imul(hash ^ digit.charCodeAt(0), 16_777_619);
  hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_507);
  return (hash >>> 0) % 360;
}

export function initialsOf(account: Pick<Account, 'display_name' | 'username'>): string {
  const words = displayName(account)
    .split(/[\s_.-]+/)
    .map((word) => [...word].find((letter) => /[\p{L}\p{N}]/u.test(letter)))
    .filter((letter) => letter !== undefined);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0] ?? account.username[0]];
  return letters.join('').toUpperCase();
}
