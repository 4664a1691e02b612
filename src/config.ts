import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { assertKeyFitsHost } from './clients/conduit/key-host.ts';
import type { SanityBounds } from './domain/rate-sanity.ts';
import type { Timing } from './domain/timing.ts';

/** Written plainly: coercion would read a blank as 0, `true` as 1 and `1e3` as a thousand. */
const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));
const integer = (defaultValue: number, min: number, max: number) => wholeNumber(min, max).default(defaultValue);
const factor = (defaultValue: string) =>
  z
    .string()
    .regex(/^\d{1,6}(\.\d{1,6})?$/, 'must be a plain decimal')
    .refine((text) => Number(text) > 1, 'must be above 1')
    .default(defaultValue);

/** A name or an IPv4 address, and a port. Pub/Sub's library splits at the first colon: it could not read an IPv6 address. */
const isHostAndPort = (text: string): boolean => /^[\w.-]+:\d+$/.test(text) && isPort(text.split(':')[1]);

export function isPort(text: string | undefined): boolean {
  return /^\d{1,5}$/.test(text ?? '') && Number(text) >= 1 && Number(text) <= 65_535;
}

/** Every variable of the three processes and the commands. `.env.example` says why each default is what it is. */
export const ENV_SCHEMA = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).default('postgres://conduitpay@127.0.0.1:5432/conduitpay'),
  DATABASE_MAX_CONNECTIONS: integer(10, 1, 200),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
  PUBSUB_EMULATOR_HOST: z.string().refine(isHostAndPort, 'must be host:port').optional(),
  PUBSUB_PROJECT_ID: z.string().min(1).default('conduitpay-local'),
  CONDUIT_BASE_URL: z
    .url({ protocol: /^https?$/ })
    .refine((url) => url.endsWith('/v2'), 'must end in /v2')
    .default('http://127.0.0.1:8090/v2'),
  CONDUIT_API_KEY: z
    .string({ error: 'is missing' })
    .regex(/^ck_(live|sandbox)_[0-9a-f]{64}$/, 'must be ck_live_ or ck_sandbox_ and 64 hex digits'),
  CONDUIT_ORGANISATION: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .optional(),
  CONDUIT_WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_[0-9A-Za-z]+(,whsec_[0-9A-Za-z]+)*$/, 'must be whsec_…, several joined by commas')
    .optional(),
  // Ten seconds at most: what waits for a call (a pause, a stop, an answer to a client) was measured for that.
  CONDUIT_TIMEOUT_MS: integer(10_000, 100, 10_000),
  CONDUIT_CONNECT_TIMEOUT_MS: integer(1_000, 50, 10_000),
  CONDUIT_CALLS_PER_SECOND: integer(10, 1, 1_000),
  HOST: z.string().default('127.0.0.1'),
  API_PORT: integer(8080, 0, 65_535),
  METRICS_PORT: wholeNumber(0, 65_535).optional(),
  TEMPORAL_METRICS_PORT: integer(9_467, 0, 65_535),
  MAX_CACHED_WORKFLOWS: integer(1_000, 10, 100_000),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  RATE_REFRESH_SECONDS: integer(60, 1, 3_600),
  MIN_EXPIRY_SECONDS: integer(120, 1, 86_400),
  MAX_EXPIRY_DAYS: integer(180, 1, 3_650),
  MAX_ORDER_AMOUNT: z
    .string()
    .regex(/^[1-9]\d{0,14}$/)
    .default('1000000'),
  MAX_FEE_SHARE_BPS: integer(2_000, 0, 10_000),
  TARGET_PLAUSIBLE_FACTOR: factor('10'),
  MAX_ATTEMPTS_PER_HOUR: integer(5, 1, 100),
  SEND_MARGIN_SECONDS: integer(15, 1, 600),
  QUOTE_MARGIN_SECONDS: integer(30, 1, 600),
  RESEND_WINDOW_SECONDS: integer(240, 1, 86_400),
  RETRY_BASE_SECONDS: integer(60, 1, 3_600),
  MAX_STOP_GAP_BPS: integer(500, 1, 9_999),
  RATE_JUMP_FACTOR: factor('1.2'),
  RATE_ABSURD_FACTOR: factor('10'),
  ORPHAN_WATCH_SECONDS: integer(900, 1, 86_400),
  TIME_SCALE: z
    .string()
    .regex(/^\d{1,3}(\.\d{1,3})?$/, 'must be a plain decimal')
    .transform(Number)
    .pipe(z.number().min(1).max(100))
    .default(1),
});

