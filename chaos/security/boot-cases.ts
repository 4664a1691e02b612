// A2: which programs are started with which settings.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../load/random.ts';
import type { Boot } from './boots.ts';
import { ACCESS, BY_FILE, brokenRelations, NO_ADDRESSES, type Setting, wrongValues } from './wrong-settings.ts';

export interface BootPlan {
  readonly boots: readonly Boot[];
  /** What none of them may print. */
  readonly secrets: readonly string[];
}

export interface BootDeps {
  readonly random: Random;
  /** For the files that secrets are read from. */
  readonly dir: string;
  /** A port of this machine that somebody listens on. */
  readonly takenPort: string;
}

/** Everything that the plan's cases are made of. */
interface Workshop extends BootDeps {
  readonly secret: string;
  readonly sandboxKey: string;
  readonly liveKey: string;
  /** Right, and leading to nobody: a program that starts in spite of all meets no one. */
  readonly right: Readonly<Record<string, string>>;
  readonly file: (name: string, content: string) => string;
}

const PROCESSES = ['api', 'bridge', 'worker'] as const;
type Process = (typeof PROCESSES)[number];
const SINCE = '2025-01-01T00:00:00Z';

export function planBoots(deps: BootDeps): BootPlan {
  const { random, dir } = deps;
  const hex = (length: number) => Array.from({ length }, () => random.between(0, 15).toString(16)).join('');
  const secret = `5ec7e7${hex(20)}`;
  const [sandboxKey, liveKey, password] = [`ck_sandbox_${hex(64)}`, `ck_live_${hex(64)}`, hex(24)];
  mkdirSync(dir, { recursive: true });
  const shop: Workshop = {
    ...deps,
    secret,
    sandboxKey,
    liveKey,
    right: {
      DATABASE_URL: `postgres://app:${password}@127.0.0.1:1/orders`,
      REDIS_URL: `redis://:${password}@127.0.0.1:1`,
      CONDUIT_BASE_URL: 'http://127.0.0.1:1/v2',
      CONDUIT_API_KEY: sandboxKey,
      CONDUIT_WEBHOOK_SECRET: `whsec_${password}`,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
      METRICS_PORT: '0',
      TEMPORAL_METRICS_PORT: '0',
      API_PORT: '0',
    },
    file(name, content) {
      writeFileSync(join(dir, name), content, { mode: 0o600 });
      return join(dir, name);
    },
  };
  return {
    boots: [
      ...wrongBoots(shop),
      ...relationBoots(shop),
      ...missingBoots(shop),
      ...fileBoots(shop),
      ...listenBoots(shop),
      ...temporalBoots(shop),
      ...commandBoots(shop),
    ],
    secrets: [secret, sandboxKey, liveKey, password],
  };
}

/**
 * Every setting wrong at once, and then halves of them, cut so that any two settings are once in different halves: one that hides another,
 * or is named for another, shows in some of them. The api has one half of each cut, bridge and worker have the other in turn.
 */
function wrongBoots({ random, secret, right }: Workshop): Boot[] {
  const values = wrongValues(secret);
  const names = random.shuffled(Object.keys(values) as (keyof typeof values)[]);
  const bootOf = (program: Process, wrong: readonly (keyof typeof values)[]): Boot => ({
    what: `${wrong.length} wrong settings (${wrong.join(' ')})`,
    program,
    env: { ...right, ...Object.fromEntries(wrong.map((name) => [name, random.pick(values[name])])) },
    names: wrong.filter((name) => program !== 'bridge' || !isAccess(name)),
  });
  const cuts = Math.ceil(Math.log2(names.length));
  const half = (bit: number, value: number) => names.filter((_, index) => ((index >> bit) & 1) === value);
  return [
    ...PROCESSES.map((program) => bootOf(program, names)),
    ...Array.from({ length: cuts }, (_, bit) => [
      bootOf('api', half(bit, 0)),
      bootOf(bit % 2 === 0 ? 'bridge' : 'worker', half(bit, 1)),
    ]).flat(),
  ];
}

