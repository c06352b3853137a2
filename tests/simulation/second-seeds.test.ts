// The second seeds.
import { testSeeds } from './seeds.ts';

testSeeds({ from: 300, to: 600 });
