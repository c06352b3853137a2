// Twenty thousand hostile frames on links between machines in the suite; a million by `npm run fuzz`. FUZZ_SEED runs one of them again.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Codec } from '../../runtime/codec.ts';
import { type Data, testMessages } from '../cluster/wire-ends.ts';
import { fuzzFrames, type WireReport } from './wire-frame-run.ts';
import type { SocketReport } from './wire-socket-run.ts';
import { expectLinksUnharmed, expectServerUnharmed, printWireReport } from './wire-verdict.ts';

const frames = 20_000;
const bySockets = 400;
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);

/** In a process of its own: this one has run other tests, and what they leave comes and goes. */
function fuzzed(): Promise<{ links: WireReport; sockets: SocketReport }> {
  const script = fileURLToPath(new URL('./wire-fuzz-process.ts', import.meta.url));
  const child = fork(script, [seed, frames, bySockets].map(String), {
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
  });
  return new Promise((resolve, reject) => {
    child.once('message', (said) => resolve(said as { links: WireReport; sockets: SocketReport }));
    child.once('exit', (code) => reject(new Error(`the fuzzing process ended with code ${code}`)));
  });
}

test(`${frames} hostile frames end the links they came on, and nothing else`, async () => {
  console.log(`seed ${seed}: FUZZ_SEED=${seed} runs it again`);
  const { links, sockets } = await fuzzed();
  console.log(printWireReport(links, sockets).split('\n').slice(-2).join('\n'));
  expectLinksUnharmed(links);
  expectServerUnharmed(sockets);
});

test('a decoder that fails in another way than by saying malformed is found', async () => {
  const data: Codec<Data> = {
    encode: (message) => testMessages.data.encode(message),
    decode(wire) {
      const message = testMessages.data.decode(wire);
      if (message.kind === 'notes' && message.notes.length === 4 && message.notes[1] !== 'two')
        throw new TypeError('planted');
      return message;
    },
  };
  await expect(fuzzFrames({ seed: 1, frames: 20_000 }, { ...testMessages, data })).rejects.toThrow(
    /^seed 1, frame \d+: 92/,
  );
});