type Env = z.infer<typeof ENV_SCHEMA>;

/** What gives access to Conduit, or tells whose it is. */
type ConduitAccess = 'CONDUIT_API_KEY' | 'CONDUIT_ORGANISATION' | 'CONDUIT_WEBHOOK_SECRET';

/** The settings as the processes use them: margins and waits in milliseconds, scaled where the protocol scales them. */
export interface KeylessConfig extends Omit<Env, ConduitAccess> {
  readonly timing: Timing;
  readonly sanity: SanityBounds;
  readonly conduitTimeoutMs: number;
  readonly rateRefreshMs: number;
}

/** The settings of a process that speaks with Conduit. */
export interface Config extends KeylessConfig, Pick<Env, 'CONDUIT_API_KEY'> {
  readonly CONDUIT_ORGANISATION: string;
  readonly webhookSecrets: readonly string[];
}

/** A setting is missing or wrong; the message lists every fault, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Two seconds from permit to first byte, three of clock error between the machines: neither shrinks with the test clock. */
const PERMIT_TTL_MS = 2_000;
const CLOCK_ERROR_MS = 3_000;

/** Settings that may also come from a file. */
export const SECRETS = ['DATABASE_URL', 'REDIS_URL', 'CONDUIT_API_KEY', 'CONDUIT_WEBHOOK_SECRET'] as const;

/** Conduit's own hosts. Its clock runs at the usual pace. */
const CONDUIT_HOST = /(^|\.)conduit\.financial\.?$/;

/**
 * Reads the settings once. A secret may also come from the file that `<NAME>_FILE` names. Throws {@link ConfigError} with every
 * fault, none of which shows a value.
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const env = readAll(environment, ENV_SCHEMA.shape) as Env;
  return {
    ...env,
    ...derivedOf(env),
    CONDUIT_ORGANISATION:
      env.CONDUIT_ORGANISATION ?? createHash('sha256').update(env.CONDUIT_API_KEY).digest('hex').slice(0, 8),
    webhookSecrets: env.CONDUIT_WEBHOOK_SECRET?.split(',') ?? [],
  };
}

/** The same without access to Conduit, for a process that never calls it: what it does not hold it cannot lose. */
export function loadKeylessConfig(environment: NodeJS.ProcessEnv): KeylessConfig {
  const { shape } = ENV_SCHEMA.omit({
    CONDUIT_API_KEY: true,
    CONDUIT_ORGANISATION: true,
    CONDUIT_WEBHOOK_SECRET: true,
  });
  const env = readAll(environment, shape) as Omit<Env, ConduitAccess>;
  return { ...env, ...derivedOf(env) };
}

function readAll(environment: NodeJS.ProcessEnv, shape: z.ZodRawShape): unknown {
  const { values, faults } = readSettings(shape, environment);
  faults.push(...faultsBetween(values as Partial<Env>));
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return values;
}

