import { ActivityFailure, proxyActivities } from '@temporalio/workflow';
import type { Activities, OrphanRef } from '../activities/interface.ts';
import { CONDUIT_TASK_QUEUE, ORDER_TASK_QUEUE } from './messages.ts';

const reconciling = proxyActivities<Activities>({
  taskQueue: ORDER_TASK_QUEUE,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '15s',
  retry: { maximumAttempts: 1 },
});

const listing = proxyActivities<Activities>({
  taskQueue: ORDER_TASK_QUEUE,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '30s',
  retry: { maximumAttempts: 2 },
});

// One activity an orphan, so that the queue's cap on calls and its order of urgency hold for them too.
const following = proxyActivities<Activities>({
  taskQueue: CONDUIT_TASK_QUEUE,
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '90s',
  retry: { maximumAttempts: 1 },
  priority: { priorityKey: 2 },
});

/** One pass of repair, by schedule: rows and runs are made to tell one story. Database and Temporal only. */
export async function reconcileWorkflow(): Promise<Record<string, number>> {
  return reconciling.reconcileOrders();
}

/** One pass over what closed attempts left at the provider and over pauses that may heal, by schedule. */
export async function orphansWorkflow(): Promise<Record<string, number>> {
  // Beside each other: a pause may heal while orphans wait for a Conduit that hangs.
  const probing = orElse(following.probePauses(), 0);
  const orphans = await listing.listDueOrphans();
  const results = await Promise.all(orphans.map(follow));
  const count = (wanted: string) => results.filter((result) => result === wanted).length;
  const healed = await probing;
  return { followed: results.length, ended: count('ended'), failed: count('failed'), healed };
}

/** One that cannot be followed now stays due, and does not hold up the others. */
async function follow(orphan: OrphanRef): Promise<string> {
  const { result } = await orElse(following.followOrphan(orphan), { result: 'failed', code: null });
  return result;
}

async function orElse<T>(activity: Promise<T>, fallback: T): Promise<T> {
  try {
    return await activity;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return fallback;
  }
}
