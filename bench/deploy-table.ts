// Tables of `bench deploy` as lines of a result: a first column as label, the others under their titles.

/** Rows of a result. Every line has as many cells as there are titles. */
export function tableRows(
  titles: readonly string[],
  lines: readonly (readonly string[])[],
): [string, string][] {
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)),
  );
  return [titles, ...lines].map((line): [string, string] => [
    line[0] ?? '',
    line
      .slice(1)
      .map((cell, at) => cell.padStart(widths[at + 1] ?? 0))
      .join('  '),
  ]);
}
