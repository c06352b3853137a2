// A process of `npm run simulate`: takes seeds, gives reports.
import { simulate } from './simulate.ts';

process.on('message', ({ seed, repairs }: { seed: number; repairs: boolean }) => {
  const { violations, transcript } = simulate({ seed, repairs });
  process.send?.({ seed, violations, transcript: violations.length === 0 ? [] : transcript });
});
