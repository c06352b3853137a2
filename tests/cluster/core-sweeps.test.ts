// What is left of deleted accounts, when it cannot be swept now.
import { expect, test } from 'vitest';
import { CoreSweeps, type SweptStore } from '../../cluster/core-sweeps.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { keyOf } from '../../runtime/key.ts';

test('what too few machines have in time is put off, and the core goes on', async () => {
  const account = accountIdOf('anna');
  const warnings: { account: number; reason: string }[] = [];
  let submits = 0;
  const sweeps = new CoreSweeps({
    store: {
      remaining: () => [keyOf(account, 's', 'one')],
      submit: () => {
        submits++;
        const done = Promise.reject(new Error('Too few machines can be reached.'));
        return { ok: true, value: { entries: [], position: 1, done } };
      },
    } as unknown as SweptStore,
    log: {
      info() {},
      error() {},
      warn: (about: object) => void warnings.push(about as (typeof warnings)[0]),
    },
  });
  sweeps.begin(account);
  await sweeps.stop();
  expect(warnings).toEqual([{ account, reason: 'Too few machines can be reached.' }]);
  // It is free for the next one.
  sweeps.begin(account);
  await sweeps.stop();
  expect(submits).toBe(1);
});
