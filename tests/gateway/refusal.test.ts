// What HTTP says of a core's rejections.
import { expect, test } from 'vitest';
import { answerOf } from '../../gateway/http-answer.ts';
import { Refusal } from '../../gateway/refusal.ts';

test('what is given up for what matters more is to be asked for again soon', () => {
  const { status, headers, body } = answerOf(
    new Refusal({ code: 'behind', message: 'Behind. Try again soon.' }),
  );
  expect(status).toBe(429);
  expect(Number(headers['Retry-After'])).toBeGreaterThan(0);
  expect(body).toEqual({ kind: 'json', value: { error: 'Behind. Try again soon.' } });
});

test('who has asked more than allowed is told when by X-RateLimit-Reset, and not to come back in a moment', () => {
  const { status, headers } = answerOf(new Refusal({ code: 'rate-limited', message: '' }));
  expect(status).toBe(429);
  expect(headers).not.toHaveProperty('Retry-After');
});
