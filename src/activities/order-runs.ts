import { WorkflowNotFoundError } from '@temporalio/client';
import type { Temporal } from '../clients/temporal.ts';
import type { Database } from '../db/client.ts';
import { findOrder } from '../db/orders.ts';
import { attemptDue, ORDER_WORKFLOW, orderChanged, orderWorkflowId, rateCrossed } from '../workflows/messages.ts';
import type { OrderRuns } from './rate-watch.ts';
import type { RunBook } from './reconcile.ts';

const SIGNALS = { orderChanged, attemptDue } as const;
const ORDER_ID = /^order-(.+)$/;
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
      const isRunning = (await this.describeOrder(orderId)) === 'running';
      await temporal.startOrder(order, 'reconciler');
      return isRunning ? 'running' : 'started';
    },
    signalOrder: (orderId, signal) => temporal.signalOrder(orderId, SIGNALS[signal]),
    async describeOrder(orderId) {
      try {
        const { status } = await temporal.call(() =>
          temporal.client.workflow.getHandle(orderWorkflowId(orderId)).describe(),
        );
        return status.name === 'RUNNING' ? 'running' : 'ended';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'absent';
        throw error;
      }
    },
    async recentlyClosedOrders() {
      const since = new Date(Date.now() - 3_600_000).toISOString();
      const query = `WorkflowType = '${ORDER_WORKFLOW}' and ExecutionStatus != 'Running' and CloseTime > '${since}'`;
      return temporal.call(async () => {
        const ids: string[] = [];
        for await (const { workflowId } of temporal.client.workflow.list({ query, pageSize: MAX_CLOSED })) {
          const [, id] = ORDER_ID.exec(workflowId) ?? [];
          if (id) ids.push(id);
          if (ids.length >= MAX_CLOSED) break;
        }
        return ids;
      });
    },
    keepWatching: (pair) => temporal.signalWithStartWatcher(pair),
  };
}
