import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createSimulatorControl, type SimulatorControl } from '../../simulator/control.ts';
import { connectTemporal, type Temporal } from '../../src/clients/temporal.ts';
import { connectDatabase, type Database } from '../../src/db/client.ts';
import { loadTemporalSettings } from '../../src/main/temporal-settings.ts';
import { orderWorkflowId } from '../../src/workflows/messages.ts';
import type { Child } from '../../stack/child.ts';
import { type ApiClient, createApiClient, FINAL, type OrderRequest, type OrderView } from '../../stack/demo/client.ts';
import { LOCAL_DIR, LOGS_DIR } from '../../stack/paths.ts';
import { choosePort } from '../../stack/ports.ts';
import { startProcess } from '../../stack/processes.ts';
import { runProductCommand } from '../../stack/product.ts';
import { createProgress } from '../../stack/progress.ts';
import { type Services, startServices } from '../../stack/services.ts';
import { ensureWebhookEndpoint } from '../../stack/webhook-endpoint.ts';
import { createTestDatabase } from './database.ts';
import { eventually } from './eventually.ts';

export type ProcessName = 'api' | 'bridge' | 'worker';

/** How every end-to-end test runs the product: ten times as fast, with the margins that the faster deadlines allow. */
const TIME_SCALE = 10;
const SETTINGS = {
  TIME_SCALE: String(TIME_SCALE),
  RATE_REFRESH_SECONDS: '1',
  SEND_MARGIN_SECONDS: '6',
  MIN_EXPIRY_SECONDS: '10',
  CONDUIT_CALLS_PER_SECOND: '100',
  LOG_LEVEL: 'info',
};

export const PAIR = 'USDT.ethereum-USDC.ethereum';
const quiet = createProgress({ quiet: true });

export interface World {
  readonly env: Readonly<Record<string, string>>;
  readonly db: Database;
  readonly redis: Redis;
  readonly temporal: Temporal;
  readonly services: Services;
  readonly simulator: SimulatorControl;
  readonly api: ApiClient;
  readonly apiUrl: string;
  readonly userId: string;
  /** Starts one of the product's processes, or another program in its place, and waits until it is ready. */
  start(name: ProcessName, options?: { script?: string; env?: Record<string, string> }): Promise<Child>;
  child(name: ProcessName): Child;
  /** What the process shows to Prometheus. */
  metrics(name: ProcessName): Promise<string>;
  /** A request of this world's user: 20 USDT → USDC at ≥ 0.92, good for two minutes. */
  request(fields?: Partial<OrderRequest>): OrderRequest;
  /** Places an order that must be accepted. */
  place(fields?: Partial<OrderRequest>): Promise<OrderView>;
  /** The ledger's facts of one order of ours, in order. */
  ledger(orderId: string): Promise<readonly { readonly event: string; readonly at: string }[]>;
  /** How often Conduit claimed an execution for the order. */
  claims(orderId: string): Promise<number>;
  /** Waits until the order is final. */
  ended(orderId: string, deadlineMs?: number): Promise<OrderView>;
  stop(): Promise<void>;
}

/**
 * The whole product on real services: PostgreSQL, Redis and the Pub/Sub emulator of the test run with a database, an index and a
 * project of this world's own; a Temporal server and a simulator that belong to it alone, so that a test may break them.
 */
