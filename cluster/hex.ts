// Bytes as hexadecimal digits: in files that people may read, on the command line, in names.
import { z } from 'zod';

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Of digits that `hexDigits` has let through. */
export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** So many bytes, in small letters. */
export function hexDigits(bytes: number): z.ZodType<string> {
  return z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
}
