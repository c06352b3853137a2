// Rates as people type them: `500K`, `20M`.
import { z } from 'zod';
import { matching } from './command-options.ts';

/** Bytes a second: `500K` is 512,000. */
export const rateText: z.ZodType<number> = matching(
  z
    .string()
    .regex(/^[0-9]{1,12}[KMG]?$/i)
    .transform((text) => Number.parseInt(text, 10) * 1024 ** ' KMG'.indexOf(unitOf(text)))
    .refine((bytes) => bytes >= 1024),
  'must be bytes a second, 1K or more, such as 500K or 20M',
);

function unitOf(text: string): string {
  return /[KMG]$/i.exec(text)?.[0].toUpperCase() ?? ' ';
}
