import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerInterceptors,
} from '@temporalio/worker';
import { createBell } from '../activities/bell.ts';
import { areRatesFresh, createBookCollector } from '../activities/book.ts';
import { type ActivityDeps, createActivities } from '../activities/index.ts';
import type { Activities } from '../activities/interface.ts';
import { createOrderRuns } from '../activities/order-runs.ts';
import { type ConduitClient, createConduitClient } from '../clients/conduit/client.ts';
import { connectRedis, type GuardedRedis } from '../clients/redis.ts';
import { createRedisHints } from '../clients/redis-hints.ts';
import { connectTemporal, type Temporal, type TemporalSettings } from '../clients/temporal.ts';
import { type Config, loadConfig } from '../config.ts';
import { connectDatabase, type Database, isUsable } from '../db/client.ts';
import { CONDUIT_TASK_QUEUE, ORDER_TASK_QUEUE } from '../workflows/messages.ts';
import { countFailures } from './count-failures.ts';
import { watchMachineClock } from './machine-clock.ts';
import { orderCacheOf } from './order-cache.ts';
import { type ProcessContext, type RunningProcess, StartError } from './process.ts';
import { keepSchedules } from './schedules.ts';
import { withTemporal } from './temporal-settings.ts';

/** Activities under way get this long to finish before the worker leaves. */
const SHUTDOWN_GRACE = '25s';
/** Longer than that grace, shorter than what an orchestrator usually allows. */
const STOP_DEADLINE_MS = 40_000;

export const WORKER_PROCESS = {
  name: 'worker',
  load: withTemporal(loadConfig),
  defaultMetricsPort: 9466,
  stopDeadlineMs: STOP_DEADLINE_MS,
} as const;

export const WORKFLOWS = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));

/** What a program that watches the worker may put between it and the outside. */
export interface WorkerOverrides {
  readonly db?: (db: Database) => Database;
  readonly conduit?: (conduit: ConduitClient) => ConduitClient;
  readonly activities?: (activities: Activities) => Activities;
  /** The workflows bundled before, in place of bundling them at each start. */
  readonly workflowBundle?: { readonly codePath: string };
}

type WorkerContext = ProcessContext<Config & { readonly temporal: TemporalSettings }>;

/** Wires the worker: one poller for workflows and records, one, capped, for everything that calls the provider. */
export async function startWorker(context: WorkerContext, overrides: WorkerOverrides = {}): Promise<RunningProcess> {
  const { config, log, metrics } = context;
  const pool = connectDatabase({
    url: config.DATABASE_URL,
    applicationName: 'conduitpay-worker',
    maxConnections: config.DATABASE_MAX_CONNECTIONS,
  });
  const db = overrides.db?.(pool) ?? pool;
  const redis = connectRedis(config.REDIS_URL, log);
  const temporal = connectTemporal(config.temporal);
  const client = connectConduit(context);
  const conduit = overrides.conduit?.(client) ?? client;
  const made = createActivities(activityDeps(context, { db, redis, temporal, conduit }));
  installRuntime(config.TEMPORAL_METRICS_PORT, config.HOST, log);
  const connection = await NativeConnection.connect(config.temporal.connectionOptions);
  const { orders, provider } = await createWorkers(config, {
    connection,
    interceptors: { activity: [countFailures(context)] },
    activities: overrides.activities?.(made) ?? made,
    bundle: overrides.workflowBundle,
  });
  const running = Promise.all([orders.run(), provider.run()]);
  // A worker that ends by itself has failed: an orchestrator shall start the process again.
  running.catch((err: unknown) => {
    log.fatal({ err, event: 'process_stopping' }, 'the Temporal worker ended');
    process.exit(1);
  });
  const schedules = keepSchedules(temporal, log);
  const unwatchClock = watchMachineClock({ db: pool, metrics, log });

  return {
    checks: {
      postgres: () => isUsable(db),
      temporal: async () => temporal.ping().then(() => true),
      search_attributes: () => temporal.hasSearchAttributes(),
      polling: () => orders.getState() === 'RUNNING' && provider.getState() === 'RUNNING',
      schedules: () => schedules.areKept(),
      rates: () => areRatesFresh(db, config.rateRefreshMs),
    },
    collect: createBookCollector(db, metrics, config.rateRefreshMs),
    async stop() {
      unwatchClock();
      schedules.stop();
      for (const worker of [orders, provider]) if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
      await Promise.all([conduit.close(), temporal.close(), connection.close(), pool.end({ timeout: 5 })]);
      redis.close();
    },
  };
}

