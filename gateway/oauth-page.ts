// The HTML pages of login and sign-up: plain forms that work without script, in one frame of markup. What they ask is the endpoints' part.
import { createHash } from 'node:crypto';
import type { ApiResponse } from './endpoint.ts';
import { escapeHtml } from './render-content.ts';

/** HTML that is safe as it stands: made by `html` alone. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | Html | readonly Html[] | null;

/** A template whose inserted texts are escaped; other HTML goes in as it is. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += written(part) + (strings[index + 1] ?? '');
  return new Html(text);
}

function written(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string') return escapeHtml(part);
  return part instanceof Html ? part.text : part.map(({ text }) => text).join('');
}

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #f4f6f9; --card: #fff; --line: #c5ccd6; --accent: #2c5fb3; --bad: #a4262c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --paper: #12161c; --card: #1b2129; --line: #3d4754; --accent: #8ab4f8; --bad: #ff8f8f; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
main { max-width: 26rem; margin: 0 auto; padding: 1.5rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; }
h1 { margin: 0 0 1rem; font-size: 1.3rem; overflow-wrap: anywhere; }
p, li { overflow-wrap: anywhere; }
label { display: block; margin: 1rem 0 0.25rem; font-weight: 600; }
input { width: 100%; padding: 0.6rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 0.4rem; }
input[type="checkbox"] { width: auto; margin-right: 0.5rem; }
.check { font-weight: 400; }
button, .button { display: inline-block; margin: 1.25rem 0.5rem 0 0; padding: 0.6rem 1.1rem; font: inherit; font-weight: 600; color: var(--card); background: var(--accent); border: 1px solid var(--accent); border-radius: 0.4rem; text-decoration: none; cursor: pointer; }
button.quiet { color: var(--accent); background: transparent; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
.fault { color: var(--bad); font-weight: 600; }
code { display: block; padding: 0.75rem; font-size: 1rem; border: 1px dashed var(--line); overflow-wrap: anywhere; user-select: all; }
`;
const styleHash = createHash('sha256').update(style).digest('base64');

export interface Page {
  title: string;
  status?: number;
  /** Where its forms may lead, as CSP sources. */
  formTargets?: string;
  main: Html;
}

/** Nothing is loaded, nothing runs, and no other page may frame it, so that nobody can lay a login under their own buttons. */
export function pageAnswer({ title, status = 200, formTargets = "'self'", main }: Page): ApiResponse {
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · Murmuration</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`.text;
  return {
    status,
    headers: {
      'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action ${formTargets}; base-uri 'none'; frame-ancestors 'none'`,
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-store',
    },
    body: { kind: 'text', text, type: 'text/html; charset=utf-8' },
  };
}

/** What went wrong, said where screen readers look. */
export function faultLine(fault: string | null): Html | null {
  return fault === null ? null : html`<p class="fault" role="alert">${fault}</p>`;
}

export function hiddenFields(fields: Record<string, string | null>): Html[] {
  return Object.entries(fields)
    .filter((entry): entry is [string, string] => entry[1] !== null)
    .map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">\n`);
}
