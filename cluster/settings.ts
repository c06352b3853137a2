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
    /**
     * `rebuild` drops every derived view, makes it anew from facts, and exits; nothing is served meanwhile. `standby` tests itself beside
     * the core that serves, and serves in its place when the agent says so.
     */
    mode: z.enum(['serve', 'rebuild', 'standby']),
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
    /** Ids of newest posts kept in memory, where that is not the usual number. */
    idCache: z.int().min(1_000).max(1_000_000_000).optional(),
    /** Where other machines reach this core. */
    cluster: clusterPlace,
  })
  .readonly();
export type CoreSettings = z.infer<typeof coreSettings>;

export const gatewaySettings = z
  .object({
    /** 0, 1, ...: which of the machine's gateways this is. There are twice as many for a while when they are replaced. */
    index: z.int().min(0).max(255),
    /** The data folder, for core.link. */
    data: absolutePath,
    /** The release folder. */
    release: absolutePath,
    /** The release folder whose page/ is shown, where it is another one. */
    page: absolutePath.optional(),
    host: z.string().min(1).max(255),
    /** Shared by all gateways of the machine. */
    port: portNumber,
    /** Null: taken from each request's Host header. */
    publicUrl: publicUrl.nullable(),
    trustedProxy,
    logLevel,
    rateLimit,
    /** Connections held at most, where that is less than the open files allow. */
    mostConnections: z.int().min(1).max(10_000_000).optional(),
    /** Mebibytes of posts and people that it remembers, where that is not the usual number. */
    cacheMib: z.int().min(1).max(1_000_000).optional(),
    /** How far it stands behind others for a processor. */
    niceness: z.int().min(1).max(19).optional(),
    /** Seconds after which a silent stream is pinged. */
    pingAfterS: z.int().min(4).max(900).optional(),
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

/** What a standby found out about itself. */
export const selfTestReport = z.object({
  accounts: z.number(),
  statuses: z.number(),
  schema: z.number(),
  /** All views are derived anew before it serves. */
  rebuilds: z.boolean(),
  tookMs: z.number(),
});
export type SelfTestReport = z.infer<typeof selfTestReport>;

/** What a program says to the agent that started it, over the IPC channel. */
export const programMessage = z.union([
  /** It serves, or (rebuild) all is rebuilt. */
  z.object({ ready: z.literal(true) }),
  /** How far a rebuild is. */
  z.object({ progress: z.object({ done: z.number(), total: z.number() }) }),
  /** A standby is ready to take over. */
  z.object({ tested: selfTestReport }),
  /** It has heard the order to take over: the old core may end. */
  z.object({ taking: z.literal(true) }),
  /** It ends, and why. */
  z.object({ failed: z.string().max(10_000) }),
]);
export type ProgramMessage = z.infer<typeof programMessage>;

/** What the agent says to a standby: serve, as soon as the store is free. */
export const agentOrder = z.object({ order: z.literal('take over') });
export type AgentOrder = z.infer<typeof agentOrder>;

/** Ends a core as SIGTERM does, and says that another one takes its place on the store at once. */
export const heirSignal = 'SIGUSR2';

/** What DATA/agent.json says of a process to the process itself: the agent writes it, and sends a SIGHUP. */
const ownRecord = z.object({
  children: z.array(
    z.object({ pid: z.int(), page: z.string().optional(), drainUntilMs: z.int().min(0).optional() }),
  ),
});

export interface GatewayNotice {
  /** The release folder whose page is to be shown; null: as before. */
  page: string | null;
  /** Until then its streams are to be ended, spread over the time; null: it goes on. */
  drainUntilMs: number | null;
}

/** Null when the agent says nothing of this process. */
export function gatewayNotice(json: string, pid: number): GatewayNotice | null {
  let record: unknown;
  try {
    record = JSON.parse(json);
  } catch {
    return null;
  }
  const own = ownRecord.safeParse(record).data?.children.find((child) => child.pid === pid);
  return own === undefined ? null : { page: own.page ?? null, drainUntilMs: own.drainUntilMs ?? null };
}

/** What a gateway writes down of itself, for who told it of another page: it may be the child of an agent that died, and has no channel. */
export const pageSaid = z.object({
  pid: z.int(),
  /** The release folder whose page it was to show. */
  page: z.string(),
  /** Why it shows the former one; null: it shows this. */
  failed: z.string().max(1000).nullable(),
});
export type PageSaid = z.infer<typeof pageSaid>;

/** In the data folder. */
export function pageSaidFile(index: number): string {
  return `gateway-${index}.page.json`;
}

/** Tells the agent, where there is one: a program goes on without it. `told`: it is on its way, or nobody hears it. */
export function tellAgent(message: ProgramMessage, told: () => void = () => {}): void {
  // An agent that died in between is no reason to stop.
  if (process.connected === true) process.send?.(message, undefined, undefined, told);
  else told();
}

/** The last words of a program that can't go on: for the agent, and for whoever reads its log. */
export function endWith(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error: ${message}\n`);
  tellAgent({ failed: message.slice(0, 10_000) }, () => process.exit(1));
}
