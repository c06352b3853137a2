// Who asks at the token endpoint: an app that proves itself by its secret, in the body or by HTTP Basic.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Answer } from '../actors/messages.ts';
import { ApiError, type ApiRequest } from './endpoint.ts';
import { readFilled } from './input.ts';
import { Refusal } from './refusal.ts';

export interface App extends Answer<'app'> {
  clientId: string;
}

const longestId = 100;

const invalidClient = (): ApiError =>
  new ApiError(
    401,
    'invalid_client',
    'Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.',
  );

/** Null: there is no such app. Throws a `Refusal` without a core. */
export async function findApp(request: Pick<ApiRequest, 'tryAsk'>, clientId: string): Promise<App | null> {
  if (clientId.length > longestId) return null;
  const answered = await request.tryAsk('app', { clientId });
  if (answered.ok) return { ...answered.value, clientId };
  if (answered.rejection.code === 'not-found') return null;
  throw new Refusal(answered.rejection);
}

/** Throws 401 `invalid_client`. */
export async function provenApp(request: ApiRequest): Promise<App> {
  const said = basicOf(request.header('authorization') ?? '') ?? {
    clientId: readFilled(request.input, 'client_id'),
    secret: readFilled(request.input, 'client_secret'),
  };
  if (said.clientId === null || said.secret === null) throw invalidClient();
  const app = await findApp(request, said.clientId);
  if (app === null || !isSame(app.clientSecret, said.secret)) throw invalidClient();
  return app;
}

/** Null: no Basic header. Both parts are form-encoded before they are joined. */
function basicOf(header: string): { clientId: string | null; secret: string | null } | null {
  const encoded = /^Basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(header)?.[1];
  if (encoded === undefined) return null;
  const [clientId = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
  return { clientId: decoded(clientId), secret: decoded(rest.join(':')) };
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part.replaceAll('+', ' ')) || null;
  } catch {
    return null;
  }
}

/** Takes the same time wherever they differ. */
export function isSame(one: string, other: string): boolean {
  const hash = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}
