// Whether a gateway shows the page that it was told of: it writes that down in the data folder, and this waits for it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PageSaid, pageSaid, pageSaidFile } from './settings.ts';

export interface PageWait {
  data: string;
  /** The gateway's. */
  index: number;
  /** The release folder whose page it is to show. */
  page: string;
  /** Of its process now; null: it is being started again, and will show it. */
  pid(): number | null;
  withinMs: number;
  isStopping(): boolean;
}

const lookMs = 20;

/** Null once it shows the page; why it does not otherwise, after `withinMs` at the latest. */
export async function pageTaken({
  data,
  index,
  page,
  pid,
  withinMs,
  isStopping,
}: PageWait): Promise<string | null> {
  const path = join(data, pageSaidFile(index));
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const said = await readSaid(path);
    if (said !== null && said.pid === pid() && said.page === page)
      return said.failed === null ? null : `gateway ${index} cannot show it: ${said.failed}`;
    if (isStopping()) return 'the agent stops';
    if (performance.now() >= untilMs) return `gateway ${index} does not say that it shows it`;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

/** Null when it has said nothing, or is just writing. */
async function readSaid(path: string): Promise<PageSaid | null> {
  try {
    return pageSaid.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}
