// Seeds 0 to 999. The others are in a file of their own, and run beside these.
import { testSeeds } from './seeds.ts';

testSeeds({ from: 0, to: 1000 });
