// The first seeds. The others run beside them, in a file of their own.
import { testSeeds } from './seeds.ts';

testSeeds({ from: 0, to: 300 });
