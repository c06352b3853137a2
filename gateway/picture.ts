// Pictures that need no file: an avatar drawn from an account's id, and a plain header. Pure.
import { createHash } from 'node:crypto';
import type { AccountId } from '../runtime/account-id.ts';
import { type Color, encodePng } from './png.ts';

const cells = 5;
const cellPixels = 40;
const marginPixels = 20;
const avatarPixels = cells * cellPixels + 2 * marginPixels;

/** The same id gives the same picture: 5 x 5 cells, the left half mirrored to the right, one color on a pale ground. */
export function drawAvatar(id: AccountId): Uint8Array {
  const hash = createHash('sha256').update(`avatar ${id}`).digest();
  const hue = ((hash[0] ?? 0) * 360) / 256;
  const palette = [colorOf(hue, 0.35, 0.93), colorOf(hue, 0.55, 0.45)];
  const columns = Math.ceil(cells / 2);
  const isFilled = (x: number, y: number): boolean => {
    const column = x < columns ? x : cells - 1 - x;
    return ((hash[1 + y * columns + column] ?? 0) & 1) === 1;
  };
  const at = (x: number, y: number): number => {
    const column = Math.floor((x - marginPixels) / cellPixels);
    const row = Math.floor((y - marginPixels) / cellPixels);
    const inside = column >= 0 && column < cells && row >= 0 && row < cells;
    return inside && isFilled(column, row) ? 1 : 0;
  };
  return encodePng({ width: avatarPixels, height: avatarPixels, palette, at });
}

/** What stands above a profile that has no picture of its own. */
export function drawHeader(): Uint8Array {
  return encodePng({ width: 600, height: 200, palette: [[0x9b, 0xae, 0xc8]], at: () => 0 });
}

/** Hue 0..360, saturation and lightness 0..1. */
function colorOf(hue: number, saturation: number, lightness: number): Color {
  const amount = saturation * Math.min(lightness, 1 - lightness);
  const part = (offset: number): number => {
    const place = (offset + hue / 30) % 12;
    return Math.round(255 * (lightness - amount * Math.max(-1, Math.min(place - 3, 9 - place, 1))));
  };
  return [part(0), part(8), part(4)];
}
