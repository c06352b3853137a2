// How a bundle is on its way, for the person who watches: bytes as people read them, speed, and a line that is written over in a terminal.
import type { TorrentProgress } from './swarm-order.ts';

/** `20.0 MiB`. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `3 peers`. */
export function peersText(peers: number): string {
  return peers === 1 ? '1 peer' : `${peers} peers`;
}

export function fetchedText(
  { haveBytes, totalBytes, sentBytes, peers }: TorrentProgress,
  speed: number,
): string {
  return `${bytesText(haveBytes)} of ${bytesText(totalBytes)}, ${bytesText(speed)}/s, ${peersText(peers)}, ${bytesText(sentBytes)} sent`;
}

/** Bytes a second, over the last few. */
export class Speedometer {
  readonly #seen: { atMs: number; bytes: number }[] = [];

  read(bytes: number, nowMs: number): number {
    this.#seen.push({ atMs: nowMs, bytes });
    while (this.#seen.length > 2 && nowMs - (this.#seen[1]?.atMs ?? 0) >= spanMs) this.#seen.shift();
    const [first] = this.#seen;
    if (first === undefined || nowMs === first.atMs) return 0;
    return Math.round(((bytes - first.bytes) / (nowMs - first.atMs)) * 1000);
  }
}

const spanMs = 4000;
const lineEveryMs = 5000;

export interface LineShown {
  update(text: string): void;
  end(): void;
}

/** On standard error: one line in a terminal; elsewhere a new one now and then, when it says something new. */
export function showLine(): LineShown {
  let last = '';
  let lastMs = Number.NEGATIVE_INFINITY;
  const isTerminal = process.stderr.isTTY === true;
  return {
    update(text) {
      const nowMs = performance.now();
      if (text === last || (!isTerminal && nowMs < lastMs + lineEveryMs)) return;
      last = text;
      lastMs = nowMs;
      process.stderr.write(isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    },
    end() {
      if (isTerminal && last !== '') process.stderr.write('\n');
    },
  };
}
