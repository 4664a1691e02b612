import type { Temporal } from '../clients/temporal.ts';
import type { Database } from '../db/client.ts';
import { findOrder } from '../db/orders.ts';
import { attemptDue, orderChanged, rateCrossed } from '../workflows/messages.ts';
import type { OrderRuns } from './rate-watch.ts';
import type { RunBook } from './repairs.ts';

const SIGNALS = { orderChanged, attemptDue } as const;
const HOUR_MS = 3_600_000;
/** As many closed runs as one pass can look at. */
const MAX_CLOSED = 500;

/** Temporal as the sweep and the reconciler use it. Both have read the row, so both may start a run that has ended. */
export function createOrderRuns(temporal: Temporal, db: Database): OrderRuns & RunBook {
  return {
    async wake(orderId) {
      if ((await temporal.signalOrder(orderId, rateCrossed)) === 'signalled') return;
      const order = await findOrder(db, orderId);
      if (order && order.closedAt === null) await temporal.signalWithStartOrder(order, 'reconciler', rateCrossed);
    },
    async startOrder(orderId) {
      const order = await findOrder(db, orderId);
      if (!order || order.closedAt !== null) return 'running';
      const run = await temporal.describeOrder(orderId);
      const isReplaced = run === 'stuck' && (await temporal.endStuckRun(orderId, 'no code can follow this run'));
      await temporal.startOrder(order, 'reconciler');
      if (isReplaced) return 'replaced';
      return run === 'ended' || run === 'absent' ? 'started' : 'running';
    },
    signalOrder: (orderId, signal) => temporal.signalOrder(orderId, SIGNALS[signal]),
    endStuckRun: (orderId) => temporal.endStuckRun(orderId, 'the order has ended, and no code can follow this run'),
    describeOrder: (orderId) => temporal.describeOrder(orderId),
    recentlyClosedOrders: () => temporal.recentlyClosedOrders(HOUR_MS, MAX_CLOSED),
    async keepWatching(pair) {
      // A signal to one whose task fails again and again would be answered as if all were well.
      await temporal.endStuckWatcher(pair, 'no code can follow this run');
      await temporal.signalWithStartWatcher(pair);
    },
  };
}
