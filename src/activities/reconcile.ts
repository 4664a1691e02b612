import { overlongAttempts } from '../db/alarms.ts';
import type { Database } from '../db/client.ts';
import { findOrder } from '../db/orders.ts';
import { expireOverdue } from '../db/overdue.ts';
import {
  openAmong,
  ordersWithIdleAttempt,
  ordersWithoutProgress,
  recentlyEnded,
  rotatingSlice,
  trim,
  unwatchedPairs,
} from '../db/reconcile.ts';
import { RECONCILE_EVERY_MS, type Timing } from '../domain/timing.ts';
import { ringAlarms } from './bell.ts';
import { datePass } from './book.ts';
import type { Activities } from './interface.ts';
import { createRepairs, noteExpired, type OnRepair, type RepairDeps } from './repairs.ts';

export interface ReconcileDeps extends RepairDeps {
  readonly db: Database;
  readonly timing: Timing;
  readonly rateRefreshMs: number;
}

const SLICE = 200;
const BATCH = 200;
const TRIM = 1_000;
/** One pass may not outlive its activity's ten seconds: what it did not reach is the next one's. */
const BUDGET_MS = 8_000;
const AT_ONCE = 20;

/** How one pass is made, by the schedule or by a person. */
export interface PassOptions {
  readonly budgetMs: number;
  /** The open orders that are compared one by one with their runs. */
  readonly toCompare: () => Promise<string[]>;
  /** Whether the pass also calls people for what was silent, and trims: what a schedule does, whose log and metrics are read. */
  readonly isStanding: boolean;
  readonly onRepair?: OnRepair;
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
      counts.signalled += await forEach(await ordersWithIdleAttempt(db, BATCH), hasten);
    },
    // Before the comparisons, which may take all the time that there is: few calls for a pair, and without a watcher no order of it is met.
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
  if ((await ordersWithIdleAttempt(db, 1, orderId)).length > 0) await hasten(orderId);
  if ((await unwatchedPairs(db, 2 * deps.rateRefreshMs)).includes(order.pair)) await watch(order.pair);
}

async function sound({ db, timing, bell }: ReconcileDeps): Promise<number> {
  const overlong = await overlongAttempts(db, timing);
  for (const { orderId, attempt, alert } of overlong) bell.alert(alert, { order_id: orderId, attempt });
  return overlong.length + (await ringAlarms(db, bell, { olderThanMs: RECONCILE_EVERY_MS }));
}
