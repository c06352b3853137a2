// How many connections a process may hold, of the files it may open: one rule for the gateways, and for who reckons beforehand what they will hold.

export interface ConnectionRoom {
  /** Held at most. */
  most: number;
  /** Beyond those: what waited at a listener that is being closed, and requests whose connection ends with their answer. */
  passing: number;
  /** Beyond those: refused with an answer. What comes then is closed without one. */
  refused: number;
}

/**
 * Files that are no connections, at most: a quarter for the process itself (some forty, and a link to each core), half for what passes (as many as
 * can wait at a listener), a quarter for refusals. A process that may open few files keeps half of them.
 */
export const reservedFiles = 1024;
/** uWebSockets.js asks for this many places at its listener. */
export const listenerBacklog = 512;

/** The fewest that pass or are refused where a small number is asked for: enough for a burst. */
const fewest = 8;

/** `files`: the soft limit, null when nobody knows. `wanted`: null for as many as there may be. */
export function connectionRoom(files: number | null, wanted: number | null = null): ConnectionRoom {
  const known = files ?? usualFiles;
  const reserved = Math.min(reservedFiles, known >> 1);
  const most = Math.max(1, Math.min(known - reserved, wanted ?? known));
  return {
    most,
    passing: Math.min(reserved >> 1, Math.max(fewest, most >> 4)),
    refused: Math.min(reserved >> 2, Math.max(fewest, most)),
  };
}

/** What a process may open where nobody has said anything. */
const usualFiles = 1024;

export interface OpenFiles {
  /** Null: without limit. */
  soft: number | null;
  hard: number | null;
}

/** Of the text of /proc/PID/limits; null when it says nothing of files. */
export function openFilesIn(limits: string): OpenFiles | null {
  const [, soft, hard] = /^Max open files +(\w+) +(\w+)/m.exec(limits) ?? [];
  if (soft === undefined || hard === undefined) return null;
  const limitOf = (text: string): number | null => (text === 'unlimited' ? null : Number(text));
  return { soft: limitOf(soft), hard: limitOf(hard) };
}
