// Options as typed on the command line or set in the environment: read once against a schema. What they mean is each command's.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { CommandFault } from './command-fault.ts';
import { type GatewayNumber, mostGateways } from './gateway-number.ts';
import type { Role } from './manifest.ts';
import { type LogLevel, logLevel, logLevels } from './settings.ts';
import type { SwarmAddress } from './swarm-order.ts';
import { addressOf } from './torrent-magnet.ts';

/** `--port <N>` that can also be given as MURMURATION_PORT. */
export function option(flags: string, description: string, preset?: string): Option {
  const made = new Option(flags, description);
  made.env(`MURMURATION_${made.name().toUpperCase().replaceAll('-', '_')}`);
  return preset === undefined ? made : made.default(preset);
}

export const dataOption = (): Option => option('--data <DIR>', 'the data folder', './data');

/** Frozen. Throws a `CommandFault` (usage) that names the option and where its value came from. */
export function readOptions<T>(command: Command, schema: z.ZodType<T>): Readonly<T> {
  const given = command.opts();
  const checked = schema.safeParse(given);
  if (checked.success) return Object.freeze(checked.data);
  const issue = checked.error.issues[0];
  const name = String(issue?.path[0] ?? '');
  const known = command.options.find((one) => one.attributeName() === name);
  const source = command.getOptionValueSource(name) === 'env' ? ` (from ${known?.envVar})` : '';
  throw usageFault(
    command,
    `option '${known?.long ?? name}'${source} ${issue?.message ?? 'is wrong'}, not '${String(given[name])}'`,
  );
}

/** A fault of the one who typed it, with the way to the help. */
export function usageFault(command: Command, message: string): CommandFault {
  return new CommandFault(`${message}. ${usageHint(command)}`, { exitCode: 2 });
}

export function usageHint(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  return `Usage: ${names.join(' ')} ${command.usage()}; --help lists the options`;
}

/** A whole number from `min` to `max`, both included. */
export function whole(min: number, max: number): z.ZodType<number> {
  return z.string().transform((text, context) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` });
    return z.NEVER;
  });
}

export const addressesText: z.ZodType<SwarmAddress[]> = z.string().transform((text, context) => {
  const addresses = text.split(',').map((part) => addressOf(part.trim()));
  const good = addresses.filter((address) => address !== null);
  if (good.length === addresses.length) return good;
  context.addIssue({ code: 'custom', message: 'must be HOST:PORT, or several with commas between' });
  return z.NEVER;
});

/** Text that another schema takes, with what to say when it does not. */
export function matching<T>(schema: z.ZodType<T>, message: string): z.ZodType<T> {
  return z.string().transform((text, context) => {
    const checked = schema.safeParse(text);
    if (checked.success) return checked.data;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

const roleNames = ['gateway', 'core'] as const;

/** `gateway,core`. */
export const rolesText: z.ZodType<Role[]> = matching(
  z
    .string()
    .transform((text) => [...new Set(text.split(',').map((part) => part.trim()))])
    .pipe(z.array(z.enum(roleNames)).min(1)),
  `must be ${roleNames.join(', ')} or both with a comma between`,
);

export const gatewaysText: z.ZodType<GatewayNumber> = z
  .string()
  .transform((text) => (text === 'auto' ? text : whole(1, mostGateways).safeParse(text).data))
  .refine((value) => value !== undefined, `must be a whole number from 1 to ${mostGateways}, or "auto"`)
  .transform((value): GatewayNumber => value ?? 'auto');

export const folderText = z.string().min(1, 'must name a folder');

export const logLevelText: z.ZodType<LogLevel> = matching(logLevel, `must be one of ${logLevels.join(', ')}`);
