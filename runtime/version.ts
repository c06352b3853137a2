// Versions: hybrid logical clock readings. The higher one wins, everywhere, always.

declare const version: unique symbol;
/** 12 latin1 characters: ms (6 bytes), counter (2), node (4). Compares as strings do. */
export type Version = string & { readonly [version]: true };

export const versionBytes = 12;

/** `ms` 0..2^48-1, `counter` 0..65535, `node` 0..2^32-1. */
export function makeVersion(ms: number, counter: number, node: number): Version {
  const high = Math.floor(ms / 0x1000000);
  const low = ms % 0x1000000;
  return String.fromCharCode(
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
    (counter >>> 8) & 255,
    counter & 255,
    (node >>> 24) & 255,
    (node >>> 16) & 255,
    (node >>> 8) & 255,
    node & 255,
  ) as Version;
}

export const noVersion: Version = makeVersion(0, 0, 0);

export function versionMs(of: Version): number {
  let ms = 0;
  for (let at = 0; at < 6; at++) ms = ms * 256 + of.charCodeAt(at);
  return ms;
}

export function versionCounter(of: Version): number {
  return of.charCodeAt(6) * 256 + of.charCodeAt(7);
}

/** A cursor is a version as a client carries it: 24 hexadecimal digits. */
export function printCursor(of: Version): string {
  let hex = '';
  for (let at = 0; at < versionBytes; at++) hex += of.charCodeAt(at).toString(16).padStart(2, '0');
  return hex;
}

/** Null when the text is no cursor. */
export function parseCursor(hex: string): Version | null {
  if (!/^[0-9a-f]{24}$/.test(hex)) return null;
  let characters = '';
  for (let at = 0; at < hex.length; at += 2)
    characters += String.fromCharCode(Number.parseInt(hex.slice(at, at + 2), 16));
  return characters as Version;
}
