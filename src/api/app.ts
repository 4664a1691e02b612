import { setTimeout as delay } from 'node:timers/promises';
import express, { type Express } from 'express';
import helmet from 'helmet';
import type { OrderCache, UserCache } from '../clients/redis-cache.ts';
import type { Database } from '../db/client.ts';
import type { OrderSnapshot } from '../db/order-snapshots.ts';
import { closeGate, newestObservation } from '../db/rate-watch.ts';
import type { Instant } from '../domain/order.ts';
import type { SanityBounds } from '../domain/rate-sanity.ts';
import type { Timing } from '../domain/timing.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { createAcceptOrder, type OrderLimits } from './accept-order.ts';
import { createCreationQuotes, type RequestQuote } from './creation-quotes.ts';
import { ordersRouter } from './orders.ts';
import { answerProblem, answerWithin, noSuchRoute, refuseExpectations } from './problem.ts';
import { requestLog } from './request-log.ts';
import { webhooksRouter } from './webhooks.ts';

export interface ApiDeps {
  readonly db: Database;
  readonly orderCache: OrderCache<OrderSnapshot>;
  readonly users: UserCache;
  readonly requestQuote: RequestQuote;
  readonly limits: OrderLimits;
  readonly timing: Timing;
  readonly sanity: SanityBounds;
  readonly rateRefreshMs: number;
  readonly webhookSecrets: readonly string[];
  /**
   * The time in milliseconds, for the age of a webhook's signature and of rates: PostgreSQL's, so that a machine whose clock is
   * wrong drops no good event.
   */
  readonly now: () => Instant | Promise<Instant>;
  /** Whether the database answers. */
  readonly isReady: () => Promise<boolean>;
  /** When a request that hangs is answered 503. */
  readonly answerDeadlineMs: number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const READY_DEADLINE_MS = 2_000;
/** The longest that a quote may be waited for. */
const QUOTE_DEADLINE_MS = 10_000;
/** A rate that nobody has watched for a month says nothing against today's: the first order's watcher then judges, and calls a person. */
const BASELINE_MS = 30 * 86_400_000;

/** The HTTP API as an Express application that listens nowhere yet. */
export function createApi(deps: ApiDeps): Express {
  const { db, log, metrics } = deps;
  const quoteFor = createCreationQuotes({
    requestQuote: deps.requestQuote,
    closeGate: (forMs) => closeGate(db, forMs),
    lastGoodRate: async (pair) => {
      const newest = await newestObservation(db, pair);
      return newest && (await deps.now()) - newest.observedAt <= BASELINE_MS ? newest.referenceRate : null;
    },
    now: deps.now,
    sanity: deps.sanity,
    rateRefreshMs: deps.rateRefreshMs,
  });
  // Borrowed from an order of up to an interval before, or waited for.
  const quoteMaxAgeMs = deps.rateRefreshMs + QUOTE_DEADLINE_MS;
  const acceptOrder = createAcceptOrder({
    db,
    users: deps.users,
    quoteFor,
    quoteMaxAgeMs,
    limits: deps.limits,
    metrics,
  });

  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  // An ETag of an order would be the hash of what was just serialised: work without use.
  app.set('etag', false);
  // Without ETags Express still takes `*` for a match with whatever it was about to answer, and sends 304 without a body.
  app.use((req, _res, next) => {
    delete req.headers['if-none-match'];
    next();
  });
  app.use(helmet());
  app.get('/health/live', (_req, res) => {
    res.json({ status: 'live' });
  });
  app.get('/health/ready', async (_req, res) => {
    const late = delay(READY_DEADLINE_MS, false, { ref: false });
    const isReady = await Promise.race([deps.isReady(), late]).catch(() => false);
    res.status(isReady ? 200 : 503).json({ status: isReady ? 'ready' : 'not_ready' });
  });
  app.use(requestLog(log, metrics));
  app.use(answerWithin(deps.answerDeadlineMs), refuseExpectations);
  app.use(ordersRouter({ db, orderCache: deps.orderCache, acceptOrder, timing: deps.timing, metrics }));
  app.use(webhooksRouter({ db, secrets: deps.webhookSecrets, now: deps.now, metrics }));
  app.use(noSuchRoute);
  app.use(answerProblem);
  return app;
}
