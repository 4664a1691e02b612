import { proxyActivities, proxyLocalActivities, TemporalFailure } from '@temporalio/workflow';
import type { Activities } from '../activities/interface.ts';
import { ORDER_TASK_QUEUE } from './messages.ts';

const local = proxyLocalActivities<Activities>({ startToCloseTimeout: '2s', retry: { maximumAttempts: 2 } });
const regular = proxyActivities<Activities>({
  taskQueue: ORDER_TASK_QUEUE,
  startToCloseTimeout: '10s',
  retry: { initialInterval: '1s', maximumInterval: '5s' },
});

/**
 * A record activity: local first, because it costs one history event; and when that does not get through, the same as a regular
 * activity without end. A local one that waited for the database would hold one of the few slots of workflow tasks.
 */
async function untilRecorded<T>(attempt: (activities: Activities) => Promise<T>): Promise<T> {
  try {
    return await attempt(local);
  } catch (error) {
    // A local activity's failure arrives as its cause, not wrapped in an ActivityFailure.
    if (!(error instanceof TemporalFailure)) throw error;
    return attempt(regular);
  }
}

export const records: Pick<Activities, 'advanceOrder' | 'cancelOrderForOperator'> = {
  advanceOrder: (orderId, hints) => untilRecorded((activities) => activities.advanceOrder(orderId, hints)),
  cancelOrderForOperator: (orderId) => untilRecorded((activities) => activities.cancelOrderForOperator(orderId)),
};