export async function createWorld(settings: Record<string, string> = {}): Promise<World> {
  const id = randomUUID().slice(0, 8);
  const database = await createTestDatabase();
  const own = await startServices({
    only: ['temporal', 'simulator'],
    ports: 'free',
    dataDir: join(LOCAL_DIR, 'worlds', id),
    logDir: join(LOGS_DIR, 'worlds', id),
    quiet: true,
    throwAway: true,
    ignoreGiven: true,
    timeScale: TIME_SCALE,
  });
  const redisUrl = new URL(required('REDIS_URL'));
  redisUrl.pathname = `/${1 + Math.floor(Math.random() * 15)}`;
  const redis = new Redis(redisUrl.href);
  await redis.flushdb();
  const apiPort = await choosePort('api', 0, 'free', quiet);
  const simulator = createSimulatorControl(own.env['CONDUIT_BASE_URL'] ?? '');
  await simulator.setRate(PAIR, '0.9150');
  const webhook = await ensureWebhookEndpoint(
    { baseUrl: own.env['CONDUIT_BASE_URL'] ?? '', apiKey: own.env['CONDUIT_API_KEY'] ?? '' },
    `http://127.0.0.1:${apiPort}/webhooks/conduit`,
    join(LOCAL_DIR, 'worlds', id, 'webhook.json'),
  );
  const env = {
    ...own.env,
    ...SETTINGS,
    ...settings,
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl.href,
    PUBSUB_EMULATOR_HOST: required('PUBSUB_EMULATOR_HOST'),
    PUBSUB_PROJECT_ID: `t-${id}`,
    CONDUIT_WEBHOOK_SECRET: webhook.secret,
    API_PORT: String(apiPort),
    TEMPORAL_METRICS_PORT: '0',
  };
  const userId = randomUUID();
  const kinds = { 'USDT:ethereum': 'wlt', 'USDC:ethereum': 'wlt', USD: 'vac', EUR: 'vac' };
  const accounts = Object.entries(kinds).map(([asset, kind]) => ({ asset, id: `${kind}_${base62Id()}` }));
  const accountArgs = accounts.flatMap((account) => ['--account', `${account.asset}=${account.id}`]);
  // Conduit knows these accounts for these assets, and no others: money that takes another way is refused.
  for (const { id: accountId, asset } of accounts)
    await simulator.setAccount(accountId, { assets: [asset.replace(':', '.')] });
  await simulator.setKnobs({ unknownAccounts: 'refuse' });
  await runProductCommand('admin', ['user', 'add', '--id', userId, ...accountArgs], env);
  const apiKey = await runProductCommand('admin', ['key', 'add', '--user', userId], env);

  const db = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 4 });
  const temporal = connectTemporal(loadTemporalSettings({ ...env }));
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const api = createApiClient(apiUrl, apiKey);
  const children = new Map<ProcessName, Child>();
  const metricsPorts = new Map<ProcessName, number>();

  const world: World = {
    env,
    db,
    redis,
    temporal,
    services: own,
    simulator,
    api,
    apiUrl,
    userId,
    async start(name, options = {}) {
      const metricsPort = await choosePort(name, 0, 'free', quiet);
      const child = await startProcess({
        name,
        script: options.script ?? `src/main/${name}.ts`,
        env: { ...env, METRICS_PORT: String(metricsPort), ...options.env },
        logFile: join(LOGS_DIR, 'worlds', id, `${name}-${children.size}-${metricsPort}.log`),
        readyUrl: `http://127.0.0.1:${metricsPort}/health/ready`,
      });
      children.set(name, child);
      metricsPorts.set(name, metricsPort);
      return child;
    },
    async metrics(name) {
      return (await fetch(`http://127.0.0.1:${metricsPorts.get(name)}/metrics`)).text();
    },
    child(name) {
      const child = children.get(name);
      if (!child) throw new Error(`${name} was not started in this world`);
      return child;
    },
    request: (fields) => ({
      from_currency: 'USDT',
      to_currency: 'USDC',
      from_network: 'ethereum',
      to_network: 'ethereum',
      amount: '20.00',
      target_rate: '0.92',
      direction: '>=',
      idempotency_key: randomUUID(),
      user_id: userId,
      expires_at: new Date(Date.now() + 120_000).toISOString(),
      ...fields,
    }),
    async place(fields) {
      const { status, body } = await api.place(world.request(fields));
      if (status !== 201) throw new Error(`the order was answered ${status}: ${JSON.stringify(body)}`);
      return body;
    },
    ledger: (orderId) => simulator.ledger({ reference: `${orderId}:*` }),
    async claims(orderId) {
      return (await world.ledger(orderId)).filter(({ event }) => event === 'order.claimed').length;
    },
    ended: (orderId, deadlineMs = 40_000) =>
      eventually(
        `order ${orderId} to end`,
        async () => {
          const order = await api.read(orderId);
          return FINAL.has(order.status) && order;
        },
        deadlineMs,
      ),
    async stop() {
      await Promise.allSettled([...children.values()].map((child) => stopped(child)));
      await Promise.allSettled([temporal.close(), db.end({ timeout: 2 })]);
      redis.disconnect();
      await own.stop();
      await database.drop();
    },
  };
  return world;
}

/** The run's id of an order's workflow, in words for `describe`. */
export function workflowOf(world: World, orderId: string) {
  return world.temporal.client.workflow.getHandle(orderWorkflowId(orderId));
}

function base62Id(): string {
  return randomUUID().replaceAll('-', '').slice(0, 22);
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests by \`npm test\`, which starts the services`);
  return value;
}

/** A process that a test has frozen cannot hear that it shall stop. */
async function stopped(child: Child): Promise<void> {
  child.kill('SIGCONT');
  await child.stop();
}
