// The page's files: compressed, cached, under a strict policy; and where links to people and posts lead.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPage } from '../../gateway/page-files.ts';
import { type ApiServer, startApi } from './api-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'murmuration-page-'));
const script = `console.log("${'x'.repeat(5000)}")`;
let api: ApiServer;

beforeAll(async () => {
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><meta name="page" content="" /><title>Murmuration</title>',
  );
  writeFileSync(join(folder, 'app.js'), script);
  writeFileSync(join(folder, 'app.js.map'), 'not to be served');
  api = await startApi({ pageFolder: folder });
});

afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

const raw = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(api.url + path, { headers: { 'accept-encoding': 'identity', ...headers }, redirect: 'manual' });

describe('the page', () => {
  it('is at the root, and may load and send nothing but to its own server', async () => {
    const answer = await raw('/');
    expect(await answer.text()).toContain('<title>Murmuration</title>');
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each(['br', 'gzip', 'identity'])('comes in %s for those who take it', async (coding) => {
    const bodies: Record<string, (bytes: Buffer) => Buffer> = {
      br: brotliDecompressSync,
      gzip: gunzipSync,
      identity: (bytes) => bytes,
    };
    const http = await import('node:http');
    const { headers, bytes } = await new Promise<{ headers: Record<string, unknown>; bytes: Buffer }>(
      (resolve, reject) => {
        const request = http.get(`${api.url}/app.js`, {
          headers: { 'accept-encoding': coding === 'gzip' ? 'gzip, br;q=0' : coding },
        });
        request.on('error', reject);
        request.on('response', async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk);
          resolve({ headers: response.headers, bytes: Buffer.concat(chunks) });
        });
      },
    );
    expect(headers['content-encoding']).toBe(coding === 'identity' ? undefined : coding);
    expect(headers['vary']).toBe('Accept-Encoding');
    expect(bodies[coding]?.(bytes).toString()).toBe(script);
    if (coding !== 'identity') expect(bytes.length).toBeLessThan(script.length / 10);
  });

  it('is not sent again to those who have it', async () => {
    const etag = (await raw('/app.js')).headers.get('etag') ?? '';
    const again = await raw('/app.js', { 'if-none-match': `"other", W/${etag}` });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect((await raw('/app.js', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('knows which one it is, and is another when any of its files is', async () => {
    const { id } = await readPage(folder);
    expect(await (await raw('/')).text()).toContain(`<meta name="page" content="${id}" />`);
    expect((await readPage(folder)).id).toBe(id);
    writeFileSync(join(folder, 'app.css'), '');
    expect((await readPage(folder)).id).not.toBe(id);
    await rm(join(folder, 'app.css'));
  });

  it('serves nothing that is not a page file', async () => {
    for (const path of ['/app.js.map', '/../package.json', '/nothing.js', '/app.js/x'])
      expect((await raw(path)).status).toBe(404);
  });
});

it.each([
  ['/@alice', '/#/@alice'],
  ['/@alice/123', '/#/post/123'],
  ['/tags/f%C3%BCn', '/#/tag/f%C3%BCn'],
  ['/users/alice', '/#/@alice'],
  ['/users/alice/statuses/123', '/#/post/123'],
])('%s leads to %s', async (path, place) => {
  const answer = await raw(path);
  expect([answer.status, answer.headers.get('location')]).toEqual([302, place]);
});

it('a release without a page is told at the start', async () => {
  await expect(readPage(tmpdir())).rejects.toThrow(`no index.html in ${tmpdir()}`);
});
