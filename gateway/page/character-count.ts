// How long a draft counts. The counting is the server's own, the one piece of its code that the page shares: both must agree.
import { countCharacters, countGraphemes } from '../../actors/text.ts';

export interface Counted {
  readonly text: string;
  readonly warning?: string;
  /** What a link counts: the instance says. */
  readonly perLink?: number;
}

export function characterCount({ text, warning = '', perLink }: Counted): number {
  return countCharacters(text, perLink) + countGraphemes(warning);
}
