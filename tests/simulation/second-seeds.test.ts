// Seeds 300 to 599, in a file of their own: so they run beside the first ones.
import { testSeeds } from './seeds.ts';

testSeeds({ from: 300, to: 600 });
