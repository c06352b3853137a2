// Bodies of each kind, and what is wrong with wrong ones.
import { expect, it } from 'vitest';
import { parseBody, UploadedFile } from '../../gateway/http-body.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const multipart = (parts: string[]): string =>
  `${parts.map((part) => `--B\r\nContent-Disposition: form-data; ${part}\r\n`).join('')}--B--\r\n`;

it.each([
  ['application/json', '{"a":[1,"x"],"b":{"c":null}}', { a: [1, 'x'], b: { c: null } }],
  ['application/json; charset=utf-8', '{}', {}],
  ['application/x-www-form-urlencoded', 'a=1&b[]=2\n', { a: '1', b: ['2'] }],
  [
    'multipart/form-data; boundary=B',
    multipart(['name="a"\r\n\r\n1', 'name="s[p]"\r\n\r\nü']),
    { a: '1', s: { p: 'ü' } },
  ],
  [
    'multipart/form-data; boundary="B"',
    multipart(['name="a[]"\r\n\r\n1', 'name="a[]"\r\n\r\n2']),
    { a: ['1', '2'] },
  ],
  ['', '{"a":1}', { a: 1 }],
  ['text/plain;charset=UTF-8', 'a=1', { a: '1' }],
  ['application/json', '', {}],
])('reads %s', async (type, text, form) => {
  expect(JSON.parse(JSON.stringify(await parseBody(bytes(text), type)))).toEqual(form);
});

it('marks a file among the fields, and leaves out an empty one', async () => {
  const file = (name: string, content: string): string =>
    `name="${name}"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n${content}`;
  const text = multipart([file('avatar', 'PNG'), file('header', ''), 'name="note"\r\n\r\nhi']);
  const form = await parseBody(bytes(text), 'multipart/form-data; boundary=B');
  expect(form['avatar']).toBeInstanceOf(UploadedFile);
  expect(form['header']).toBeUndefined();
  expect(form['note']).toBe('hi');
});

it.each([
  ['application/json', bytes('{'), 400],
  ['application/json', bytes('[1]'), 400],
  ['application/json', bytes('"x"'), 400],
  ['application/json', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 400],
  ['application/x-www-form-urlencoded', Uint8Array.of(0x61, 0x3d, 0xc3), 400],
  // Found by fuzzing: parts without a name, as a field and as a file.
  ['multipart/form-data; boundary=B', bytes(multipart(['x\r\n\r\n1'])), 400],
  ['multipart/form-data; boundary=B', bytes(multipart(['filename="x.png"\r\n\r\n1'])), 400],
  // And a file that is cut off, which once ended the process.
  [
    'multipart/form-data; boundary=B',
    bytes('--B\r\nContent-Disposition: form-data; name="a"; filename="x.png"\r\n\r\ncut'),
    400,
  ],
  ['multipart/form-data', bytes('--B'), 400],
  [
    'multipart/form-data; boundary=B',
    bytes('--B\r\nContent-Disposition: form-data; name="a"\r\n\r\ncut'),
    400,
  ],
  ['multipart/form-data; boundary=B', bytes('nothing of the kind'), 400],
  ['application/octet-stream', bytes('x'), 415],
  ['image/png', bytes('x'), 415],
])('refuses a broken %s body in words', async (type, body, status) => {
  await expect(parseBody(body, type)).rejects.toMatchObject({ name: 'ApiError', status });
});
