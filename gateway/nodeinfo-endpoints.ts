// NodeInfo: what programs that count servers ask. It says that there is no federation.
import { get } from './api-parts.ts';
import type { Endpoint } from './endpoint.ts';
import { jsonAnswer } from './json-pieces.ts';

const schema = 'http://nodeinfo.diaspora.software/ns/schema/2.0';

export function nodeinfoEndpoints({ version }: { version: string }): Endpoint[] {
  return [
    get('/.well-known/nodeinfo', 'none', [], async ({ origin }) =>
      jsonAnswer({ links: [{ rel: schema, href: `${origin}/nodeinfo/2.0` }] }),
    ),
    get('/nodeinfo/2.0', 'none', [], async (request) => {
      const { users, statuses, activeMonth } = await request.ask('instance', {});
      return {
        status: 200,
        headers: {},
        body: {
          kind: 'text',
          type: `application/json; profile="${schema}#"; charset=utf-8`,
          text: JSON.stringify({
            version: '2.0',
            software: { name: 'murmuration', version },
            protocols: [],
            services: { inbound: [], outbound: [] },
            openRegistrations: true,
            usage: { users: { total: users, activeMonth }, localPosts: statuses },
            // Clients that choose how to speak by the name of the software look for a better known one here.
            metadata: { nodeName: 'Murmuration', upstream: { name: 'mastodon' } },
          }),
        },
      };
    }),
  ];
}
