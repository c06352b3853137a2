// Names of files in a torrent, judged with suspicion: none may lead out of its folder, and all must fit on any disk together.
import { TorrentError } from './torrent-error.ts';

const partMostBytes = 255;
const pathMostBytes = 1024;
const partsMost = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws a `TorrentError` for a name that is no plain name of one file or folder. */
export function readPathPart(bytes: Uint8Array): string {
  let part: string;
  try {
    part = utf8.decode(bytes);
  } catch (error) {
    throw new TorrentError('path', 'a name that is not UTF-8', { cause: error });
  }
  if (bytes.length > partMostBytes) throw new TorrentError('path', `a name of ${bytes.length} bytes`);
  if (part === '' || part === '.' || part === '..' || hasForbidden(part))
    throw new TorrentError('path', `the name ${JSON.stringify(part)}`);
  return part;
}

/** Collects the paths of one torrent. `add` throws a `TorrentError`. */
export class TorrentPaths {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  add(path: readonly string[]): void {
    if (path.length === 0 || path.length > partsMost)
      throw new TorrentError('path', `a path of ${path.length} names`);
    const whole = path.join('/');
    if (Buffer.byteLength(whole) > pathMostBytes)
      throw new TorrentError('path', `a path of more than ${pathMostBytes} bytes`);
    const parts = path.map(folded);
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/');
      if (this.#files.has(folder)) throw new TorrentError('doubled-path', `${whole} is below a file`);
      this.#folders.add(folder);
    }
    const file = parts.join('/');
    if (this.#files.has(file)) throw new TorrentError('doubled-path', `${whole} is there twice`);
    if (this.#folders.has(file)) throw new TorrentError('doubled-path', `${whole} is a folder too`);
    this.#files.add(file);
  }
}

/** What disks take for the same name. */
function folded(part: string): string {
  return part.normalize('NFC').toLowerCase().normalize('NFC');
}

/** Separators of any system, and what breaks a terminal. */
function hasForbidden(part: string): boolean {
  for (let at = 0; at < part.length; at++) {
    const code = part.charCodeAt(at);
    if (code < 0x20 || code === 0x7f || code === 0x2f || code === 0x5c) return true;
  }
  return false;
}
