// What one does about another account: follow, mute, block, and back. Each answers with the relationship as it is then.
import type { AccountId } from '../runtime/account-id.ts';
import { type ApiParts, callerAccount, post } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { accountParam, type Input, readBool, readFilled } from './input.ts';
import { jsonAnswer } from './json-pieces.ts';
import { notFound, validationFailed } from './refusal.ts';
import { renderRelationship } from './render-relationship.ts';

interface Pair {
  account: AccountId;
  target: AccountId;
}

const mostMuteS = 10 * 365 * 24 * 3600;

export function relationEndpoints({ fragments }: ApiParts): Endpoint[] {
  function relation(act: (request: ApiRequest, pair: Pair) => Promise<unknown>): Endpoint['handle'] {
    return async (request): Promise<ApiResponse> => {
      const pair = { account: callerAccount(request), target: accountParam(request) };
      const [there] = await fragments.accounts([pair.target], request.origin);
      if (!there) throw notFound();
      await act(request, pair);
      // Both have other counts now, and blocks may have ended follows.
      fragments.changed({ statuses: [], accounts: [pair.account, pair.target] });
      const { bits } = await request.ask('relationships', { viewer: pair.account, ids: [pair.target] });
      return jsonAnswer(renderRelationship(pair.target, bits[0] ?? 0));
    };
  }

  const following = ['write:follows'];
  const muting = ['write:mutes'];
  const blocking = ['write:blocks'];
  return [
    post(
      '/api/v1/accounts/:id/follow',
      'user',
      following,
      relation((request, pair) =>
        request.ask('follow', { ...pair, boosts: readBool(request.input, 'reblogs') ?? true }),
      ),
    ),
    post(
      '/api/v1/accounts/:id/unfollow',
      'user',
      following,
      relation((request, pair) => request.ask('unfollow', pair)),
    ),
    post(
      '/api/v1/accounts/:id/mute',
      'user',
      muting,
      relation((request, pair) =>
        request.ask('mute', {
          ...pair,
          notifications: readBool(request.input, 'notifications') ?? true,
          durationS: readDurationS(request.input),
        }),
      ),
    ),
    post(
      '/api/v1/accounts/:id/unmute',
      'user',
      muting,
      relation((request, pair) => request.ask('unmute', pair)),
    ),
    post(
      '/api/v1/accounts/:id/block',
      'user',
      blocking,
      relation((request, pair) => request.ask('block', pair)),
    ),
    post(
      '/api/v1/accounts/:id/unblock',
      'user',
      blocking,
      relation((request, pair) => request.ask('unblock', pair)),
    ),
  ];
}

/** 0: until it is ended by hand. */
function readDurationS(input: Input): number {
  const given = readFilled(input, 'duration');
  if (given === null) return 0;
  if (!/^\d{1,10}$/.test(given)) throw validationFailed('duration must be a number of seconds');
  return Math.min(Number(given), mostMuteS);
}
