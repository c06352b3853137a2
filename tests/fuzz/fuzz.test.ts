// Five thousand senseless inputs in the suite; a hundred thousand by `npm run fuzz`. FUZZ_SEED runs one of them again.
import { describe, expect, test } from 'vitest';
import { fuzzRun, printReport } from './fuzz-run.ts';
import { expectHarmless } from './fuzz-verdict.ts';
import { faultOfAnswer, readAnswers } from './http-answer.ts';
import { faultOfFrame, readFrames } from './socket-frame.ts';

const inputs = 5000;
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);

test(`${inputs} senseless requests, upgrades and frames harm nobody`, { timeout: 400_000 }, async () => {
  console.log(`seed ${seed}: FUZZ_SEED=${seed} runs it again`);
  const report = await fuzzRun({ seed, inputs });
  console.log(printReport(report).split('\n').slice(-3).join('\n'));
  expectHarmless(report, inputs);
});

describe('what is held against the server', () => {
  const verdicts = (bytes: string): (string | null)[] =>
    readAnswers(Buffer.from(bytes, 'latin1'), false).answers.map(faultOfAnswer);
  const json = (status: string, body: string): string =>
    `HTTP/1.1 ${status}\r\nX-Request-Id: 1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  test('an answer of 500, a refusal without an error, and JSON that is none', () => {
    expect(
      verdicts(
        json('404 Not Found', '{"error":"x"}') +
          json('200 OK', '[]') +
          json('503 Service Unavailable', '{"error":"x"}'),
      ),
    ).toEqual([null, null, null]);
    expect(verdicts(json('500 Internal Server Error', '{"error":"x"}'))).toEqual(['an answer of 500']);
    expect(verdicts(json('422 Unprocessable Content', '{}'))).toEqual([
      'an answer of 422 without an error: {}',
    ]);
    expect(verdicts(json('200 OK', '{"a"'))).toEqual(['an answer of 200 that is no JSON: {"a"']);
    expect(
      verdicts('HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\n\r\n<h1>No</h1>'),
    ).toEqual([null]);
    expect(() => verdicts('nonsense\r\n\r\n')).toThrow('no status line');
  });

  test('a frame that states nothing, a close code of nobody’s, and bytes that are no frame', () => {
    const verdict = (first: number, payload: Buffer): (string | null)[] =>
      readFrames(Buffer.concat([Buffer.from([first, payload.length]), payload])).frames.map(faultOfFrame);
    expect(verdict(0x81, Buffer.from('{"error":"x","status":400}'))).toEqual([null]);
    expect(verdict(0x81, Buffer.from('{"event":"update"}'))).toEqual([null]);
    expect(verdict(0x81, Buffer.from('{"error":"x","status":500}'))).toEqual([
      expect.stringContaining('no stated error'),
    ]);
    expect(verdict(0x88, Buffer.from([0x03, 0xeb]))).toEqual([null]);
    expect(verdict(0x88, Buffer.from([0x03, 0xf3]))).toEqual(['closed with 1011']);
    expect(verdict(0x83, Buffer.alloc(0))).toEqual(['a frame with opcode 3']);
    expect(() => verdict(0x01, Buffer.alloc(3))).toThrow('begins with 01');
  });
});
