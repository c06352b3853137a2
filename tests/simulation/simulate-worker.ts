// A process of `npm run simulate`: takes seeds, gives reports.
import { simulate } from './simulate.ts';

process.on('message', (seed: number) => {
  const { violations, transcript } = simulate({ seed });
  process.send?.({ seed, violations, transcript: violations.length === 0 ? [] : transcript });
});
