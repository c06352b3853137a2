// Which promises were not kept, by the clients' own record alone. Each check is a file beside this one.
import { History } from './history.ts';
import { judgeAnswers } from './judge-answers.ts';
import { judgeDeletes } from './judge-deletes.ts';
import { judgeConverged, judgeDurable, judgeHandles, judgeOnce } from './judge-end.ts';
import { judgeComplete, judgeMonotonic, judgeOwnWrites, judgeUnwanted } from './judge-pages.ts';
import { judgeStreams } from './judge-streams.ts';
import type { Entry } from './record.ts';
import type { Violation } from './violation.ts';

const checks = [
  judgeDurable,
  judgeOnce,
  judgeDeletes,
  judgeComplete,
  judgeOwnWrites,
  judgeMonotonic,
  judgeUnwanted,
  judgeStreams,
  judgeHandles,
  judgeConverged,
  judgeAnswers,
] as const;

/** The earliest first. */
export function judge(entries: readonly Entry[]): Violation[] {
  const history = new History(entries);
  return checks.flatMap((check) => check(history)).sort((one, other) => one.atMs - other.atMs);
}