const isAccess = (name: Setting): boolean => (ACCESS as readonly Setting[]).includes(name);

function relationBoots({ random, right, sandboxKey, liveKey }: Workshop): Boot[] {
  return brokenRelations(sandboxKey, liveKey).map(({ env, names }) => ({
    what: `settings that do not go together (${Object.keys(env).join(' ')})`,
    // The bridge has no key that could fail to fit.
    program: random.pick(names.some(isAccess) ? (['api', 'worker'] as const) : PROCESSES),
    env: { ...right, ...env },
    names,
  }));
}

function missingBoots({ right }: Workshop): Boot[] {
  const { CONDUIT_API_KEY: _key, ...keyless } = right;
  return [
    { what: 'no key', program: 'api', env: keyless, names: ['CONDUIT_API_KEY'] },
    { what: 'an empty key', program: 'worker', env: { ...keyless, CONDUIT_API_KEY: '' }, names: ['CONDUIT_API_KEY'] },
  ];
}

function fileBoots({ right, dir, secret, file }: Workshop): Boot[] {
  const rest = without(right, BY_FILE);
  const files = (pathOf: (name: (typeof BY_FILE)[number]) => string) =>
    Object.fromEntries(BY_FILE.map((name) => [`${name}_FILE`, pathOf(name)]));
  const unreadable = BY_FILE.map((name) => `${name}_FILE`);
  return [
    {
      what: 'files of secrets that are not there',
      program: 'api',
      env: { ...rest, ...files((name) => join(dir, 'nowhere', name)) },
      names: [...unreadable, 'CONDUIT_API_KEY'],
    },
    {
      what: 'folders for files of secrets',
      program: 'worker',
      env: { ...rest, ...files(() => dir) },
      names: [...unreadable, 'CONDUIT_API_KEY'],
    },
    {
      what: 'the secrets themselves where their files are to be named',
      program: 'api',
      env: { ...rest, ...files((name) => right[name] ?? '') },
      names: [...unreadable, 'CONDUIT_API_KEY'],
    },
    {
      what: 'secrets given twice, plainly and by file',
      program: 'worker',
      env: { ...right, ...files((name) => file(name, `${right[name]}\n`)) },
      names: BY_FILE,
    },
    {
      what: 'files that hold no secrets',
      program: 'api',
      env: { ...rest, ...files((name) => file(`wrong-${name}`, `${wrongValues(secret)[name][0]}\n`)) },
      names: BY_FILE,
    },
    {
      what: 'empty files of secrets',
      program: 'worker',
      env: { ...rest, ...files((name) => file(`empty-${name}`, '')) },
      names: BY_FILE,
    },
  ];
}

