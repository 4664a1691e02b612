import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { ConfigError, ENV_SCHEMA, loadConfig, loadKeylessConfig, loadSettings, SECRETS } from '../../../src/config.ts';

const SANDBOX_KEY = `ck_sandbox_${'0'.repeat(64)}`;
const LIVE_KEY = `ck_live_${'f'.repeat(64)}`;

const folder = mkdtempSync(join(tmpdir(), 'config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(over: Record<string, string> = {}) {
  return loadConfig({ CONDUIT_API_KEY: SANDBOX_KEY, ...over });
}

/** The names of the settings that are told to be wrong, in the order of the message's lines. */
function faultsOf(over: Record<string, string>): string[] {
  try {
    load(over);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').map((line) => line.slice(0, line.indexOf(':')));
  }
}

function secretFile(content: string): string {
  const file = join(folder, `${Math.random().toString(36).slice(2)}`);
  writeFileSync(file, content);
  return file;
}

test('a key is all that must be given', () => {
  expect(load()).toMatchObject({ API_PORT: 8080, RATE_REFRESH_SECONDS: 60, TIME_SCALE: 1, webhookSecrets: [] });
  expect(() => loadConfig({})).toThrow('CONDUIT_API_KEY: is missing');
});

test('a process that never calls Conduit needs no access to it, and does not hold what it is given', () => {
  const given = { CONDUIT_API_KEY: SANDBOX_KEY, CONDUIT_WEBHOOK_SECRET: 'whsec_a', RATE_REFRESH_SECONDS: '7' };
  expect(loadKeylessConfig({})).toMatchObject({ rateRefreshMs: 60_000, timing: { sendMarginMs: 15_000 } });
  expect(JSON.stringify(loadKeylessConfig(given))).not.toMatch(/ck_|whsec_/);
  expect(() => loadKeylessConfig({ METRICS_PORT: 'x' })).toThrow('METRICS_PORT');
});

test('the metrics port has no value of its own, so that each process takes its default', () => {
  expect(load().METRICS_PORT).toBeUndefined();
  expect(load({ METRICS_PORT: '0' }).METRICS_PORT).toBe(0);
});

test('all faults are told together, those between settings too, one a line', () => {
  const faults = faultsOf({
    DATABASE_URL: 'mysql://x',
    CONDUIT_API_KEY: 'ck_live_short',
    API_PORT: '70000',
    LOG_LEVEL: 'loud',
    SEND_MARGIN_SECONDS: '5',
  });
  const wanted = ['DATABASE_URL', 'CONDUIT_API_KEY', 'API_PORT', 'LOG_LEVEL', 'SEND_MARGIN_SECONDS'];
  expect(faults.sort()).toEqual(wanted.sort());
});

test('no message shows a value', () => {
  const secret = 'pa55word';
  const faulty = { DATABASE_URL: `mysql://u:${secret}@h/d`, CONDUIT_WEBHOOK_SECRET: secret, REDIS_URL: secret };
  expect(() => load({ ...faulty, CONDUIT_API_KEY: secret })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining(secret) }),
  );
});

const BOUNDS: readonly (readonly [name: string, lowest: number, highest: number])[] = [
  ['DATABASE_MAX_CONNECTIONS', 1, 200],
  ['CONDUIT_TIMEOUT_MS', 100, 10_000],
  ['CONDUIT_CONNECT_TIMEOUT_MS', 50, 10_000],
  ['CONDUIT_CALLS_PER_SECOND', 1, 1_000],
  ['API_PORT', 0, 65_535],
  ['METRICS_PORT', 0, 65_535],
  ['TEMPORAL_METRICS_PORT', 0, 65_535],
  ['MAX_CACHED_WORKFLOWS', 10, 100_000],
  ['RATE_REFRESH_SECONDS', 1, 3_600],
  ['MIN_EXPIRY_SECONDS', 1, 86_400],
  ['MAX_EXPIRY_DAYS', 1, 3_650],
  ['MAX_FEE_SHARE_BPS', 0, 10_000],
  ['MAX_ATTEMPTS_PER_HOUR', 1, 100],
  ['SEND_MARGIN_SECONDS', 1, 600],
  ['QUOTE_MARGIN_SECONDS', 1, 600],
  ['RESEND_WINDOW_SECONDS', 1, 86_400],
  ['RETRY_BASE_SECONDS', 1, 3_600],
  ['MAX_STOP_GAP_BPS', 1, 9_999],
  ['ORPHAN_WATCH_SECONDS', 1, 86_400],
  ['TIME_SCALE', 1, 100],
];

