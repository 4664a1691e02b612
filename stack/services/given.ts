import { Redis } from 'ioredis';
import pg from 'pg';
import { SetupError } from '../errors.ts';
import { acceptsTcp, answersHttp } from '../wait.ts';
import type { Service, ServiceName } from './service.ts';

// A service that somebody else runs is only asked whether it answers. It is never changed and never stopped.

type Given = {
  readonly variable: string;
  readonly title: string;
  /** Further settings that belong to this address and are handed on as they are. */
  readonly alongside: readonly string[];
  readonly address: (value: string) => string;
  readonly answers: (value: string) => Promise<boolean>;
};

const GIVEN: Record<ServiceName, Given> = {
  postgres: {
    variable: 'DATABASE_URL',
    title: 'PostgreSQL',
    alongside: [],
    address: hostOfUrl,
    answers: postgresAnswers,
  },
  redis: { variable: 'REDIS_URL', title: 'Redis', alongside: [], address: hostOfUrl, answers: redisAnswers },
  temporal: {
    variable: 'TEMPORAL_ADDRESS',
    title: 'Temporal',
    alongside: ['TEMPORAL_NAMESPACE', 'TEMPORAL_UI_URL'],
    address: (value) => value,
    answers: tcpAnswers,
  },
  pubsub: {
    variable: 'PUBSUB_EMULATOR_HOST',
    title: 'Pub/Sub emulator',
    alongside: ['PUBSUB_PROJECT_ID'],
    address: (value) => value,
    answers: (value) => answersHttp(`http://${value}/`),
  },
  simulator: {
    variable: 'CONDUIT_BASE_URL',
    title: 'Conduit',
    alongside: ['CONDUIT_API_KEY', 'CONDUIT_ORGANISATION', 'CONDUIT_WEBHOOK_SECRET'],
    address: hostOfUrl,
    answers: (value) => tcpAnswers(new URL(value).host, new URL(value).protocol === 'https:' ? 443 : 80),
  },
};

/** Whether the environment names this service's address. */
export function isGiven(name: ServiceName): boolean {
  return Boolean(process.env[GIVEN[name].variable]);
}

/** Checks that the service given in the environment answers; throws with the variable's name where it does not. */
export async function useGiven(name: ServiceName): Promise<Service> {
  const given = GIVEN[name];
  const value = process.env[given.variable] ?? '';
  const address = given.address(value);
  const failure = await given.answers(value).then(
    (answers) => (answers ? undefined : 'no answer'),
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (failure !== undefined) {
    throw new SetupError(
      `${given.title} at ${address} does not answer (${failure}): start it, or unset ${given.variable} to have one started here`,
    );
  }
  if (name === 'simulator' && !process.env['CONDUIT_API_KEY']) {
    throw new SetupError('CONDUIT_BASE_URL is given without CONDUIT_API_KEY: give the key of that Conduit as well');
  }

  const settings = [given.variable, ...given.alongside].filter((variable) => process.env[variable]);
  const env = Object.fromEntries(settings.map((variable) => [variable, process.env[variable] ?? '']));
  return { name, title: given.title, address, env };
}

function hostOfUrl(value: string): string {
  return URL.canParse(value) ? new URL(value).host : 'an address that is no URL';
}

async function postgresAnswers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } finally {
    await client.end();
  }
}

async function redisAnswers(url: string): Promise<boolean> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    retryStrategy: null,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } finally {
    client.disconnect();
  }
}

function tcpAnswers(hostAndPort: string, defaultPort = 7233): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${hostAndPort}`);
  return acceptsTcp(hostname.replace(/^\[|\]$/g, ''), port ? Number(port) : defaultPort);
}
