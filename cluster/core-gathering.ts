// What actors gather for timelines and for what was missed: from this disk, and of other cores' accounts from theirs.
import type { AccountId } from '../runtime/account-id.ts';
import type { PointReader, Reader, Rejection } from '../runtime/behaviours.ts';
import type { Gathering, Wanted } from '../runtime/gathering.ts';
import type { Key } from '../runtime/key.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import type { Store } from '../runtime/store.ts';
import type { CoreCluster } from './core-cluster.ts';
import type { Elsewhere } from './core-elsewhere.ts';
import { inTime } from './in-time.ts';

export interface CoreGatheringOptions {
  store: Pick<Store, 'newestOf' | 'underWay'>;
  reader: Reader;
  /** Sees what is on its way to the disk. */
  writing: PointReader;
  /** Null: everything is here, and always will be. */
  cluster: CoreCluster | null;
  elsewhere(): Elsewhere | null;
  statusKey(id: StatusId): Key;
}

interface Others {
  cluster: CoreCluster;
  elsewhere: Elsewhere;
  /** What is on its way to this disk. */
  underWay: Promise<void> | null;
}

/** How long a core may take to say that it sends what somebody here wants. */
const confirmedWithinMs = 5000;

/** Gateways count on it: a session that waits longer for what it missed is taken to have it. */
const withinMs = 90_000;

const unconfirmed: Rejection = {
  code: 'unavailable',
  message: 'A core that has a part of this timeline does not answer. Try again soon.',
};

export class CoreGathering {
  readonly #options: CoreGatheringOptions;

  constructor(options: CoreGatheringOptions) {
    this.#options = options;
  }

  /**
   * At once when everything is here. With several machines an answer to a write may come before what it wrote is announced, after others
   * in the log: whoever reads then finds it only in what is gathered, so that waits for what is on its way to this disk.
   */
  gather(wanted: Wanted): Gathering | Promise<Gathering> {
    const { store, cluster, elsewhere } = this.#options;
    const underWay = cluster === null || cluster.isAlone ? null : store.underWay;
    const other = elsewhere();
    if (cluster !== null && other !== null && !cluster.hasAll)
      return inTime(
        this.#gather(wanted, { cluster, elsewhere: other, underWay }),
        withinMs,
        failed(unconfirmed),
      );
    return underWay === null ? this.#here(wanted) : underWay.then(() => this.#here(wanted));
  }

  #here({ recent, ranges }: Wanted): Gathering {
    const { store, reader } = this.#options;
    const found = ranges.map((range) => reader.views(range));
    return { statuses: store.newestOf(recent), found, failed: null, read: null };
  }

  async #gather(
    { recent, ranges, withFacts }: Wanted,
    { cluster, elsewhere, underWay }: Others,
  ): Promise<Gathering> {
    const isElsewhere = (author: AccountId): boolean => !cluster.isHere(author);
    // First all that is written from now on comes by itself: then nothing falls between.
    if ([...recent.authors].some(isElsewhere) && !(await cluster.interest.confirmed(confirmedWithinMs)))
      return failed(unconfirmed);
    await underWay;
    const [statuses, found] = await Promise.all([elsewhere.newest(recent), elsewhere.ranges(ranges)]);
    if (!statuses.ok) return failed(statuses.rejection);
    if (!found.ok) return failed(found.rejection);
    const gathering = { statuses: statuses.value, found: found.value, failed: null };
    if (!withFacts) return { ...gathering, read: null };
    const { statusKey, writing } = this.#options;
    const others = statuses.value.filter((id) => isElsewhere(statusAuthor(id)));
    const read = await elsewhere.factsOf(others.map(statusKey), writing);
    return read.ok ? { ...gathering, read: read.value } : failed(read.rejection);
  }
}

function failed(rejection: Rejection): Gathering {
  return { statuses: [], found: [], failed: rejection, read: null };
}