function connectConduit({ config, log, metrics }: WorkerContext): ConduitClient {
  return createConduitClient({
    baseUrl: config.CONDUIT_BASE_URL,
    apiKey: config.CONDUIT_API_KEY,
    timeoutMs: config.conduitTimeoutMs,
    connectTimeoutMs: config.CONDUIT_CONNECT_TIMEOUT_MS,
    maxConnections: MAX_CONDUIT_CONNECTIONS,
    permitTtlMs: config.timing.permitTtlMs,
    log,
    onCall: (endpoint, cls, durationMs) => metrics.conduitSeconds.observe({ endpoint, class: cls }, durationMs / 1_000),
  });
}

interface Connections {
  readonly db: Database;
  readonly redis: GuardedRedis;
  readonly temporal: Temporal;
  readonly conduit: ConduitClient;
}

function activityDeps({ config, log, metrics }: WorkerContext, connections: Connections): ActivityDeps {
  const { db, redis, temporal, conduit } = connections;
  const orderCache = orderCacheOf(redis, db);
  return {
    db,
    conduit,
    timing: config.timing,
    sanity: config.sanity,
    rateRefreshMs: config.rateRefreshMs,
    bell: createBell(log, metrics),
    metrics,
    wait: (ms) => delay(ms),
    heartbeat: () => Context.current().heartbeat(),
    hints: createRedisHints(redis),
    runs: createOrderRuns(temporal, db),
    cacheOrder: (orderId) => orderCache.refresh(orderId),
    baseUrl: config.CONDUIT_BASE_URL,
    organisation: config.CONDUIT_ORGANISATION,
    maxAttemptsPerHour: config.MAX_ATTEMPTS_PER_HOUR,
    callsPerSecond: config.CONDUIT_CALLS_PER_SECOND,
  };
}

interface WorkerParts {
  readonly connection: NativeConnection;
  readonly activities: Activities;
  readonly interceptors: WorkerInterceptors;
  readonly bundle: WorkerOverrides['workflowBundle'];
}

async function createWorkers(
  config: WorkerContext['config'],
  { connection, activities, interceptors, bundle }: WorkerParts,
): Promise<{ orders: Worker; provider: Worker }> {
  const common = {
    connection,
    namespace: config.temporal.namespace ?? 'default',
    activities: activities as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>,
    interceptors,
    shutdownGraceTime: SHUTDOWN_GRACE,
  } as const;
  const orders = await Worker.create({
    ...common,
    taskQueue: ORDER_TASK_QUEUE,
    ...(bundle ? { workflowBundle: bundle } : { workflowsPath: WORKFLOWS }),
    maxCachedWorkflows: config.MAX_CACHED_WORKFLOWS,
  });
  const provider = await Worker.create({
    ...common,
    taskQueue: CONDUIT_TASK_QUEUE,
    maxTaskQueueActivitiesPerSecond: config.CONDUIT_CALLS_PER_SECOND,
    maxConcurrentActivityTaskExecutions: MAX_CONDUIT_CONNECTIONS,
  });
  return { orders, provider };
}

const MAX_CONDUIT_CONNECTIONS = 40;

/** Temporal's core writes through our log and shows its own metrics on a port of its own (0: nowhere). */
function installRuntime(metricsPort: number, host: string, log: ProcessContext['log']): void {
  const bindAddress = `${isIPv6(host) ? `[${host}]` : host}:${metricsPort}`;
  try {
    Runtime.install({
      logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
        // The worker of the queue `conduit` has activities alone, as it shall.
        if (message.startsWith('No workflows registered')) return;
        log[level === 'ERROR' ? 'error' : 'warn']({ ...meta, event: 'temporal_logged' }, message);
      }),
      telemetryOptions: {
        logging: { filter: makeTelemetryFilterString({ core: 'WARN' }), forward: {} },
        ...(metricsPort === 0 ? {} : { metrics: { prometheus: { bindAddress } } }),
      },
    });
  } catch (error) {
    const { message } = error as Error;
    // It has no codes; and of a name, as `localhost`, it makes no address.
    if (!message.includes('prometheus')) throw error;
    throw new StartError(
      `TEMPORAL_METRICS_PORT: ${bindAddress} cannot be had (${message}): choose another port (0: none), or an IP address as HOST.`,
      { cause: error },
    );
  }
}
