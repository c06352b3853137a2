// What a session was sent of late by a cluster of several cores. They send some of it again: whatever is above its cursor when another core serves it,
// for cores say at once what they hear, with the cursor up to which they have heard everything; what that core hears itself only afterwards; and
// what a new server of the author's partition says again. No core knows what a session has had: only its gateway does, which outlives them.

/** An item, as all sessions that were sent it remember it. */
export interface Mark {
  /** The same for the same item, whichever core it comes from. */
  readonly key: string;
  readonly version: string;
  /** That of its version. */
  readonly ms: number;
  /** Not of a core that has everything, and says it once: nobody needs to remember it. */
  readonly mayComeAgain: boolean;
}

export function markOf(key: string, version: string, mayComeAgain: boolean): Mark {
  // A version as text begins with the milliseconds, in twelve hexadecimal digits.
  return { key, version, ms: Number.parseInt(version.slice(0, 12), 16), mayComeAgain };
}

/** In the order of their versions. Null: none. */
export type Had = Mark[] | null;

/** Who takes a partition over says 15 s again, and may not be heard at once. */
const rememberedMs = 60_000;
/** So much no core sends again: it tells the client to read anew. */
const mostHad = 3000;
/** So many are forgotten at once, and that is looked at when so many have come: this is run for each delivery. */
const stride = 16;

export function includes(had: Had, { key, version }: Mark): boolean {
  if (had === null) return false;
  // What comes is newer than all of them, but for what comes again.
  for (let place = had.length - 1; place >= 0; place--) {
    const mark = had[place];
    if (mark === undefined || mark.version < version) return false;
    if (mark.key === key) return true;
  }
  return false;
}

/** With one more, and without most of what is neither above the cursor nor of late. */
export function having(had: Had, mark: Mark, cursor: string): Had {
  if (had === null) return mark.mayComeAgain ? [mark] : null;
  if (mark.mayComeAgain && !includes(had, mark)) insert(had, mark);
  if (had.length % stride !== 0) return had;
  const last = had[stride - 1];
  const isPassed = last !== undefined && last.ms < mark.ms - rememberedMs && last.version <= cursor;
  if (isPassed || had.length > mostHad) had.splice(0, stride);
  return had;
}

function insert(had: Mark[], mark: Mark): void {
  let place = had.length;
  for (let before = had[place - 1]; before !== undefined && before.version > mark.version; ) {
    had[place] = before;
    place--;
    before = had[place - 1];
  }
  had[place] = mark;
}
