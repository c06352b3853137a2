// Planted bugs: all there are.
import type { Plant } from './plant.ts';
import { copyingPlants } from './plants-copying.ts';
import { servingPlants } from './plants-serving.ts';

export const plants: readonly Plant[] = [...servingPlants, ...copyingPlants];
