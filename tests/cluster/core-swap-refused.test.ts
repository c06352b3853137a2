// Behaviours that are not fit are refused, with the reason, and nothing changes: whatever they do, nothing happens to the core.
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Rejection } from '../../runtime/behaviours.ts';
import {
  accepted,
  openSwapping,
  pair,
  reader,
  refusedSwap,
  type Swapping,
  statusesIn,
} from '../support/swapping.ts';
import { evenAuthorsOnly } from '../support/variants.ts';

let swapping: Swapping;

beforeAll(async () => {
  swapping = await openSwapping();
  return () => swapping.variants.close();
});

afterEach(() => swapping.closeCores());

describe('what is not fit is refused with the reason, and nothing changes', () => {
  interface Unfit {
    what: string;
    change(script: string): string;
    code: Rejection['code'];
    says: RegExp;
  }

  const end = (added: string) => (script: string) => `${script}\n${added}\n`;
  /** Exactly once, or the test is out of date. */
  const line = (from: string | RegExp, to: string) => (script: string) => {
    const parts = script.split(from);
    if (parts.length !== 2) throw new Error(`${String(from)} stands ${parts.length - 1} times in the script`);
    return parts.join(to);
  };

  const unfit: Unfit[] = [
    {
      what: 'throws when loaded',
      change: end("throw new Error('no')"),
      code: 'invalid',
      says: /loaded: Error: no/,
    },
    { what: 'is no script', change: end('}'), code: 'invalid', says: /SyntaxError/ },
    {
      what: 'holds something else',
      change: () => 'exports.behaviours = {};',
      code: 'invalid',
      says: /no behaviours/,
    },
    { what: 'imports', change: end("import 'node:fs';"), code: 'invalid', says: /SyntaxError/ },
    { what: 'imports later', change: end("import('node:fs');"), code: 'invalid', says: /not pure/ },
    { what: 'hangs when loaded', change: end('for (;;) {}'), code: 'invalid', says: /hangs/ },
    {
      what: 'hangs after it is loaded',
      change: end('(async () => { for (;;) await null; })();'),
      code: 'invalid',
      says: /hangs/,
    },
    {
      what: 'hangs on a message',
      change: line(
        /function unmute\(state\d*, \{ target: .*\}, moment\) \{/,
        'function unmute() { for (;;) {}',
      ),
      code: 'invalid',
      says: /hangs/,
    },
    {
      what: 'grows without bound',
      change: end('for (let all = [1]; ; ) all = all.concat(all);'),
      code: 'invalid',
      says: /memory/,
    },
    {
      what: 'grows outside of its heap',
      change: end('for (const all = []; ; ) all.push(new Float64Array(2 ** 20).fill(1));'),
      code: 'invalid',
      says: /memory/,
    },
    { what: 'ends its process', change: end('process.exit(0);'), code: 'invalid', says: /ends/ },
    {
      what: 'fails on a message',
      change: line(/function unblock\(state\d*, \{ target.*\}, moment\) \{/, 'function unblock() { null.no;'),
      code: 'invalid',
      says: /it fails on unblock, with .*: TypeError/,
    },
    {
      what: 'answers with rubbish',
      change: line(
        'receive: (state, message, moment, read) => [state,',
        'receive: (state, message, moment, read) => ["a", state,',
      ),
      code: 'invalid',
      says: /instead of \[state, effects\]/,
    },
    {
      what: 'derives other views',
      change: line(
        'viewKind.replies, statusRest(parent) + id), [])',
        'viewKind.replies, statusRest(parent) + id), [1])',
      ),
      code: 'forbidden',
      says: /views of a fact of kind s .*programs’ way/,
    },
    {
      what: 'has another format of views',
      change: line(/var viewsFormat = \d+;/, 'var viewsFormat = 1000;'),
      code: 'forbidden',
      says: /viewsFormat 1000 instead of .*programs’ way/,
    },
    {
      what: 'stores facts in another shape',
      change: line('var factsFormat = 1;', 'var factsFormat = 2;'),
      code: 'forbidden',
      says: /factsFormat 2 instead of 1.*programs’ way/,
    },
    {
      what: 'can’t take over the states of now',
      change: line('var stateFormat = 1;', 'var stateFormat = 2;'),
      code: 'invalid',
      says: /can’t take over the made-up state 0: RangeError/,
    },
  ];

  test.each(unfit)('when it $what', async ({ what, change, code, says }) => {
    const tested = await swapping.opened({
      trial: { withinMs: what.startsWith('hangs') ? 3000 : 60_000, heapMb: 64, processMb: 300 },
    });
    const [odd, even] = await pair(tested);
    const account = await reader(tested, 'watcher', [odd, even]);
    await tested.attach(account, 1);
    const before = tested.core.behaviours;
    const folder = swapping.variants.rewritten(`unfit: ${what}`, swapping.plain, change);
    const rejection = await refusedSwap(tested, folder);
    expect(rejection).toMatchObject({ code, message: expect.stringMatching(says) });
    expect(tested.core.behaviours).toEqual(before);
    const id = await tested.post(odd, 'on and on');
    await tested.quiet();
    expect(await tested.home(account)).toEqual([id]);
    expect(statusesIn(tested.gateway.itemsOf(1))).toEqual([id]);
  });

  test('or when nothing is there', async () => {
    const tested = await swapping.opened();
    const rejection = await refusedSwap(tested, `${swapping.plain}-not-there`);
    expect(rejection).toMatchObject({ code: 'invalid', message: expect.stringContaining("can't be read") });
  });

  test('one that leads no way back is taken only by who says so', async () => {
    const tested = await swapping.opened();
    const folder = await swapping.variants.built(
      'one-way',
      evenAuthorsOnly.map((change) =>
        change.instead.includes('delete (plain')
          ? {
              ...change,
              instead: `  if (format === 1) throw new Error('never back');\n${change.line}`,
            }
          : change,
      ),
    );
    const rejection = await refusedSwap(tested, folder);
    expect(rejection).toMatchObject({ code: 'forbidden', message: expect.stringContaining('never back') });
    const { oneWay } = accepted(await tested.core.swap(folder, { isOneWay: true }));
    expect(oneWay).toContain('never back');
    expect(await refusedSwap(tested, swapping.plain)).toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('never back'),
    });
  });
});
