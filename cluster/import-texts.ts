// Texts for posts, from lines: one a line, or as fortune files hold them, with lines of a single % between. Who posts them is import-posts.ts's.

export interface TextsRead {
  texts: string[];
  /** Longer than a post may be. */
  tooLong: number;
  /** Not UTF-8. */
  unreadable: number;
}

const mostCharacters = 500;
/** More is read, and the rest left: nobody has so many posts. */
export const mostTexts = 1_000_000;

/** Adds the texts of one file to `into`. */
export async function readTexts(lines: AsyncIterable<string>, into: TextsRead): Promise<void> {
  const all: string[] = [];
  let isFortunes = false;
  for await (const line of lines) {
    isFortunes ||= line === '%';
    all.push(line);
    if (all.length > mostTexts) break;
  }
  const parts = isFortunes ? betweenPercents(all) : all;
  for (const part of parts) {
    const text = tidy(part);
    if (text === '') continue;
    if (text.includes('\uFFFD')) into.unreadable++;
    else if ([...text].length > mostCharacters) into.tooLong++;
    else if (into.texts.length < mostTexts) into.texts.push(text);
  }
}

function betweenPercents(lines: string[]): string[] {
  const parts: string[] = [];
  let part: string[] = [];
  for (const line of lines) {
    if (line === '%') {
      parts.push(part.join('\n'));
      part = [];
    } else {
      part.push(line);
    }
  }
  parts.push(part.join('\n'));
  return parts;
}

/** A backspace takes the character before it. */
const overstrike = /.[\b]/gu;

/** Old files underline by overstriking (`_` backspace letter), indent by tabs, and end lines with spaces. */
function tidy(text: string): string {
  return text
    .replaceAll('\t', '  ')
    .replaceAll(overstrike, '')
    .replaceAll(/[^\P{Cc}\n]/gu, '')
    .replaceAll(/ +$/gm, '')
    .trim();
}
