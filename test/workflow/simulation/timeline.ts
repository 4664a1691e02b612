import {
  CancellationScope,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  proxyLocalActivities,
  setHandler,
  type WorkflowInterceptors,
  workflowInfo,
} from '@temporalio/workflow';
import { orderWorkflowId } from '../../../src/workflows/messages.ts';
import type { Stage } from './stage.ts';

// What the worker of this test runs beside the real workflow: Temporal bundles from here.
export { orderWorkflow } from '../../../src/workflows/order.ts';

export const poked = defineSignal('poked');

const { play } = proxyLocalActivities<Pick<Stage, 'play'>>({ startToCloseTimeout: '10s' });

/**
 * One history's commands, each in its time of the virtual clock. A workflow, because the clock of the test server jumps as soon as
 * every workflow sleeps: whoever waited outside would always be late.
 */
export async function timelineWorkflow({ orderId }: { orderId: string }): Promise<void> {
  let isPoked = false;
  setHandler(poked, () => {
    isPoked = true;
  });
  const order = getExternalWorkflowHandle(orderWorkflowId(orderId));
  for (;;) {
    isPoked = false;
    const { news, waitMs } = await play(orderId);
    for (const item of news) {
      // A run that has ended hears nothing any more, and need not.
      await order.signal(item).catch(() => {});
    }
    if (waitMs === 'over') return;
    if (waitMs === 'poke') await condition(() => isPoked);
    else await condition(() => isPoked, Math.max(1, waitMs));
  }
}

/** A history of this many events is long enough here: the test server suggests a new run only after thousands. */
const SUGGEST_AT = 100;

/** What the test server needs, beside the workflow as it is. */
export const interceptors = (): WorkflowInterceptors => {
  const underWay = new Set<Promise<unknown>>();
  return {
    inbound: [
      {
        async execute(input, next) {
          const result = await next(input);
          // When a run closes over an activity of its own, the test server waits for its end for ever, and no time is skipped any more.
          await Promise.allSettled(underWay);
          return result;
        },
      },
    ],
    outbound: [
      {
        scheduleActivity(input, next) {
          const activity = next(input);
          underWay.add(activity);
          return activity;
        },
        startTimer(input, next) {
          // The test server refuses a task that calls off a timer which fired meanwhile, and lets no time pass ever after. Called off
          // is only the waiting: the timer itself fires, and nobody listens.
          const scope = CancellationScope.current();
          const timer = CancellationScope.nonCancellable(() => next(input));
          return scope.cancellable ? Promise.race([timer, scope.cancelRequested]) : timer;
        },
      },
    ],
    internals: [
      {
        activate(input, next) {
          const info = workflowInfo();
          const isLong = info.workflowType === 'orderWorkflow' && info.historyLength > SUGGEST_AT;
          if (isLong) Object.assign(info, { continueAsNewSuggested: true });
          next(input);
        },
      },
    ],
  };
};
