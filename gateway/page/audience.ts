// Audiences: what each visibility is called here, and what it means.
import type { Visibility } from './entities.ts';

export const audiences: Readonly<Record<Visibility, { readonly name: string; readonly words: string }>> = {
  public: { name: 'Public', words: 'Everyone, and in public timelines' },
  unlisted: { name: 'Unlisted', words: 'Everyone, but not in public timelines' },
  private: { name: 'Followers', words: 'Only people who follow you' },
  direct: { name: 'Mentioned', words: 'Only the people it mentions' },
};
