// What the programs are told when they start: validated once, frozen. How a core or gateway is started is agent-program.ts's part.
import { z } from 'zod';

/** The one environment variable a core or gateway is configured by: its settings as JSON. */
export const settingsVariable = 'MURMURATION_SETTINGS';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export const logLevel = z.enum(logLevels);
export type LogLevel = z.infer<typeof logLevel>;

export const portNumber = z.int().min(1).max(65_535);

/** Requests a token may make in a window; `requests: 0` means without limit. */
export const rateLimit = z.object({
  requests: z.int().min(0).max(1_000_000_000),
  windowS: z.int().min(1).max(86_400),
});
export type RateLimit = z.infer<typeof rateLimit>;

/** An IPv4 or IPv6 address, or a network in CIDR form. */
export const proxyAddress = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

/** Whose X-Forwarded-For is believed: nobody's, anybody's, or that of these addresses and networks. */
export const trustedProxy = z.union([z.boolean(), z.array(proxyAddress).min(1).max(100)]);
export type TrustedProxy = z.infer<typeof trustedProxy>;

/** An absolute path: the programs must not depend on the folder they were started in. */
const absolutePath = z.string().startsWith('/').max(4000);

/** `https://example.org`: what clients see in every address, without a slash at the end. */
export const publicUrl = z
  .url({ protocol: /^https?$/, abort: true })
  .refine((url) => new URL(url).pathname === '/' && !/[?#@]/.test(url), 'must be a scheme and a host only')
  .transform((url) => new URL(url).origin);

/** Where links between machines are taken. Port 0: any that is free. `advertise`: what others are told instead of `host`. */
export const clusterPlace = z.object({
  host: z.string().min(1).max(255),
  port: z.int().min(0).max(65_535),
  advertise: z.string().min(1).max(255).nullable(),
});
export type ClusterPlace = z.infer<typeof clusterPlace>;

export const coreSettings = z
  .object({
    /** `rebuild` drops every derived view, makes it anew from facts, and exits; nothing is served meanwhile. */
    mode: z.enum(['serve', 'rebuild']),
    /** The node's name, for logs and status. */
    name: z.string().min(1).max(100),
    /** The data folder: it exists. */
    data: absolutePath,
    /** The release folder, for behaviours.js. */
    release: absolutePath,
    logLevel,
    rateLimit,
    /** Sign-ups (and, counted apart, apps) an address may make in an hour; 0: without limit. */
    signUpsAnHour: z.int().min(0).max(1_000_000_000).default(60),
    /** An actor without a message for this long is put to sleep. */
    idleActorS: z.int().min(1).max(86_400),
    /** With less of the disk free, only deletes are accepted. */
    minFreePercent: z.number().min(0).max(90),
    /** Where other machines reach this core. */
    cluster: clusterPlace,
  })
  .readonly();
export type CoreSettings = z.infer<typeof coreSettings>;

export const gatewaySettings = z
  .object({
    /** 0, 1, ...: which of the machine's gateways this is. */
    index: z.int().min(0).max(63),
    /** The data folder, for core.link. */
    data: absolutePath,
    /** The release folder, for page/. */
    release: absolutePath,
    host: z.string().min(1).max(255),
    /** Shared by all gateways of the machine. */
    port: portNumber,
    /** Null: taken from each request's Host header. */
    publicUrl: publicUrl.nullable(),
    trustedProxy,
    logLevel,
    rateLimit,
  })
  .readonly();
export type GatewaySettings = z.infer<typeof gatewaySettings>;

/** The settings are not what the program needs: started by hand, or by an agent of another version. */
export class SettingsError extends Error {
  override name = 'SettingsError';
}

/** Throws a `SettingsError` whose message is one line. */
export function readSettings<T>(schema: z.ZodType<T>, environment: NodeJS.ProcessEnv): T {
  const json = environment[settingsVariable];
  if (json === undefined) {
    throw new SettingsError(
      `${settingsVariable} is not set: this program is started by the agent (murmuration start)`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new SettingsError(`${settingsVariable} is not JSON`, { cause });
  }
  const checked = schema.safeParse(value);
  if (!checked.success) throw new SettingsError(`${settingsVariable}: ${oneLine(checked.error)}`);
  return deepFreeze(checked.data);
}

/** `port: Too big: expected number to be <=65535; host: ...`. */
export function oneLine(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ');
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** What a program says to the agent that started it, over the IPC channel. */
export const programMessage = z.union([
  /** It serves, or (rebuild) all is rebuilt. */
  z.object({ ready: z.literal(true) }),
  /** How far a rebuild is. */
  z.object({ progress: z.object({ done: z.number(), total: z.number() }) }),
]);
export type ProgramMessage = z.infer<typeof programMessage>;

/** Tells the agent, where there is one: a program goes on without it. */
export function tellAgent(message: ProgramMessage): void {
  if (process.connected !== true) return;
  // An agent that died in between is no reason to stop.
  process.send?.(message, undefined, undefined, () => {});
}
