// Plain text as the HTML that clients show: paragraphs, links, mentions, hashtags. Everything else is escaped. Pure.
import { localHandle, tagName } from '../actors/text.ts';
import { type Entity, entitiesOf } from '../actors/text-entities.ts';

export interface ContentOptions {
  /** `https://example.org`. */
  origin: string;
  /** The people a text names, by handle; a name that is not among them stays text. */
  mentions: readonly { handle: string }[];
}

/** What of a link is shown, after `https://` and `www.`; all of it stays in the text, so that it can be copied. */
const shownUrlCharacters = 30;
const urlPrefix = /^https?:\/\/(?:www\.)?/i;
const special = /[&<>"']/;
const everySpecial = /[&<>"']/g;
const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A post's or a profile's text. Blank lines part paragraphs, line breaks stay; empty text gives an empty string. */
export function renderContent(text: string, options: ContentOptions): string {
  const lines = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
  const html = renderLine(lines.trim(), options);
  if (html === '') return '';
  if (!html.includes('\n')) return `<p>${html}</p>`;
  return html
    .split(/\n{2,}/)
    .map((paragraph) => `<p>${paragraph.replaceAll('\n', '<br />')}</p>`)
    .join('');
}

/** A text of one line, such as a profile field's: no paragraphs. */
export function renderLine(text: string, options: ContentOptions): string {
  const known = new Map(options.mentions.map(({ handle }) => [handle.toLowerCase(), handle]));
  let html = '';
  let at = 0;
  for (const entity of entitiesOf(text)) {
    const link = renderEntity(entity, options.origin, known);
    if (link === null) continue;
    html += escapeHtml(text.slice(at, entity.start)) + link;
    at = entity.end;
  }
  return html + escapeHtml(text.slice(at));
}

export function escapeHtml(text: string): string {
  return special.test(text) ? text.replace(everySpecial, (character) => entities[character] ?? '') : text;
}

export function tagUrl(origin: string, name: string): string {
  return `${origin}/tags/${encodeURIComponent(name)}`;
}

export function profileUrl(origin: string, handle: string): string {
  return `${origin}/@${handle}`;
}

/** Null: it stays text. */
function renderEntity(
  { kind, value }: Entity,
  origin: string,
  known: ReadonlyMap<string, string>,
): string | null {
  switch (kind) {
    case 'url':
      return renderUrl(value);
    case 'tag': {
      const href = escapeHtml(tagUrl(origin, tagName(value)));
      return `<a href="${href}" class="mention hashtag" rel="tag">#<span>${escapeHtml(value)}</span></a>`;
    }
    case 'mention': {
      const named = localHandle(value, { host: hostOf(origin) });
      const handle = named === null ? undefined : known.get(named.toLowerCase());
      if (handle === undefined) return null;
      const href = escapeHtml(profileUrl(origin, handle));
      return `<span class="h-card" translate="no"><a href="${href}" class="u-url mention">@<span>${escapeHtml(handle)}</span></a></span>`;
    }
  }
}

function renderUrl(url: string): string {
  const prefix = urlPrefix.exec(url)?.[0] ?? '';
  const rest = url.slice(prefix.length);
  // Not through the middle of a character.
  const cut = isFirstHalf(rest.charCodeAt(shownUrlCharacters - 1))
    ? shownUrlCharacters - 1
    : shownUrlCharacters;
  const shown = rest.slice(0, cut);
  const hidden = rest.slice(cut);
  return (
    `<a href="${escapeHtml(url)}" target="_blank" rel="nofollow noopener noreferrer" translate="no">` +
    `<span class="invisible">${escapeHtml(prefix)}</span>` +
    `<span class="${hidden === '' ? '' : 'ellipsis'}">${escapeHtml(shown)}</span>` +
    `<span class="invisible">${escapeHtml(hidden)}</span></a>`
  );
}

function isFirstHalf(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

export function hostOf(origin: string): string {
  return origin.slice(origin.indexOf('//') + 2);
}