test.each(BOUNDS)('%s is a number in digits, from %d to %d', (name, lowest, highest) => {
  const one = (value: string) => {
    try {
      return loadSettings({ [name]: value }, [name as keyof typeof ENV_SCHEMA.shape]);
    } catch (error) {
      if (error instanceof ConfigError) return 'refused';
      throw error;
    }
  };
  expect(one(String(lowest))).toEqual({ [name]: lowest });
  expect(one(String(highest))).toEqual({ [name]: highest });
  for (const value of [String(lowest - 1), String(highest + 1), ' ', '1e2', '0x10', 'true', 'NaN', '-1', '+1']) {
    expect([value, one(value)]).toEqual([value, 'refused']);
  }
});

test('every setting that is a number is in the list above', () => {
  const listed = new Set(BOUNDS.map(([name]) => name));
  const numbers = Object.entries(ENV_SCHEMA.shape).filter(
    ([, schema]) => typeof schema.safeParse(undefined).data === 'number',
  );
  expect(numbers.map(([name]) => name).filter((name) => !listed.has(name))).toEqual([]);
});

test.each(['RATE_JUMP_FACTOR', 'RATE_ABSURD_FACTOR', 'TARGET_PLAUSIBLE_FACTOR'])(
  '%s stays a decimal, above 1',
  (name) => {
    expect(load({ [name]: '1.25' })).toMatchObject({ [name]: '1.25' });
    for (const value of ['1', '0.9', '1e1', '-2', 'Infinity', '1.', ' 2'])
      expect(faultsOf({ [name]: value })).toContain(name);
  },
);

test.each([
  ['CONDUIT_BASE_URL', 'http://127.0.0.1:8090'],
  ['CONDUIT_BASE_URL', 'ftp://127.0.0.1/v2'],
  ['REDIS_URL', 'http://127.0.0.1'],
  ['CONDUIT_WEBHOOK_SECRET', 'whsec_a,'],
  ['CONDUIT_ORGANISATION', 'a b'],
  ['MAX_ORDER_AMOUNT', '1.5'],
  ['MAX_ORDER_AMOUNT', '0'],
  ['PUBSUB_EMULATOR_HOST', 'http://127.0.0.1:8085'],
  ['PUBSUB_EMULATOR_HOST', '127.0.0.1'],
  ['PUBSUB_EMULATOR_HOST', '127.0.0.1:65536'],
  ['PUBSUB_EMULATOR_HOST', '[::1]:8085'],
  ['PUBSUB_EMULATOR_HOST', ' pubsub:8085'],
])('%s=%s is refused', (name, value) => {
  expect(faultsOf({ [name]: value })).toEqual([name]);
});

test('an empty variable counts as not set', () => {
  expect(load({ DATABASE_URL: '', PUBSUB_EMULATOR_HOST: '', CONDUIT_WEBHOOK_SECRET: '', API_PORT: '' })).toEqual(
    load(),
  );
});

test('the send margin must cover the permit, the deadline of a call and the clocks, to the second', () => {
  expect(faultsOf({ SEND_MARGIN_SECONDS: '14' })).toEqual(['SEND_MARGIN_SECONDS']);
  expect(faultsOf({ SEND_MARGIN_SECONDS: '15' })).toEqual([]);
  expect(faultsOf({ SEND_MARGIN_SECONDS: '6', CONDUIT_TIMEOUT_MS: '1001' })).toEqual(['SEND_MARGIN_SECONDS']);
  expect(faultsOf({ SEND_MARGIN_SECONDS: '6', CONDUIT_TIMEOUT_MS: '1000' })).toEqual([]);
});

test('the shortest expiry must cover the margin and one interval of the watcher', () => {
  expect(faultsOf({ MIN_EXPIRY_SECONDS: '74' })).toEqual(['MIN_EXPIRY_SECONDS']);
  expect(faultsOf({ MIN_EXPIRY_SECONDS: '75' })).toEqual([]);
  expect(faultsOf({ RATE_REFRESH_SECONDS: '106' })).toEqual(['MIN_EXPIRY_SECONDS']);
});

