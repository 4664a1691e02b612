import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { isTerminalOrder, ORDER_STATUSES } from './domain/order.ts';

/** Why a person is called, a closed list: each has its page in docs/operations.md. */
export const PAGES = [
  'claimed_without_execute',
  'executed_without_execute',
  'settled_differs_from_lock',
  'partial_effect',
  'two_orders_under_reference',
  'end_contradicted',
  'late_execute_reply',
  'orphan_executed',
  'auto_execute_ignored',
  'absurd_rate',
] as const;
export type Page = (typeof PAGES)[number];

export const ALERTS = [
  'lost_row_adopted',
  'cancelled_by_provider',
  'account_changed',
  'access_refused',
  'transaction_after_success',
  'clock_skew',
  'machine_clock_skew',
  'overdue_expired_by_repair',
  'workflow_repaired',
  'rate_suspect',
  'other_organisation',
  'reference_differs',
  'attempt_absent',
  'execution_slow',
  'lookup_unavailable',
] as const;
export type Alert = (typeof ALERTS)[number];

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

export type Service = 'api' | 'bridge' | 'worker';

/**
 * The metrics of one process, on a registry of its own, which shows those that this process measures and no others: a gauge that
 * nobody sets reads as a zero that somebody measured. Labels come from closed sets only: never an id.
 */
export function createMetrics(service: Service) {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const shownBy = (...services: Service[]) => (services.includes(service) ? [registry] : []);
  const metrics = {
    registry,
    orders: new Counter({
      name: 'orders_total',
      help: 'Orders by what became of them',
      labelNames: ['outcome'],
      registers: shownBy('api', 'bridge', 'worker'),
    }),
    looks: new Counter({
      name: 'order_looks_total',
      help: 'Firm looks by verdict',
      labelNames: ['verdict'],
      registers: shownBy('worker'),
    }),
    httpSeconds: new Histogram({
      name: 'http_request_seconds',
      help: 'API latency',
      labelNames: ['route', 'method', 'status'],
      buckets: SECONDS,
      registers: shownBy('api'),
    }),
    conduitSeconds: new Histogram({
      name: 'conduit_call_seconds',
      help: 'Calls to Conduit',
      labelNames: ['endpoint', 'class'],
      buckets: SECONDS,
      registers: shownBy('api', 'worker'),
    }),
    outboxPending: new Gauge({ name: 'outbox_pending', help: 'Unpublished messages', registers: shownBy('bridge') }),
    outboxLagSeconds: new Gauge({
      name: 'outbox_lag_seconds',
      help: 'Age of the oldest unpublished message',
      registers: shownBy('bridge'),
    }),
    messages: new Counter({
      name: 'bridge_messages_total',
      help: 'Pub/Sub messages by what was done',
      labelNames: ['topic', 'result'],
      registers: shownBy('bridge'),
    }),
    bridgePaused: new Gauge({
      name: 'bridge_paused',
      help: '1 while the bridge takes no messages, because what they need is away',
      registers: shownBy('bridge'),
    }),
    ...bookGauges(shownBy('worker')),
    lastPassSeconds: new Gauge({
      name: 'last_pass_timestamp_seconds',
      help: 'When this worker last made a pass of a standing repair',
      labelNames: ['schedule'],
      registers: shownBy('worker'),
    }),
    disagreements: new Gauge({
      name: 'reconcile_disagreements',
      help: 'Orders whose row and run told different stories at the last pass',
      registers: shownBy('worker'),
    }),
    orderActivityFailures: new Counter({
      name: 'order_activity_failures_total',
      help: 'Activities of orders that failed although PostgreSQL could be asked',
      labelNames: ['activity'],
      registers: shownBy('worker'),
    }),
    pages: new Counter({
      name: 'pages_total',
      help: 'A person is needed',
      labelNames: ['page'],
      registers: shownBy('worker'),
    }),
    alerts: new Counter({
      name: 'alerts_total',
      help: 'Something to look at in working hours',
      labelNames: ['alert'],
      registers: shownBy('api', 'bridge', 'worker'),
    }),
    clockSkewSeconds: new Gauge({
      name: 'clock_skew_seconds',
      help: "PostgreSQL's clock minus Conduit's Date header",
      registers: shownBy('worker'),
    }),
    machineClockSkewSeconds: new Gauge({
      name: 'machine_clock_skew_seconds',
      help: "The clock of the process's machine minus PostgreSQL's",
      registers: shownBy('api', 'bridge', 'worker'),
    }),
  };
  // Series exist from the start, so that a rate over them sees the first event, unless it comes before the first scrape.
  for (const outcome of ['created', ...ORDER_STATUSES.filter(isTerminalOrder)]) metrics.orders.inc({ outcome }, 0);
  for (const page of PAGES) metrics.pages.inc({ page }, 0);
  for (const alert of ALERTS) metrics.alerts.inc({ alert }, 0);
  return metrics;
}

/** What a worker reads from PostgreSQL when it is asked. */
function bookGauges(registers: Registry[]) {
  return {
    openOrders: new Gauge({
      name: 'open_orders',
      help: 'Open orders',
      labelNames: ['pair', 'status'],
      registers,
    }),
    watcherTickAgeSeconds: new Gauge({
      name: 'rate_watch_tick_age_seconds',
      help: 'Age of the newest observation of a pair with open orders',
      labelNames: ['pair'],
      registers,
    }),
    rateWatchStale: new Gauge({
      name: 'rate_watch_stale',
      help: '1 where the rate of a pair with open orders is older than readiness allows',
      labelNames: ['pair'],
      registers,
    }),
    bookSeconds: new Gauge({
      name: 'book_timestamp_seconds',
      help: 'When this worker last read the gauges of orders, rates, sends and pauses from PostgreSQL',
      registers,
    }),
    attemptsUnknown: new Gauge({
      name: 'attempts_unknown',
      help: 'Attempts with an unresolved send',
      registers,
    }),
    attemptsUnknownOldestSeconds: new Gauge({
      name: 'attempts_unknown_oldest_seconds',
      help: 'Age of the oldest unresolved send',
      registers,
    }),
    executingOldestSeconds: new Gauge({
      name: 'executing_oldest_seconds',
      help: 'Age of the oldest executing order',
      registers,
    }),
    orphansOpen: new Gauge({
      name: 'orphans_open',
      help: 'Provider orders of closed attempts that are followed',
      registers,
    }),
    overdueOldestSeconds: new Gauge({
      name: 'overdue_oldest_seconds',
      help: 'How long the most overdue order, executing ones aside, has outlived its expiry',
      registers,
    }),
    pausesActive: new Gauge({ name: 'pauses_active', help: 'Pauses in force', registers }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
