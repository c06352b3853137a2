// The web page as endpoints: its files, read and compressed once, when the gateway starts and when it is given another page. What the page
// does is gateway/page/'s part.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';

interface PageFile {
  etag: string;
  type: string;
  /** By content coding. */
  bytes: { identity: Uint8Array; gzip: Uint8Array; br: Uint8Array };
}

export interface ShownPage {
  /** Of all its bytes. */
  id: string;
  endpoints: Endpoint[];
}

const placeOfId = '<meta name="page" content="" />';

/** What is not here is not served: source maps, notes. */
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
};

/** Nothing but our own files and our own API: text from strangers that slipped through as HTML could still load and send nothing. */
export const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * Rejects when the folder has no index.html. The page's routes live after `#`, so links to people and posts lead there. Compressed on threads
 * of their own: streams go on meanwhile.
 */
export async function readPage(folder: string): Promise<ShownPage> {
  const names = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && types[extname(entry.name)] !== undefined)
    .map((entry) => entry.name);
  if (!names.includes('index.html'))
    throw new Error(`no index.html in ${folder}: the release is not complete`);
  const contents = await Promise.all(
    names.sort().map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })),
  );
  const id = idOf(contents);
  const endpoints = await Promise.all(
    contents.map(async ({ name, bytes }) => {
      const file = await pageFile(name, name === 'index.html' ? withId(bytes, id) : bytes);
      return page(name === 'index.html' ? '/' : `/${name}`, (request) => answerFile(file, request));
    }),
  );
  const redirections = [
    redirection('/tags/:tag', ({ tag = '' }) => `/#/tag/${encodeURIComponent(tag)}`),
    redirection('/users/:handle', ({ handle = '' }) => `/#/@${encodeURIComponent(handle)}`),
    redirection('/users/:handle/statuses/:id', ({ id = '' }) => `/#/post/${encodeURIComponent(id)}`),
    redirection('/:at', ({ at = '' }) => (/^@./.test(at) ? `/#/@${encodeURIComponent(at.slice(1))}` : null)),
    redirection('/:at/:id', ({ at = '', id = '' }) =>
      /^@./.test(at) && /^\d+$/.test(id) ? `/#/post/${id}` : null,
    ),
  ];
  return { id, endpoints: [...endpoints, ...redirections] };
}

function idOf(contents: readonly { name: string; bytes: Buffer }[]): string {
  const hash = createHash('sha256');
  for (const { name, bytes } of contents) hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  return hash.digest('base64url').slice(0, 22);
}

/** The page knows which one it is. */
function withId(html: Buffer, id: string): Buffer {
  return Buffer.from(html.toString().replace(placeOfId, `<meta name="page" content="${id}" />`));
}

function page(path: string, answer: (request: ApiRequest) => ApiResponse): Endpoint {
  return { method: 'GET', path, access: 'none', scopes: [], handle: async (request) => answer(request) };
}

function redirection(
  path: string,
  to: (params: Readonly<Record<string, string>>) => string | null,
): Endpoint {
  return page(path, ({ params }) => {
    const location = to(params);
    if (location !== null) return { status: 302, headers: { Location: location }, body: { kind: 'empty' } };
    return { status: 404, headers: {}, body: { kind: 'json', value: { error: 'There is nothing here' } } };
  });
}

const compress = { gzip: promisify(gzip), brotli: promisify(brotliCompress) };

async function pageFile(name: string, identity: Buffer): Promise<PageFile> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
  const [zipped, br] = await Promise.all([
    compress.gzip(identity, { level: 9 }),
    compress.brotli(identity, { params }),
  ]);
  return {
    etag: createHash('sha256').update(identity).digest('base64url').slice(0, 22),
    type: types[extname(name)] ?? 'application/octet-stream',
    bytes: { identity, gzip: zipped, br },
  };
}

function answerFile(file: PageFile, request: ApiRequest): ApiResponse {
  const coding = codingOf(request.header('accept-encoding') ?? '', file);
  const etag = `"${file.etag}-${coding}"`;
  const headers: Record<string, string> = {
    ETag: etag,
    'Cache-Control': 'no-cache',
    Vary: 'Accept-Encoding',
    'Content-Security-Policy': pagePolicy,
    'Referrer-Policy': 'same-origin',
  };
  const known = (request.header('if-none-match') ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(etag)) return { status: 304, headers, body: { kind: 'empty' } };
  if (coding !== 'identity') headers['Content-Encoding'] = coding;
  return { status: 200, headers, body: { kind: 'pieces', pieces: [file.bytes[coding]], type: file.type } };
}

/** The smallest of what the client takes. A coding with `q=0` is refused. */
function codingOf(accepted: string, { bytes }: PageFile): 'identity' | 'gzip' | 'br' {
  const codings = accepted
    .toLowerCase()
    .split(',')
    .filter((coding) => !/;\s*q=0(?:\.0*)?\s*$/.test(coding))
    .map((coding) => (coding.split(';', 1)[0] ?? '').trim());
  if (codings.includes('br') && bytes.br.length < bytes.identity.length) return 'br';
  if (codings.includes('gzip') && bytes.gzip.length < bytes.identity.length) return 'gzip';
  return 'identity';
}
