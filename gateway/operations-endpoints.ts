// For those who run the server: whether it works, and its metrics.
import type { CoreClient } from '../cluster/core-client.ts';
import { get } from './api-parts.ts';
import type { Endpoint } from './endpoint.ts';
import { answerOf } from './http-answer.ts';
import { jsonAnswer } from './json-pieces.ts';
import { Refusal } from './refusal.ts';

const prometheusText = 'text/plain; version=0.0.4; charset=utf-8';

export function operationsEndpoints(client: Pick<CoreClient, 'isUp'>): Endpoint[] {
  return [
    get('/health', 'none', [], async () => {
      if (client.isUp) return jsonAnswer({ status: 'ok' });
      return answerOf(new Refusal({ code: 'unavailable', message: 'The core cannot be reached' }));
    }),
    /** Of the core and of every gateway: whichever gateway is asked, the answer is the same. */
    get('/metrics', 'none', [], async (request) => {
      const { text } = await request.ask('metrics', {});
      return {
        status: 200,
        headers: { 'Cache-Control': 'no-store' },
        body: { kind: 'text', text, type: prometheusText },
      };
    }),
  ];
}
