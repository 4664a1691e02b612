import type { RunState } from '../clients/temporal.ts';
import { overlongAttempts } from '../db/alarms.ts';
import type { Database } from '../db/client.ts';
import { findOrder } from '../db/orders.ts';
import { type EndedOrder, expireOverdue } from '../db/overdue.ts';
import {
  openAmong,
  ordersWithoutProgress,
  overdueLookups,
  recentlyEnded,
  rotatingSlice,
  trim,
  unwatchedPairs,
} from '../db/reconcile.ts';
import { RECONCILE_EVERY_MS, type Timing } from '../domain/timing.ts';
import type { Metrics } from '../metrics.ts';
import { type Bell, ringAlarms } from './bell.ts';
import { datePass } from './book.ts';
import type { Activities } from './interface.ts';

/** What the reconciler may ask of Temporal. */
export interface RunBook {
  /**
   * Starts the order's run unless one is running. A run that ended does not stand in the way of an open row, and one that is stuck is
   * replaced.
   */
  startOrder(orderId: string): Promise<'started' | 'replaced' | 'running'>;
  signalOrder(orderId: string, signal: 'orderChanged' | 'attemptDue'): Promise<'signalled' | 'no_run'>;
  /** Ends the run of an order that has ended itself, if it is stuck; false when there is none such. */
  endStuckRun(orderId: string): Promise<boolean>;
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

/**
 * One thing that repair did: an overdue order ended, a run started where there was none, a stuck run replaced, a run told to look at its
 * row, a run told that its look-up is due, the stuck run of an ended order ended, a pair's watcher kept running.
 */
export type Repair = 'expired' | 'started' | 'replaced' | 'told' | 'hastened' | 'ended' | 'watched';

/** How one pass is made, by the schedule or by a person. */
export interface PassOptions {
  readonly budgetMs: number;
  /** The open orders that are compared one by one with their runs. */
  readonly toCompare: () => Promise<string[]>;
  /** Whether the pass also calls people for what was silent, and trims: what a schedule does, whose log and metrics are read. */
  readonly isStanding: boolean;
  readonly onRepair?: (repair: Repair, id: string) => void;
  readonly onFailure: (what: string, error: unknown) => void;
}

export type PassCounts = Record<
  'expired' | 'started' | 'signalled' | 'disagreements' | 'alarms' | 'watchers' | 'trimmed',
  number
> & { readonly areAllDone: boolean };

/** Makes rows and runs tell one story: the row is right, the run is brought to it. */
export function createReconcile(deps: ReconcileDeps): Pick<Activities, 'reconcileOrders'> {
  const { db, bell, metrics } = deps;
  return {
    async reconcileOrders() {
      const { areAllDone, ...counts } = await reconcilePass(deps, {
        budgetMs: BUDGET_MS,
        toCompare: () => rotatingSlice(db, SLICE, RECONCILE_EVERY_MS),
        isStanding: true,
        onFailure: (what, err) =>
          bell.log.warn({ event: 'dependency_unavailable', err }, `repair: ${what} must wait for the next pass`),
      });
      metrics.disagreements.set(counts.disagreements);
      if (areAllDone) await datePass(deps, 'reconcile');
      bell.log.info({ event: 'reconciled', ...counts }, 'rows and runs compared');
      return counts;
    },
  };
}

/** One pass over everything. Safe beside any other, and beside the runs: each change is made under the order's lock. */
export async function reconcilePass(deps: ReconcileDeps, options: PassOptions): Promise<PassCounts> {
  const { db, timing, runs } = deps;
  const { onRepair = () => {}, onFailure } = options;
  // A clock that never goes back: a jump of the machine's time must not make a pass endless.
  const deadline = performance.now() + options.budgetMs;
  const counts = { expired: 0, started: 0, signalled: 0, disagreements: 0, alarms: 0, watchers: 0, trimmed: 0 };
  const { start, signal, hasten, close, watch } = createRepairs(deps, onRepair);
  let isCut = false;
  const isTimeLeft = (): boolean => {
    isCut ||= performance.now() >= deadline;
    return !isCut;
  };
  /** Does `act` for each id, some at once, until the time is spent; counts what answered true. A step of which all fail has failed. */
  const forEach = async (ids: readonly string[], act: (id: string) => Promise<boolean>): Promise<number> => {
    let count = 0;
    let done = 0;
    let failure: unknown = null;
    for (let i = 0; i < ids.length && isTimeLeft(); i += AT_ONCE) {
      for (const result of await Promise.allSettled(ids.slice(i, i + AT_ONCE).map(act))) {
        if (result.status === 'fulfilled') done += 1;
        else {
          failure = result.reason;
          onFailure('one order', failure);
        }
        count += result.status === 'fulfilled' && result.value ? 1 : 0;
      }
    }
    if (done === 0 && failure !== null) throw failure;
    return count;
  };
  const steps: Record<string, () => Promise<void>> = {
    async expire() {
      const expired = await expireOverdue(db, timing, 'reconciler', (id, err) => onFailure(`order ${id}`, err));
      counts.expired = expired.length;
      noteExpired(deps, expired, onRepair);
      const ids = expired.map(({ orderId }) => orderId);
      counts.signalled += await forEach(ids, (id) => signal(id, 'orderChanged'));
    },
    async start() {
      counts.started = await forEach(await ordersWithoutProgress(db, BATCH), start);
    },
    async lookUp() {
      counts.signalled += await forEach(await overdueLookups(db, BATCH), hasten);
    },
    // Before the comparisons, which may take all the time that there is: one call for a pair, and without a watcher no order of it is met.
    async watch() {
      counts.watchers = await forEach(await unwatchedPairs(db, 2 * deps.rateRefreshMs), watch);
    },
    async compareClosedRuns() {
      // Visibility is a convenience: without it the rotating slice finds the same orders, only later.
      const closed = await openAmong(db, await runs.recentlyClosedOrders());
      counts.disagreements += await forEach(closed, start);
    },
    async compareEndedRows() {
      counts.disagreements += await forEach(await recentlyEnded(db, BATCH), close);
    },
    async compareOpenRows() {
      counts.disagreements += await forEach(
        await options.toCompare(),
        async (id) => (await runs.describeOrder(id)) !== 'running' && start(id),
      );
    },
    async sound() {
      if (options.isStanding) counts.alarms = await sound(deps);
    },
    async trim() {
      // What trimming leaves hurts nobody: a pass without it is a whole one.
      if (options.isStanding && performance.now() < deadline) counts.trimmed = await trim(db, TRIM);
    },
  };
  // A step that fails must not keep the later ones from their work: the next pass tries it again.
  let areAllDone = true;
  for (const [name, step] of Object.entries(steps)) {
    isCut = false;
    await step()
      .then(() => {
        if (isCut) throw new Error('the time of the pass was spent before its end');
      })
      .catch((err: unknown) => {
        areAllDone = false;
        onFailure(name, err);
      });
  }
  return { ...counts, areAllDone };
}

/**
 * The same for one order, whose row somebody has just looked at: what a pass would leave for some seconds more, because it may still
 * be under way, is done now. Its run is started where it has none, or told where the row has ended.
 */
export async function reconcileOrder(
  deps: ReconcileDeps,
  orderId: string,
  { onRepair = () => {}, onFailure }: Pick<PassOptions, 'onRepair' | 'onFailure'>,
): Promise<void> {
  const { db, timing } = deps;
  const { start, hasten, close, watch } = createRepairs(deps, onRepair);
  const expired = await expireOverdue(db, timing, 'reconciler', (id, err) => onFailure(`order ${id}`, err), orderId);
  noteExpired(deps, expired, onRepair);
  const order = await findOrder(db, orderId);
  if (!order) return;
  if (order.closedAt !== null) {
    await close(orderId);
    return;
  }
  await start(orderId);
  if ((await overdueLookups(db, 1, orderId)).length > 0) await hasten(orderId);
  if ((await unwatchedPairs(db, 2 * deps.rateRefreshMs)).includes(order.pair)) await watch(order.pair);
}

function createRepairs({ runs, bell }: ReconcileDeps, onRepair: NonNullable<PassOptions['onRepair']>) {
  const start = async (orderId: string): Promise<boolean> => {
    const done = await runs.startOrder(orderId);
    if (done === 'running') return false;
    bell.alert('workflow_repaired', { order_id: orderId });
    onRepair(done, orderId);
    return true;
  };
  const signal = async (orderId: string, name: 'orderChanged' | 'attemptDue'): Promise<boolean> => {
    const isSignalled = (await runs.signalOrder(orderId, name)) === 'signalled';
    if (isSignalled) onRepair(name === 'attemptDue' ? 'hastened' : 'told', orderId);
    return isSignalled;
  };
  /** A look-up that is overdue is most likely that of a run which cannot go on. */
  const hasten = async (orderId: string): Promise<boolean> =>
    (await runs.describeOrder(orderId)) === 'stuck' ? start(orderId) : signal(orderId, 'attemptDue');
  /** The row has ended: its run is to see that and complete, if it can. */
  const close = async (orderId: string): Promise<boolean> => {
    const run = await runs.describeOrder(orderId);
    if (run !== 'stuck') return run === 'running' && signal(orderId, 'orderChanged');
    const isEnded = await runs.endStuckRun(orderId);
    if (isEnded) onRepair('ended', orderId);
    return isEnded;
  };
  const watch = async (pair: string): Promise<boolean> => {
    await runs.keepWatching(pair);
    onRepair('watched', pair);
    return true;
  };
  return { start, signal, hasten, close, watch };
}

function noteExpired(
  { metrics, bell }: ReconcileDeps,
  expired: readonly EndedOrder[],
  onRepair: NonNullable<PassOptions['onRepair']>,
): void {
  for (const { orderId, status } of expired) {
    metrics.orders.inc({ outcome: status });
    bell.alert('overdue_expired_by_repair', { order_id: orderId, status });
    onRepair('expired', orderId);
  }
}

async function sound({ db, timing, bell }: ReconcileDeps): Promise<number> {
  const overlong = await overlongAttempts(db, timing);
  for (const { orderId, attempt, alert } of overlong) bell.alert(alert, { order_id: orderId, attempt });
  return overlong.length + (await ringAlarms(db, bell, { olderThanMs: RECONCILE_EVERY_MS }));
}
