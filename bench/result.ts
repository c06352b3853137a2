// What a benchmark hands back: the rows to print, the same as numbers for a file, and whatever was wrong.

export interface Result {
  name: string;
  /** Label and value, in the order to print. */
  rows: [string, string][];
  /** For --json. */
  figures?: Record<string, number | string | number[]>;
  /** Anything lost, doubled, out of order or different: the benchmark has then failed. A time is never here. */
  wrong: string[];
}

export function printResult(result: Result): string {
  const width = Math.max(...result.rows.map(([label]) => label.length));
  const rows = result.rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`.trimEnd());
  const wrong = result.wrong.length === 0 ? [] : ['', 'WRONG:', ...result.wrong.map((line) => `  ${line}`)];
  return [result.name, ...rows, ...wrong, ''].join('\n');
}
