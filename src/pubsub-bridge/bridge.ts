import type { Pubsub } from '../clients/pubsub.ts';
import type { Temporal } from '../clients/temporal.ts';
import { type Database, isUsable } from '../db/client.ts';
import { outboxLag, TOPICS } from '../db/outbox.ts';
import { expireOverdue } from '../db/overdue.ts';
import type { Timing } from '../domain/timing.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { createBreaker } from './breaker.ts';
import { createConsumer, MESSAGE_RESULTS } from './consumer.ts';
import { withDeadline } from './deadline.ts';
import { createHandlers } from './handlers.ts';
import { type Loop, startLoop } from './loop.ts';
import { createRelay } from './relay.ts';
import { createSubscriber } from './subscriber.ts';
import { createWatcherCalls } from './watchers.ts';

export interface BridgeDeps {
  readonly db: Database;
  readonly pubsub: Pubsub;
  readonly temporal: Temporal;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly timing: Timing;
  readonly rateRefreshMs: number;
  readonly overdueEveryMs?: number;
}

/** Overdue by 30 s, found within 15 more: still half of what an order may take to end after its expiry. */
const OVERDUE_EVERY_MS = 15_000;
/** Beyond this the messages of new orders are later than the reconciler, and somebody should know. */
const MAX_LAG_MS = 60_000;
const COLLECT_DEADLINE_MS = 1_000;
/** Less than the process has to end in; what is not done by then is leased or unacked, and another bridge does it. */
const STOP_DEADLINE_MS = 25_000;

export type Bridge = ReturnType<typeof createBridge>;

/**
 * Outbox to Pub/Sub, and Pub/Sub to Temporal. Starts at once whatever is away, and takes up its work as things come back.
 * Several bridges share the work. The caller owns the clients and closes them after `stop`.
 */
export function createBridge(deps: BridgeDeps) {
  const { db, pubsub, temporal, log, metrics, timing, rateRefreshMs, overdueEveryMs = OVERDUE_EVERY_MS } = deps;
  let lag = { count: 0, oldestMs: 0 };
  const breaker = createBreaker({
    dependencies: {
      postgres: async () => {
        lag = await outboxLag(db);
        return isUsable(db);
      },
      temporal: async () => temporal.ping().then(() => true),
      search_attributes: () => temporal.hasSearchAttributes(),
    },
    log,
    metrics,
    onChange() {
      for (const subscriber of subscribers) subscriber.wake();
    },
  });
  const handlers = createHandlers({ db, temporal, keepWatching: createWatcherCalls(temporal, rateRefreshMs) });
  const subscribers = TOPICS.map((topic) =>
    createSubscriber({
      topic,
      pubsub,
      handle: createConsumer(topic, { handlers, pubsub, breaker, log, metrics }),
      isPaused: breaker.isPaused,
      log,
    }),
  );
  const relay = createRelay({ db, pubsub, log, metrics });
  const loops: Loop[] = [];
  // Series exist from the start, so that a rate over them is right at the first event.
  for (const topic of TOPICS) for (const result of MESSAGE_RESULTS) metrics.messages.inc({ topic, result }, 0);

  async function expire(): Promise<number> {
    const expired = await expireOverdue(db, timing, 'reconciler', (orderId, err) =>
      log.warn({ event: 'dependency_unavailable', err, order_id: orderId }, 'an overdue order could not be ended'),
    );
    for (const { orderId, status } of expired) {
      metrics.orders.inc({ outcome: status });
      metrics.alerts.inc({ alert: 'overdue_expired_by_repair' });
      log.warn(
        { event: 'alert', alert: 'overdue_expired_by_repair', order_id: orderId, status },
        'an order outlived its expiry',
      );
    }
    return overdueEveryMs;
  }
  /** Messages first, so that none is begun that cannot be ended; then the relay, after its batch. */
  async function drain(): Promise<void> {
    await Promise.all([breaker.stop(), ...subscribers.map((subscriber) => subscriber.stop())]);
    await Promise.all(loops.map((loop) => loop.stop()));
  }

  return {
    start(): void {
      breaker.start();
      for (const subscriber of subscribers) subscriber.start();
      loops.push(relay.start(), startLoop({ name: 'overdue', log, work: expire, firstDelayMs: overdueEveryMs }));
    },
    checks: {
      postgres: () => breaker.isAnswering('postgres'),
      temporal: () => breaker.isAnswering('temporal'),
      search_attributes: () => breaker.isAnswering('search_attributes'),
      pubsub: () => subscribers.every((subscriber) => subscriber.isOpen()),
      outbox_lag: () => lag.oldestMs < MAX_LAG_MS,
    },
    collect: async (): Promise<void> => {
      // Without the database the other metrics are wanted most: these two then stay as they were.
      lag = await withDeadline(outboxLag(db), COLLECT_DEADLINE_MS).catch(() => lag);
      metrics.outboxPending.set(lag.count);
      metrics.outboxLagSeconds.set(lag.oldestMs / 1_000);
    },
    async stop(): Promise<void> {
      await withDeadline(drain(), STOP_DEADLINE_MS).catch((error: unknown) => {
        log.warn({ event: 'process_stopping', err: error }, 'the bridge did not drain in time');
      });
    },
  };
}
