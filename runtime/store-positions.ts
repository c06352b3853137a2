// How far this store has taken in the logs of others, lane by lane. Each position is written with the facts it stands for.
import { afterPrefix } from './key.ts';
import type { Batch } from './store-batch.ts';
import type { Tables } from './store-environment.ts';
import type { Lane, Position } from './store-position.ts';

const positionPrefix = 'position:';
const most = 1_000_000;

export class StorePositions {
  readonly #byKey = new Map<string, Position>();

  constructor(tables: Pick<Tables, 'meta'>) {
    const range = { from: positionPrefix, to: afterPrefix(positionPrefix), most };
    for (const { key, value } of tables.meta.range(range)) {
      const [lane, origin, incarnation, seq] = value as [Lane, number, number, number];
      this.#byKey.set(key, { lane, origin, incarnation, seq });
    }
  }

  /** Those on the disk. */
  get committed(): Position[] {
    return [...this.#byKey.values()];
  }

  stage(batch: Batch, positions: readonly Position[]): void {
    for (const position of positions) {
      const { lane, origin, incarnation, seq } = position;
      batch.positions.push(position);
      batch.meta.set(positionKey(position), [lane, origin, incarnation, seq]);
    }
  }

  take({ positions }: Batch): void {
    for (const position of positions) this.#byKey.set(positionKey(position), position);
  }
}

function positionKey({ lane, origin, incarnation }: Position): string {
  return `${positionPrefix}${lane}:${origin}:${incarnation}`;
}
