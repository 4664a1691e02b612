import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/interface.ts';
import { CONDUIT_TASK_QUEUE, ORDER_TASK_QUEUE } from './messages.ts';

const reconciling = proxyActivities<Activities>({
  taskQueue: ORDER_TASK_QUEUE,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '15s',
  retry: { maximumAttempts: 1 },
});

const following = proxyActivities<Activities>({
  taskQueue: CONDUIT_TASK_QUEUE,
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '90s',
  heartbeatTimeout: '20s',
  retry: { maximumAttempts: 1 },
  priority: { priorityKey: 2 },
});

/** One pass of repair, by schedule: rows and runs are made to tell one story. Database and Temporal only. */
export async function reconcileWorkflow(): Promise<Record<string, number>> {
  return reconciling.reconcileOrders();
}

/** One pass over what closed attempts left at the provider and over pauses that may heal, by schedule. */
export async function orphansWorkflow(): Promise<Record<string, number>> {
  return following.followOrphans();
}
