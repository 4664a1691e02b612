import type { RunState } from '../clients/temporal.ts';
import { overlongAttempts } from '../db/alarms.ts';
import type { Database } from '../db/client.ts';
import { expireOverdue } from '../db/overdue.ts';
import {
  openAmong,
  ordersWithoutProgress,
  overdueLookups,
  readBook,
  recentlyEnded,
  rotatingSlice,
  trim,
  unwatchedPairs,
} from '../db/reconcile.ts';
import { RECONCILE_EVERY_MS, type Timing } from '../domain/timing.ts';
import type { Metrics } from '../metrics.ts';
import { type Bell, ringAlarms } from './bell.ts';
import type { Activities } from './interface.ts';

/** What the reconciler may ask of Temporal. */
export interface RunBook {
  /** Starts the order's run unless one is running; a run that ended does not stand in the way of an open row. */
  startOrder(orderId: string): Promise<'started' | 'running'>;
  signalOrder(orderId: string, signal: 'orderChanged' | 'attemptDue'): Promise<'signalled' | 'no_run'>;
  describeOrder(orderId: string): Promise<RunState>;
  /** Orders whose run has closed within the last hour, by visibility. */
  recentlyClosedOrders(): Promise<string[]>;
  keepWatching(pair: string): Promise<void>;
}

export interface ReconcileDeps {
  readonly db: Database;
  readonly timing: Timing;
  readonly rateRefreshMs: number;
  readonly runs: RunBook;
  readonly bell: Bell;
  readonly metrics: Metrics;
}

const SLICE = 200;
const BATCH = 200;
const TRIM = 1_000;
/** One pass may not outlive its activity's ten seconds: what it did not reach is the next one's. */
const BUDGET_MS = 8_000;
const AT_ONCE = 20;

/** Makes rows and runs tell one story: the row is right, the run is brought to it. */
export function createReconcile(deps: ReconcileDeps): Pick<Activities, 'reconcileOrders'> {
  const { db, timing, runs, bell, metrics } = deps;

  async function reconcileOrders(): Promise<Record<string, number>> {
    const deadline = Date.now() + BUDGET_MS;
    const counts = { expired: 0, started: 0, signalled: 0, disagreements: 0, alarms: 0, watchers: 0, trimmed: 0 };
    /** Does `act` for each id, some at once, until the time is spent; counts what answered true. */
    const forEach = async (ids: readonly string[], act: (id: string) => Promise<boolean>): Promise<number> => {
      let count = 0;
      for (let i = 0; i < ids.length && Date.now() < deadline; i += AT_ONCE) {
        const results = await Promise.allSettled(ids.slice(i, i + AT_ONCE).map(act));
        count += results.filter((result) => result.status === 'fulfilled' && result.value).length;
        for (const result of results) if (result.status === 'rejected') failed('one order', result.reason);
      }
      return count;
    };
    const steps: Record<string, () => Promise<void>> = {
      async expire() {
        const expired = await expireOverdue(db, timing, 'reconciler', (id, err) => failed(`order ${id}`, err));
        counts.expired = expired.length;
        for (const { orderId, status } of expired) {
          metrics.orders.inc({ outcome: status });
          bell.alert('overdue_expired_by_repair', { order_id: orderId, status });
        }
        const ids = expired.map(({ orderId }) => orderId);
        counts.signalled += await forEach(ids, (id) => signal(id, 'orderChanged'));
      },
      async start() {
        counts.started = await forEach(await ordersWithoutProgress(db, BATCH), start);
      },
      async lookUp() {
        counts.signalled += await forEach(await overdueLookups(db, BATCH), (id) => signal(id, 'attemptDue'));
      },
      async compareClosedRuns() {
        // Visibility is a convenience: without it the rotating slice finds the same orders, only later.
        const closed = await openAmong(db, await runs.recentlyClosedOrders());
        counts.disagreements += await forEach(closed, start);
      },
      async compareEndedRows() {
        counts.disagreements += await forEach(
          await recentlyEnded(db, BATCH),
          async (id) => (await runs.describeOrder(id)) === 'running' && signal(id, 'orderChanged'),
        );
      },
      async compareSlice() {
        counts.disagreements += await forEach(
          await rotatingSlice(db, SLICE, RECONCILE_EVERY_MS),
          async (id) => (await runs.describeOrder(id)) !== 'running' && start(id),
        );
      },
      async sound() {
        counts.alarms = await sound();
      },
      async watch() {
        counts.watchers = await forEach(await unwatchedPairs(db, 2 * deps.rateRefreshMs), watch);
      },
      async trim() {
        if (Date.now() < deadline) counts.trimmed = await trim(db, TRIM);
      },
    };
    // A step that fails must not keep the later ones from their work: the next pass tries it again.
    let areAllDone = true;
    for (const [name, step] of Object.entries(steps)) {
      await step().catch((err: unknown) => {
        areAllDone = false;
        failed(name, err);
      });
    }
    metrics.disagreements.set(counts.disagreements);
    if (areAllDone) metrics.lastPassSeconds.set({ schedule: 'reconcile' }, Date.now() / 1_000);
    bell.log.info({ event: 'reconciled', ...counts }, 'rows and runs compared');
    return counts;
  }

  function failed(what: string, err: unknown): void {
    bell.log.warn({ event: 'dependency_unavailable', err }, `repair: ${what} must wait for the next pass`);
  }

  async function start(orderId: string): Promise<boolean> {
    const isStarted = (await runs.startOrder(orderId)) === 'started';
    if (isStarted) bell.alert('workflow_repaired', { order_id: orderId });
    return isStarted;
  }

  async function sound(): Promise<number> {
    const overlong = await overlongAttempts(db, timing);
    for (const { orderId, attempt, alert } of overlong) bell.alert(alert, { order_id: orderId, attempt });
    return overlong.length + (await ringAlarms(db, bell, { olderThanMs: RECONCILE_EVERY_MS }));
  }

  async function watch(pair: string): Promise<boolean> {
    await runs.keepWatching(pair);
    return true;
  }

  async function signal(orderId: string, name: 'orderChanged' | 'attemptDue'): Promise<boolean> {
    return (await runs.signalOrder(orderId, name)) === 'signalled';
  }

  return { reconcileOrders };
}

/** Brings the gauges up to date; asked when they are read. */
export async function collectBook(db: Database, metrics: Metrics): Promise<void> {
  const book = await readBook(db);
  metrics.openOrders.reset();
  for (const { pair, status, count } of book.openOrders) metrics.openOrders.set({ pair, status }, count);
  metrics.watcherTickAgeSeconds.reset();
  for (const { pair, seconds } of book.tickAges) metrics.watcherTickAgeSeconds.set({ pair }, seconds);
  metrics.attemptsUnknown.set(book.attemptsUnknown);
  metrics.attemptsUnknownOldestSeconds.set(book.oldestUnknownSeconds);
  metrics.executingOldestSeconds.set(book.oldestExecutingSeconds);
  metrics.orphansOpen.set(book.orphansOpen);
  metrics.overdueOldestSeconds.set(book.oldestOverdueSeconds);
  metrics.pausesActive.set(book.pausesActive);
}
