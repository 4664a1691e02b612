import type { RunState } from '../clients/temporal.ts';
import type { EndedOrder } from '../db/overdue.ts';
import type { Metrics } from '../metrics.ts';
import type { Bell } from './bell.ts';

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

export interface RepairDeps {
  readonly runs: RunBook;
  readonly bell: Bell;
  readonly metrics: Metrics;
}

/**
 * One thing that repair did: an overdue order ended, a run started where there was none, a stuck run replaced, a run told to look at its
 * row, a run told to go on with its attempt, the stuck run of an ended order ended, a pair's watcher kept running.
 */
export type Repair = 'expired' | 'started' | 'replaced' | 'told' | 'hastened' | 'ended' | 'watched';

export type OnRepair = (repair: Repair, id: string) => void;

/** What brings one run to its row, or keeps one pair's watcher going; each answers whether there was something to do. */
export function createRepairs({ runs, bell }: RepairDeps, onRepair: OnRepair) {
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
  /** With an attempt nobody goes on most likely because its run cannot. */
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

/** Tells of the overdue orders that a pass has ended. */
export function noteExpired({ metrics, bell }: RepairDeps, expired: readonly EndedOrder[], onRepair: OnRepair): void {
  for (const { orderId, status } of expired) {
    metrics.orders.inc({ outcome: status });
    bell.alert('overdue_expired_by_repair', { order_id: orderId, status });
    onRepair('expired', orderId);
  }
}
