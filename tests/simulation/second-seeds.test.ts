// The second thousand seeds.
import { testSeeds } from './seeds.ts';

testSeeds({ from: 1000, to: 2000 });
