// Streams that are told to read anew, and a gateway that goes while they are.
import { expect, test } from 'vitest';
import type { Item } from '../../actors/items.ts';
import { CoreResyncs } from '../../cluster/core-resyncs.ts';
import { CoreSessions } from '../../cluster/core-sessions.ts';
import { noVersion } from '../../runtime/version.ts';
import { testGateway } from '../support/core.ts';
import { here } from './pushing-scene.ts';

test('no stream of a gateway that is gone is attached after it was detached', async () => {
  const sessions = new CoreSessions();
  const gateway = testGateway('gateway-0');
  sessions.attach(gateway, 1, here);
  sessions.attach(gateway, 2, here);
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const resyncs = new CoreResyncs({
    sessions,
    pushing: { isIdle: false, isHolding: true, resync() {} } as never,
    ask: ({ kind, session }) => {
      asked.push(`${kind} ${session}`);
      return new Promise((resolve) => answers.push(() => resolve({ ok: true, value: {} })));
    },
    push: (_: Map<Item, number[]>) => {},
    watermark: () => noVersion,
  });
  const done = resyncs.after('block', { account: here }, Promise.resolve({ ok: true, value: {} }));
  for (let turns = 0; turns < 5; turns++) await Promise.resolve();
  for (const { number } of sessions.detachAll(gateway)) asked.push(`detach ${number}`);
  const goOn = setInterval(() => {
    for (const answer of answers.splice(0)) answer();
  }, 1);
  await done;
  clearInterval(goOn);
  for (const number of [3, 4])
    expect(asked.lastIndexOf(`detach ${number}`)).toBeGreaterThan(asked.lastIndexOf(`attach ${number}`));
});
