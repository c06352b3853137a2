// What cores ask each other about accounts that they do not hold. runtime/reading.ts says what a need is, and what answers it.
import { accountIdCodec, partitionCount } from '../runtime/account-id.ts';
import { bytes, list, struct, uint } from '../runtime/codec.ts';
import { found, mostFound, mostNeeds, need } from '../runtime/reading.ts';
import { statusIdsCodec } from '../runtime/status-id.ts';

const mostAuthors = 100_000;
const mostListings = 100;
const mostCores = 1024;

export const exchanges = {
  /** Needs of accounts that are served there, each answered in its place. */
  records: {
    ask: struct({ needs: list(need, mostNeeds) }),
    answer: struct({ found: list(found, mostNeeds) }),
  },
  /** Needs that everybody has a part of: the answers of each core that was asked, and the partitions it has all of, a bit each. */
  listings: {
    ask: struct({ needs: list(need, mostListings) }),
    answer: struct({
      answers: list(struct({ held: bytes(partitionCount / 8), found: list(found, mostListings) }), mostCores),
    }),
  },
  /** The newest statuses of all these authors together, made at `sinceMs` or later, newest first. */
  newest: {
    ask: struct({ authors: list(accountIdCodec, mostAuthors), sinceMs: uint, most: uint }),
    answer: struct({ ids: statusIdsCodec(mostFound) }),
  },
} as const;
