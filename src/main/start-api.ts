import type { AddressInfo } from 'node:net';
import { createApi } from '../api/app.ts';
import { createApiServer } from '../api/server.ts';
import { createConduitClient } from '../clients/conduit/client.ts';
import { connectRedis } from '../clients/redis.ts';
import { createUserCache } from '../clients/redis-cache.ts';
import { loadConfig } from '../config.ts';
import { connectDatabase, type Database, isUsable } from '../db/client.ts';
import { databaseNow } from '../db/clock.ts';
import { prepareEnd } from './graceful-end.ts';
import { watchMachineClock } from './machine-clock.ts';
import { orderCacheOf } from './order-cache.ts';
import { listen, type ProcessContext, type RunningProcess } from './process.ts';

/** A request may be waiting for a quote, which has ten seconds, and then for its transaction. */
const LAST_ANSWER_MS = 12_000;
/** A little more than the last answer may take, for the connections behind it. */
const STOP_DEADLINE_MS = 15_000;
/** Longer than the longest proper request: a quote at its deadline and a transaction that waits for a lock. */
const ANSWER_DEADLINE_MS = 20_000;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** Longer than the idle time-out of usual load balancers, so that they close first and never send into a closing connection. */
const KEEP_ALIVE_MS = 65_000;
/** Quotes are the only calls from here, and a burst of creations shares them. */
const CONDUIT_CONNECTIONS = 8;

export const API_PROCESS = {
  name: 'api',
  load: loadConfig,
  defaultMetricsPort: 9464,
  stopDeadlineMs: STOP_DEADLINE_MS,
} as const;

/** What a program that watches the api may put between it and the outside. */
export interface ApiOverrides {
  readonly db?: (db: Database) => Database;
}

/** Wires the API: PostgreSQL, Redis, and Conduit for the quote at creation. It needs neither Temporal nor Pub/Sub. */
export async function startApi(
  { config, log, metrics }: ProcessContext,
  overrides: ApiOverrides = {},
): Promise<RunningProcess> {
  if (config.webhookSecrets.length === 0) {
    log.warn({ event: 'process_started' }, 'CONDUIT_WEBHOOK_SECRET is not set: every webhook will be refused');
  }
  const pool = connectDatabase({
    url: config.DATABASE_URL,
    applicationName: 'conduitpay-api',
    maxConnections: config.DATABASE_MAX_CONNECTIONS,
  });
  const db = overrides.db?.(pool) ?? pool;
  const redis = connectRedis(config.REDIS_URL, log);
  const conduit = createConduitClient({
    baseUrl: config.CONDUIT_BASE_URL,
    apiKey: config.CONDUIT_API_KEY,
    timeoutMs: config.conduitTimeoutMs,
    connectTimeoutMs: config.CONDUIT_CONNECT_TIMEOUT_MS,
    maxConnections: CONDUIT_CONNECTIONS,
    permitTtlMs: config.timing.permitTtlMs,
    log,
    onCall: (endpoint, cls, durationMs) => metrics.conduitSeconds.observe({ endpoint, class: cls }, durationMs / 1_000),
  });
  const isReady = () => isUsable(db);

  const server = createApiServer(
    createApi({
      db,
      orderCache: orderCacheOf(redis, db),
      users: createUserCache(redis),
      requestQuote: (request) => conduit.requestQuote(request),
      limits: {
        minExpiryMs: config.MIN_EXPIRY_SECONDS * 1_000,
        maxExpiryMs: config.MAX_EXPIRY_DAYS * 86_400_000,
        maxAmount: config.MAX_ORDER_AMOUNT,
        maxFeeShareBps: config.MAX_FEE_SHARE_BPS,
        targetPlausibleFactor: config.TARGET_PLAUSIBLE_FACTOR,
        maxStopGapBps: config.MAX_STOP_GAP_BPS,
      },
      timing: config.timing,
      sanity: config.sanity,
      rateRefreshMs: config.rateRefreshMs,
      webhookSecrets: config.webhookSecrets,
      now: () => databaseNow(db),
      answerDeadlineMs: ANSWER_DEADLINE_MS,
      isReady,
      log,
      metrics,
    }),
  );
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const end = prepareEnd(server);
  await listen(server, 'API_PORT', config.API_PORT, config.HOST);
  const { port } = server.address() as AddressInfo;
  log.info({ event: 'process_started', port }, `the API listens on ${config.HOST}:${port}`);

  const unwatchClock = watchMachineClock({ db: pool, metrics, log });
  return {
    checks: { postgres: isReady },
    async stop() {
      unwatchClock();
      await end(LAST_ANSWER_MS);
      await conduit.close();
      await pool.end({ timeout: 2 });
      redis.close();
    },
  };
}
