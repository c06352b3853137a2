// Planted bugs: all there are.

import type { Plant } from './plant.ts';
import { basicPlants } from './plants-basics.ts';
import { copyingPlants } from './plants-copying.ts';
import { foundPlants } from './plants-found.ts';
import { servingPlants } from './plants-serving.ts';

export const plants: readonly Plant[] = [...foundPlants, ...basicPlants, ...servingPlants, ...copyingPlants];