function without(env: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

/** With all else right, by file where that can be, a program gets as far as to listen: so what it refuses above is refused for its reason. */
function listenBoots({ right, takenPort, file }: Workshop): Boot[] {
  const byFile = Object.fromEntries(BY_FILE.map((name) => [`${name}_FILE`, file(`right-${name}`, `${right[name]}\n`)]));
  const metrics = { METRICS_PORT: takenPort };
  const what = 'a port for its metrics that is taken';
  const names = ['METRICS_PORT'];
  return [
    { what, program: 'api', env: { ...without(right, BY_FILE), ...byFile, ...metrics }, names },
    { what, program: 'bridge', env: { ...without(right, ACCESS), ...metrics }, names },
    { what, program: 'worker', env: { ...right, ...metrics }, names },
    {
      what: "a port for Temporal's metrics that is taken",
      program: 'worker',
      env: { ...right, TEMPORAL_METRICS_PORT: takenPort },
      names: ['TEMPORAL_METRICS_PORT'],
    },
    { what: 'a port that is taken', program: 'api', env: { ...right, API_PORT: takenPort }, names: ['API_PORT'] },
    { what: 'the host of somebody else', program: 'bridge', env: { ...right, HOST: '192.0.2.1' }, names, says: 'HOST' },
  ];
}

/** Temporal's own settings are settings, too: one that is wrong must not lead to another server, or to no TLS. */
function temporalBoots({ right, dir, file }: Workshop): Boot[] {
  const nowhere = join(dir, 'nowhere.toml');
  return [
    // A host alone is an address of Temporal.
    ...NO_ADDRESSES.filter((address) => address !== '127.0.0.1').map((address, index) => [
      index % 2 === 0 ? 'bridge' : 'worker',
      'TEMPORAL_ADDRESS',
      address,
    ]),
    ['bridge', 'TEMPORAL_CONFIG_FILE', nowhere],
    ['worker', 'TEMPORAL_PROFILE', 'nobody'],
    ['bridge', 'TEMPORAL_TLS', 'perhaps'],
    ['worker', 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION', 'yes'],
    ['worker', 'TEMPORAL_TLS_CLIENT_CERT_PATH', nowhere],
    ['bridge', 'TEMPORAL_TLS_CLIENT_CERT_PATH', file('lonely.pem', 'a certificate without its key')],
    ['bridge', 'TEMPORAL_TLS_CLIENT_KEY_PATH', nowhere],
    ['worker', 'TEMPORAL_TLS_SERVER_CA_CERT_PATH', nowhere],
  ].map(([program, name = '', value = '']) => ({
    what: `a wrong ${name}`,
    program: program as Process,
    env: { ...right, [name]: value },
    names: [name],
  }));
}

function commandBoots({ right, secret, file }: Workshop): Boot[] {
  const values = wrongValues(secret);
  const wrong = (...names: (keyof typeof values)[]) => ({
    env: { ...right, ...Object.fromEntries(names.map((name) => [name, values[name][0] ?? ''])) },
    names,
  });
  const { DATABASE_URL: _url, ...rest } = right;
  return [
    { what: 'no URL that it could use', program: 'migrate', ...wrong('DATABASE_URL') },
    {
      what: 'a file with no URL that it could use',
      program: 'migrate',
      env: { ...rest, DATABASE_URL_FILE: file('wrong-url', values.DATABASE_URL[0] ?? '') },
      names: ['DATABASE_URL'],
    },
    { what: 'key list and a wrong URL', program: 'admin', args: ['key', 'list'], ...wrong('DATABASE_URL') },
    {
      what: 'webhook register and three wrong settings',
      program: 'admin',
      args: ['webhook', 'register', '--url', 'https://hooks.test/webhooks/conduit'],
      ...wrong('CONDUIT_BASE_URL', 'CONDUIT_API_KEY', 'CONDUIT_TIMEOUT_MS'),
    },
    {
      what: 'adopt and four wrong settings',
      program: 'admin',
      args: ['adopt', '--since', SINCE],
      ...wrong('DATABASE_URL', 'CONDUIT_API_KEY', 'CONDUIT_WEBHOOK_SECRET', 'RETRY_BASE_SECONDS'),
    },
    {
      what: 'reconcile and three wrong settings',
      program: 'admin',
      args: ['reconcile'],
      env: { ...wrong('DATABASE_URL', 'RATE_REFRESH_SECONDS').env, TEMPORAL_ADDRESS: NO_ADDRESSES[0] },
      names: ['DATABASE_URL', 'RATE_REFRESH_SECONDS', 'TEMPORAL_ADDRESS'],
    },
    {
      what: 'reconcile --conduit and two wrong settings',
      program: 'admin',
      args: ['reconcile', '--conduit'],
      ...wrong('CONDUIT_API_KEY', 'CONDUIT_BASE_URL'),
    },
    {
      what: 'dead-letters list and a wrong emulator',
      program: 'admin',
      args: ['dead-letters', 'list'],
      ...wrong('PUBSUB_EMULATOR_HOST'),
    },
    {
      what: 'dead-letters replay and a wrong URL',
      program: 'admin',
      args: ['dead-letters', 'replay', '--all'],
      ...wrong('DATABASE_URL'),
    },
  ];
}
