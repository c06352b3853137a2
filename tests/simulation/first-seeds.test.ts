// The first thousand seeds. The second thousand run beside them, in a file of their own.
import { testSeeds } from './seeds.ts';

testSeeds({ from: 0, to: 1000 });
