// Cuts the text of a JSON array into the texts of its elements, byte for byte as they were: parsing and printing would not give them back.

export function splitArray(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 1;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      for (at++; text[at] !== '"' && at < text.length; at++) if (text[at] === '\\') at++;
    } else if (character === '[' || character === '{') {
      depth++;
    } else if (character === ']' || character === '}') {
      depth--;
      if (depth === 0 && at > from) parts.push(text.slice(from, at));
    } else if (character === ',' && depth === 1) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return parts;
}
