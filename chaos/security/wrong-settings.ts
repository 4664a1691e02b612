// For every setting, values that it cannot have; for every relation between settings, a pair that breaks it.
import type { ENV_SCHEMA } from '../../src/config.ts';

export type Setting = keyof typeof ENV_SCHEMA.shape;

/** Every text is one that it may have: what is wrong with it shows only when it is used. */
export const ANY_TEXT = ['HOST', 'PUBSUB_PROJECT_ID'] as const satisfies readonly Setting[];
/** What the bridge and the commands that call nobody do not read. */
export const ACCESS = [
  'CONDUIT_API_KEY',
  'CONDUIT_ORGANISATION',
  'CONDUIT_WEBHOOK_SECRET',
] as const satisfies readonly Setting[];
export const BY_FILE = [
  'DATABASE_URL',
  'REDIS_URL',
  'CONDUIT_API_KEY',
  'CONDUIT_WEBHOOK_SECRET',
] as const satisfies readonly Setting[];

const NO_WHOLE_NUMBERS = ['ten', '1e3', '-1', '1.5', '0x1f', 'true', '1 000', '999999999999'];
/** No host and port, as Temporal and the emulator of Pub/Sub are given by. */
export const NO_ADDRESSES = ['http://127.0.0.1:1', '127.0.0.1', 'somewhere:65536', 'some where:1', ' '] as const;
const NO_FACTORS = ['much', '1e1', '-1', '1', '0.5', '1,5', 'NaN', 'Infinity'];

type Fallible = Exclude<Setting, (typeof ANY_TEXT)[number]>;

/** `secret` is what must not be read anywhere afterwards. A setting that is added to the schema is missed here by the compiler. */
export function wrongValues(secret: string): Record<Fallible, readonly string[]> {
  return {
    DATABASE_URL: [`mysql://app:${secret}@127.0.0.1/orders`, `app:${secret}@127.0.0.1`, secret],
    DATABASE_MAX_CONNECTIONS: NO_WHOLE_NUMBERS,
    REDIS_URL: [`http://:${secret}@127.0.0.1`, secret],
    PUBSUB_EMULATOR_HOST: NO_ADDRESSES,
    CONDUIT_BASE_URL: ['http://127.0.0.1:1', 'ftp://127.0.0.1/v2', '127.0.0.1/v2', 'http://127.0.0.1:1/v2/'],
    CONDUIT_API_KEY: [`ck_live_${secret}`, `ck_sandbox_${secret}${'0'.repeat(64)}`, secret],
    CONDUIT_ORGANISATION: ['a label', 'x'.repeat(65), '<script>'],
    CONDUIT_WEBHOOK_SECRET: [secret, `whsec_${secret} `, `whsec_1,${secret}`, `whsec_${secret},`],
    CONDUIT_TIMEOUT_MS: [...NO_WHOLE_NUMBERS, '10001', '99'],
    CONDUIT_CONNECT_TIMEOUT_MS: NO_WHOLE_NUMBERS,
    CONDUIT_CALLS_PER_SECOND: [...NO_WHOLE_NUMBERS, '0'],
    API_PORT: [...NO_WHOLE_NUMBERS, '65536'],
    METRICS_PORT: [...NO_WHOLE_NUMBERS, '65536'],
    TEMPORAL_METRICS_PORT: [...NO_WHOLE_NUMBERS, '65536'],
    MAX_CACHED_WORKFLOWS: NO_WHOLE_NUMBERS,
    LOG_LEVEL: ['loud', 'INFO', '30'],
    RATE_REFRESH_SECONDS: [...NO_WHOLE_NUMBERS, '0'],
    MIN_EXPIRY_SECONDS: [...NO_WHOLE_NUMBERS, '0'],
    MAX_EXPIRY_DAYS: [...NO_WHOLE_NUMBERS, '0'],
    MAX_ORDER_AMOUNT: ['0', '-1', '1e6', '1.5', 'a lot', '0010', '9'.repeat(16)],
    MAX_FEE_SHARE_BPS: [...NO_WHOLE_NUMBERS, '10001'],
    TARGET_PLAUSIBLE_FACTOR: NO_FACTORS,
    MAX_ATTEMPTS_PER_HOUR: [...NO_WHOLE_NUMBERS, '0'],
    SEND_MARGIN_SECONDS: [...NO_WHOLE_NUMBERS, '0'],
    QUOTE_MARGIN_SECONDS: [...NO_WHOLE_NUMBERS, '0'],
    RESEND_WINDOW_SECONDS: [...NO_WHOLE_NUMBERS, '0'],
    RETRY_BASE_SECONDS: [...NO_WHOLE_NUMBERS, '0'],
    MAX_STOP_GAP_BPS: [...NO_WHOLE_NUMBERS, '0', '10000'],
    RATE_JUMP_FACTOR: NO_FACTORS,
    RATE_ABSURD_FACTOR: NO_FACTORS,
    ORPHAN_WATCH_SECONDS: [...NO_WHOLE_NUMBERS, '0'],
    TIME_SCALE: ['fast', '0', '0.5', '101', '1e1', '-1', 'NaN'],
  };
}

/** Settings that are right by themselves, and whom of them the refusal must name. */
export interface Relation {
  readonly env: Readonly<Partial<Record<Setting, string>>>;
  readonly names: readonly Setting[];
}

export function brokenRelations(sandboxKey: string, liveKey: string): readonly Relation[] {
  const live = 'https://api.conduit.financial/v2';
  const sandbox = 'https://api.sandbox.conduit.financial/v2';
  return [
    { env: { SEND_MARGIN_SECONDS: '5' }, names: ['SEND_MARGIN_SECONDS'] },
    { env: { MIN_EXPIRY_SECONDS: '60' }, names: ['MIN_EXPIRY_SECONDS'] },
    { env: { TIME_SCALE: '10', CONDUIT_BASE_URL: live, CONDUIT_API_KEY: liveKey }, names: ['TIME_SCALE'] },
    { env: { CONDUIT_BASE_URL: live, CONDUIT_API_KEY: sandboxKey }, names: ['CONDUIT_API_KEY'] },
    { env: { CONDUIT_BASE_URL: sandbox, CONDUIT_API_KEY: liveKey }, names: ['CONDUIT_API_KEY'] },
    {
      env: { CONDUIT_BASE_URL: sandbox.replace('https', 'http'), CONDUIT_API_KEY: sandboxKey },
      names: ['CONDUIT_API_KEY'],
    },
    {
      env: {
        SEND_MARGIN_SECONDS: '5',
        MIN_EXPIRY_SECONDS: '20',
        TIME_SCALE: '1.5',
        CONDUIT_BASE_URL: live,
        CONDUIT_API_KEY: sandboxKey,
      },
      names: ['SEND_MARGIN_SECONDS', 'MIN_EXPIRY_SECONDS', 'TIME_SCALE', 'CONDUIT_API_KEY'],
    },
  ];
}
