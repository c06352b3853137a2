// Made-up posts for a sample: a small grammar with hashtags, links, and mentions of people the author follows.
import type { TextOf } from './import-posts.ts';
import { type Chance, choose, pick, seededChance } from './sample-chance.ts';

type Words = readonly [string, ...string[]];

const openings: Words = [
  'This morning',
  'Last night',
  'On the way home',
  'Somewhere between two meetings',
  'After the rain',
  'In the queue for bread',
  'Just before sunrise',
  'For the third time this week',
  'While the kettle boiled',
];
const deeds: Words = [
  'I counted {number} starlings over the harbour',
  'my neighbour taught me how to fold a paper crane',
  'the last tram left without me',
  'I finally understood how {thing} works',
  'we planted {number} tomatoes and three of them live',
  'somebody left a book about {thing} on the bench',
  'the whole street smelled of {smell}',
  'I rewrote a page about {thing} and liked the shorter one better',
  'the {animal} next door won the argument again',
];
const things: Words = [
  'tides',
  'sourdough',
  'the night sky',
  'old radios',
  'bicycle gears',
  'queues',
  'cloud names',
  'typewriters',
  'bird song',
  'maps',
];
const smells: Words = ['cinnamon', 'wet leaves', 'fresh paint', 'oranges', 'coffee', 'cut grass'];
const animals: Words = ['cat', 'goose', 'terrier', 'parrot', 'magpie', 'tortoise'];
const remarks: Words = [
  'Worth it.',
  'I have no further questions.',
  'Would do it again.',
  'Nobody believes me.',
  'More tomorrow.',
  'It was quieter than it sounds.',
  'Small things.',
  'Ask me how it ends.',
];
const questions: Words = [
  'Does anybody know a good book about {thing}?',
  'What do you listen to when it rains?',
  'Which {thing} would you show a visitor first?',
  'Is it too late in the year to learn about {thing}?',
];
const answers: Words = [
  'you were right about {thing}.',
  'remember the {animal}? It is back.',
  'thank you for the {smell} tea.',
  'have you seen this?',
  'same here, {number} times over.',
];
const tags: Words = [
  'birds',
  'photography',
  'cooking',
  'smallweb',
  'reading',
  'gardening',
  'astronomy',
  'cycling',
  'music',
  'history',
  'walking',
  'weather',
];

/** `friends` are handles that may be mentioned: people the author follows. */
export function sampleTexts(author: { handle: string; friends: readonly string[]; seed: string }): TextOf {
  return (n) => sampleText(seededChance(`text ${author.seed} ${author.handle} ${n}`), author.friends);
}

function sampleText(chance: Chance, friends: readonly string[]): string {
  const parts = [body(chance, friends)];
  if (chance() < 0.2) parts.push(`https://example.org/${choose(chance, things).replaceAll(' ', '-')}`);
  // The first tags of the list are the popular ones.
  const tagCount = chance() < 0.45 ? 1 + pick(chance, 2) : 0;
  const chosen = new Set<string>();
  for (let n = 0; n < tagCount; n++) chosen.add(tags[Math.floor(chance() ** 2 * tags.length)] ?? tags[0]);
  for (const tag of chosen) parts.push(`#${tag}`);
  return parts.join(' ');
}

function body(chance: Chance, friends: readonly string[]): string {
  const kind = chance();
  const [friend] = friends.length > 0 ? [friends[pick(chance, friends.length)]] : [];
  if (kind < 0.15 && friend !== undefined) return `@${friend} ${filled(chance, choose(chance, answers))}`;
  if (kind < 0.3) return filled(chance, choose(chance, questions));
  const sentence = `${choose(chance, openings)} ${filled(chance, choose(chance, deeds))}.`;
  return chance() < 0.5 ? `${sentence} ${choose(chance, remarks)}` : sentence;
}

function filled(chance: Chance, pattern: string): string {
  return pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    switch (name) {
      case 'number':
        return String(2 + pick(chance, 98));
      case 'thing':
        return choose(chance, things);
      case 'smell':
        return choose(chance, smells);
      default:
        return choose(chance, animals);
    }
  });
}
