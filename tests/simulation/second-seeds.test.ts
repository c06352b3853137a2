// Seeds 1000 to 1999, in a file of their own: so they run beside the first ones.
import { testSeeds } from './seeds.ts';

testSeeds({ from: 1000, to: 2000 });
