// Pictures by address: avatars, and the header that all accounts have. Drawn when asked for, and kept for a while.
import { LRUCache } from 'lru-cache';
import { type AccountId, parseAccountId } from '../runtime/account-id.ts';
import { get } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { drawAvatar, drawHeader } from './picture.ts';
import { notFound } from './refusal.ts';

const mostKept = 2000;

export function pictureEndpoints(): Endpoint[] {
  const avatars = new LRUCache<AccountId, Uint8Array>({ max: mostKept });
  const header = drawHeader();

  async function avatar({ params }: ApiRequest): Promise<ApiResponse> {
    const id = parseAccountId(/^(\d+)\.png$/.exec(params['file'] ?? '')?.[1] ?? '');
    if (id === null) throw notFound();
    const picture = avatars.get(id) ?? drawAvatar(id);
    avatars.set(id, picture);
    return pictureAnswer(picture);
  }

  return [
    get('/avatars/:file', 'none', [], avatar),
    get('/headers/missing.png', 'none', [], async () => pictureAnswer(header)),
  ];
}

/** An id always has the same picture. */
function pictureAnswer(picture: Uint8Array): ApiResponse {
  const headers = {
    'Cache-Control': 'public, max-age=31536000, immutable',
    'Access-Control-Allow-Origin': '*',
  };
  return { status: 200, headers, body: { kind: 'pieces', pieces: [picture], type: 'image/png' } };
}
