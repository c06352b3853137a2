// A planted bug: one line of the product (or of its smallest host, the simulated node) changed, which some checker must find.

interface Change {
  /** From the root of the tree. */
  file: string;
  /** One line, or a part of one, that stands there exactly once. */
  line: string;
  instead: string;
}

export interface Plant extends Change {
  name: string;
  /** The mend stood in several places: any of them alone would hide the bug. */
  also?: readonly Change[];
  /** One that finds it; null while it is being looked for. */
  seed: number | null;
  /** The checkers that may find it: how a violation begins. */
  foundBy: readonly string[];
  /** It was not planted: it stood there, and a seed found it. */
  wasReal?: true;
  /** Found where owners do not compare what they have: that would mend what went wrong, or hide it until the end. */
  withoutRepairs?: true;
}