function derivedOf(env: Omit<Env, ConduitAccess>) {
  const secondMs = Math.round(1_000 / env.TIME_SCALE);
  return {
    conduitTimeoutMs: Math.ceil(env.CONDUIT_TIMEOUT_MS / env.TIME_SCALE),
    rateRefreshMs: env.RATE_REFRESH_SECONDS * 1_000,
    sanity: { jumpFactor: env.RATE_JUMP_FACTOR, absurdFactor: env.RATE_ABSURD_FACTOR },
    timing: {
      sendMarginMs: env.SEND_MARGIN_SECONDS * 1_000,
      quoteMarginMs: env.QUOTE_MARGIN_SECONDS * secondMs,
      resendWindowMs: env.RESEND_WINDOW_SECONDS * secondMs,
      retryBaseMs: env.RETRY_BASE_SECONDS * secondMs,
      orphanWatchMs: env.ORPHAN_WATCH_SECONDS * secondMs,
      permitTtlMs: PERMIT_TTL_MS,
      secondMs,
    },
  };
}

/** Only the settings named: a migration needs no key of the provider's. Throws {@link ConfigError}. */
export function loadSettings<Name extends keyof Env>(
  environment: NodeJS.ProcessEnv,
  names: readonly Name[],
): Pick<Env, Name> {
  const shape: z.ZodRawShape = Object.fromEntries(names.map((name) => [name, ENV_SCHEMA.shape[name]]));
  const { values, faults } = readSettings(shape, environment);
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return values as Pick<Env, Name>;
}

/** Each setting by itself, so that one that is wrong hides no other. */
function readSettings<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: NodeJS.ProcessEnv,
): { values: Partial<z.infer<z.ZodObject<Shape>>>; faults: string[] } {
  const faults: string[] = [];
  // An empty variable is what a compose file makes of one that is not set.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  for (const name of SECRETS) if (name in shape) readSecretFile(given, name, faults);
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(shape)) {
    const parsed = z.safeParse(schema, given[name]);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(...parsed.error.issues.map(({ message }) => `${name}: ${message}`));
  }
  return { values: values as Partial<z.infer<z.ZodObject<Shape>>>, faults };
}

/** What is wrong with settings that are each right by themselves; a pair of which one is wrong is not judged. */
function faultsBetween(values: Partial<Env>): string[] {
  const { CONDUIT_BASE_URL: baseUrl, CONDUIT_API_KEY: apiKey, TIME_SCALE: timeScale = 1 } = values;
  const { SEND_MARGIN_SECONDS: marginS, RATE_REFRESH_SECONDS: refreshS, MIN_EXPIRY_SECONDS: minExpiryS } = values;
  const { CONDUIT_TIMEOUT_MS: timeoutMs } = values;
  const faults: string[] = [];
  if (timeoutMs && marginS && marginS * 1_000 < PERMIT_TTL_MS + timeoutMs / timeScale + CLOCK_ERROR_MS) {
    faults.push('SEND_MARGIN_SECONDS: must cover 2 s of permit, CONDUIT_TIMEOUT_MS and 3 s of clock error');
  }
  if (marginS && refreshS && minExpiryS && minExpiryS < marginS + refreshS) {
    faults.push(
      'MIN_EXPIRY_SECONDS: must cover SEND_MARGIN_SECONDS and RATE_REFRESH_SECONDS, or an order could expire unseen',
    );
  }
  if (baseUrl && timeScale !== 1 && CONDUIT_HOST.test(new URL(baseUrl).hostname)) {
    faults.push('TIME_SCALE: must be 1 for Conduit itself: its keys, locks and sends do not age faster');
  }
  if (baseUrl && apiKey) {
    try {
      assertKeyFitsHost(baseUrl, apiKey);
    } catch (error) {
      faults.push(`CONDUIT_API_KEY: ${(error as Error).message}`);
    }
  }
  return faults;
}

function readSecretFile(given: Record<string, string | undefined>, name: string, faults: string[]): void {
  const file = given[`${name}_FILE`];
  if (file === undefined) return;
  if (given[name] !== undefined) faults.push(`${name}: set it or ${name}_FILE, not both`);
  try {
    given[name] = readFileSync(file, 'utf8').trim();
  } catch {
    // Its text may be the secret itself, put where the file's name belongs.
    faults.push(`${name}_FILE: cannot read the file that it names`);
  }
}
