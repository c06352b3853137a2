// Forms as clients send them.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ApiError } from '../../gateway/endpoint.ts';
import { parseForm } from '../../gateway/http-form.ts';

const plain = (text: string): unknown => JSON.parse(JSON.stringify(parseForm(text)));

it.each([
  ['', {}],
  ['a=1&b=', { a: '1', b: '' }],
  ['a=1&a=2', { a: '2' }],
  ['a=b%20c+d%2B', { a: 'b c d+' }],
  ['id[]=1&id[]=2', { id: ['1', '2'] }],
  ['id%5B%5D=1&id%5B%5D=2', { id: ['1', '2'] }],
  [
    'source[privacy]=private&source%5Bsensitive%5D=true',
    { source: { privacy: 'private', sensitive: 'true' } },
  ],
  ['f[0][name]=a&f[0][value]=b&f[1][name]=c', { f: { 0: { name: 'a', value: 'b' }, 1: { name: 'c' } } }],
  ['f[][name]=a&f[][value]=b&f[][name]=c', { f: [{ name: 'a', value: 'b' }, { name: 'c' }] }],
  ['poll[options][]=x&poll[options][]=y', { poll: { options: ['x', 'y'] } }],
  ['a[=1&[b]=2&c]=3&&=4', { 'a[': '1', '[b]': '2', 'c]': '3', '': '4' }],
  ['a=1&a[b]=2', { a: { b: '2' } }],
])('reads %s', (text, form) => {
  expect(plain(text)).toEqual(form);
});

it.each([['a=%'], ['a=%ff'], ['%c3=1'], [`a${'[b]'.repeat(6)}=1`], ['a&'.repeat(1001)]])(
  'refuses %s with a 400 that says why',
  (text) => {
    expect(() => parseForm(text)).toThrow(ApiError);
    expect(() => parseForm(text)).toThrow(/\w+ \w+/);
  },
);

it('gives no field a name that means something to the language', () => {
  const form = parseForm('__proto__[polluted]=1&constructor[prototype][polluted]=1');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.getPrototypeOf(form)).toBeNull();
});

it('never fails but with a 400, on any text', () => {
  const bits = fc.constantFrom('a', '[', ']', '=', '&', '%', '5', 'B', 'é', '+', '__proto__');
  fc.assert(
    fc.property(fc.array(bits, { maxLength: 60 }), (parts) => {
      try {
        parseForm(parts.join(''));
      } catch (error) {
        expect(error).toMatchObject({ name: 'ApiError', status: 400 });
      }
    }),
  );
});
