// Upgrades whose token the core has to be asked about: they happen after an await, where uWebSockets.js needs an anchor.

import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_socket_context_t,
  WebSocketBehavior,
} from 'uWebSockets.js';
import { expect, test } from 'vitest';
import type { Authenticator } from '../../gateway/authenticator.ts';
import type { Caller } from '../../gateway/endpoint.ts';
import { HttpRoom } from '../../gateway/http-room.ts';
import { dropAnchor } from '../../gateway/streaming-anchor.ts';
import type { StreamingHub } from '../../gateway/streaming-hub.ts';
import { addSockets } from '../../gateway/streaming-sockets.ts';
import { connectionRoom } from '../../runtime/connection-room.ts';
import { openStream, type StreamClient } from './stream-client.ts';
import { startWholeGateway } from './whole-gateway.ts';

const caller: Caller = {
  token: 't',
  tokenId: 't',
  account: 7 as never,
  clientId: '',
  scopes: new Set(['read']),
};

/** Runs one upgrade on stand-ins for the native objects, and tells what was corked when it happened. */
async function upgradeOf(remembered: Caller | null): Promise<string[]> {
  const corked: string[] = [];
  let seen: string[] | null = null;
  const within = (name: string, act: () => void): void => {
    corked.push(name);
    act();
    corked.pop();
  };
  const res = {
    cork: (act: () => void) => within('own', act),
    upgrade: () => {
      seen = [...corked];
    },
    onAborted() {},
    getRemoteAddress: () => new ArrayBuffer(4),
  };
  const req = {
    getHeader: (name: string) => (name === 'authorization' ? 'Bearer t' : ''),
    getQuery: () => '',
  };
  let known = remembered;
  let behaviour: WebSocketBehavior<unknown> | null = null;
  addSockets(
    {
      ws(_path: string, given: WebSocketBehavior<unknown>) {
        behaviour = given;
      },
    } as unknown as TemplatedApp,
    {
      hub: { isClosing: false } as StreamingHub,
      anchor: { hold: (act) => within('anchor', act) },
      addresses: { originOf: () => 'http://x' },
      room: new HttpRoom(connectionRoom(null)),
      authenticator: {
        remembered: () => known,
        authenticate: async () => {
          known = caller;
          return { ok: true, value: caller };
        },
      } as unknown as Authenticator,
    },
  );
  within('handler', () => {
    void (behaviour as WebSocketBehavior<unknown> | null)?.upgrade?.(
      res as unknown as HttpResponse,
      req as unknown as HttpRequest,
      {} as us_socket_context_t,
    );
  });
  await new Promise((resolve) => setImmediate(resolve));
  return seen ?? ['never'];
}

test('a response is upgraded by its handler, or in the cork of the anchor, but never in its own', async () => {
  expect(await upgradeOf(caller)).toEqual(['handler']);
  expect(await upgradeOf(null)).toEqual(['anchor']);
});

test('an anchor holds for as long as it is not closed, and things done in it run at once', async () => {
  const anchor = await dropAnchor();
  for (let count = 0; count < 3; count++) {
    let done = false;
    anchor.hold(() => {
      done = true;
    });
    expect(done).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
  }
  anchor.close();
});

test('sockets with tokens that are not remembered open, and stay open', async () => {
  const whole = await startWholeGateway();
  await whole.person('ann');
  const clients: StreamClient[] = [];
  for (let batch = 0; batch < 30; batch++) {
    const tokens = await Promise.all(
      Array.from(
        { length: 10 },
        async () => (await whole.ask('issueToken', { handle: 'ann', scopes: 'read' })).token,
      ),
    );
    // The shapes of what lies beside them in memory vary.
    const protocols = ['x'.repeat(batch * 5 + 1)];
    const opened = await Promise.all(
      tokens.map((token) =>
        openStream({ url: whole.socketUrl, query: `?stream=public&access_token=${token}`, protocols }),
      ),
    );
    await Promise.all(tokens.map((token) => whole.request('GET', `/health?${'y'.repeat(batch * 7)}`, token)));
    opened.shift()?.kill();
    clients.push(...opened);
  }
  expect(clients.filter((client) => client.closed() !== null)).toEqual([]);
  for (const client of clients) client.kill();
  await whole.close();
});
