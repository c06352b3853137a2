// A planted bug: one line of the product (or of its smallest host, the simulated node) changed, which some checker must find.

export interface Plant {
  name: string;
  /** From the root of the tree. */
  file: string;
  /** One line, or a part of one, that stands there exactly once. */
  line: string;
  instead: string;
  /** One that finds it; null while it is being looked for. */
  seed: number | null;
  /** The checkers that may find it: how a violation begins. */
  foundBy: readonly string[];
  /** It was not planted: it stood there, and a seed found it. */
  wasReal?: true;
  /** Found where owners do not compare what they have: that would mend what went wrong, or hide it until the end. */
  withoutRepairs?: true;
}