test('the scale divides the waits of the protocol and the HTTP deadline, and no margin', () => {
  const scaled = load({ TIME_SCALE: '10', SEND_MARGIN_SECONDS: '6' });
  expect(scaled.timing).toEqual({
    sendMarginMs: 6_000,
    quoteMarginMs: 3_000,
    resendWindowMs: 24_000,
    retryBaseMs: 6_000,
    orphanWatchMs: 90_000,
    permitTtlMs: 2_000,
    secondMs: 100,
  });
  expect(scaled).toMatchObject({ conduitTimeoutMs: 1_000, rateRefreshMs: 60_000 });
  expect(faultsOf({ TIME_SCALE: '10', SEND_MARGIN_SECONDS: '5' })).toEqual(['SEND_MARGIN_SECONDS']);
  expect(Number.isInteger(load({ TIME_SCALE: '7' }).timing.secondMs)).toBe(true);
});

test.each([
  ['https://api.conduit.financial/v2', SANDBOX_KEY],
  ['https://api.conduit.financial./v2', SANDBOX_KEY],
  ['https://api.sandbox.conduit.financial/v2', LIVE_KEY],
  ['http://api.conduit.financial/v2', LIVE_KEY],
])('%s refuses a key of the other kind and a wire in the clear', (CONDUIT_BASE_URL, CONDUIT_API_KEY) => {
  expect(faultsOf({ CONDUIT_BASE_URL, CONDUIT_API_KEY })).toEqual(['CONDUIT_API_KEY']);
});

test("Conduit's own hosts take their own keys, and no scaled time", () => {
  const live = { CONDUIT_BASE_URL: 'https://api.conduit.financial/v2', CONDUIT_API_KEY: LIVE_KEY };
  expect(faultsOf(live)).toEqual([]);
  expect(faultsOf({ CONDUIT_BASE_URL: 'https://api.sandbox.conduit.financial/v2' })).toEqual([]);
  expect(faultsOf({ ...live, TIME_SCALE: '2' })).toEqual(['TIME_SCALE']);
});

test.each(SECRETS)('%s may come from a file instead', (name) => {
  const values = {
    DATABASE_URL: 'postgres://u:p@db/x',
    REDIS_URL: 'rediss://:p@cache',
    CONDUIT_API_KEY: LIVE_KEY,
    CONDUIT_WEBHOOK_SECRET: 'whsec_one,whsec_two',
  };
  const file = secretFile(`${values[name]}\n`);
  expect(loadSettings({ [`${name}_FILE`]: file }, [name])).toEqual({ [name]: values[name] });
  expect(() => loadSettings({ [`${name}_FILE`]: file, [name]: values[name] }, [name])).toThrow('not both');
  expect(() => loadSettings({ [`${name}_FILE`]: join(folder, 'nowhere') }, [name])).toThrow(
    `${name}_FILE: cannot read`,
  );
  expect(() => loadSettings({ [`${name}_FILE`]: secretFile('nonsense') }, [name])).toThrow(`${name}: `);
});

test('several webhook secrets are taken apart, and the organisation has a stable label of its own', () => {
  expect(load({ CONDUIT_WEBHOOK_SECRET: 'whsec_one,whsec_two' }).webhookSecrets).toEqual(['whsec_one', 'whsec_two']);
  expect(load().CONDUIT_ORGANISATION).toMatch(/^[0-9a-f]{8}$/);
  expect(load().CONDUIT_ORGANISATION).toBe(load().CONDUIT_ORGANISATION);
  expect(load({ CONDUIT_API_KEY: LIVE_KEY }).CONDUIT_ORGANISATION).not.toBe(load().CONDUIT_ORGANISATION);
  expect(load({ CONDUIT_ORGANISATION: 'treasury' }).CONDUIT_ORGANISATION).toBe('treasury');
});

test('a command asks only for what it needs', () => {
  expect(loadSettings({}, ['DATABASE_URL'])).toEqual({
    DATABASE_URL: 'postgres://conduitpay@127.0.0.1:5432/conduitpay',
  });
  expect(() => loadSettings({}, ['CONDUIT_API_KEY'])).toThrow(ConfigError);
});
