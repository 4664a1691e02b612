import {
  ActivityFailure,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, TickResult } from '../activities/interface.ts';
import { CONDUIT_TASK_QUEUE, orderOpened, type RateWatchInput } from './messages.ts';

/** Ticks without an open order after which nobody needs the watcher. */
const IDLE_TICKS = 10;
/** Until the first tick has told the real interval. */
const FALLBACK_REFRESH_MS = 60_000;

// One try: a tick that failed is made up for by the next one, and a second quote in one interval would break the budget.
const { tickRateWatch } = proxyActivities<Activities>({
  taskQueue: CONDUIT_TASK_QUEUE,
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '90s',
  // Two quotes at their deadline, and the wait between them.
  heartbeatTimeout: '40s',
  retry: { maximumAttempts: 1 },
  priority: { priorityKey: 2 },
  summary: 'indicative quote and sweep',
});

/**
 * One run per pair: asks for one indicative quote an interval and wakes the orders whose trigger it crosses, so that waiting
 * costs per pair and not per order. Ends when nobody has needed it for ten ticks; whoever opens an order signals it with a start.
 */
export async function rateWatchWorkflow({
  pair,
  dueAt: firstDueAt,
  refreshMs: knownRefreshMs,
  idleTicks: idleBefore,
}: RateWatchInput): Promise<void> {
  let isOrderOpened = false;
  setHandler(orderOpened, () => {
    isOrderOpened = true;
  });
  let dueAt = firstDueAt ?? Date.now();
  let refreshMs = knownRefreshMs ?? FALLBACK_REFRESH_MS;
  for (let idleTicks = idleBefore ?? 0; ; ) {
    const tick = await tryTick(pair, dueAt);
    if (tick) {
      refreshMs = tick.refreshMs;
      const held = tick.rate !== null && tick.fault !== null ? `; ${tick.fault}: no order is woken` : '';
      setCurrentDetails(
        `rate ${tick.rate ?? `none (${tick.fault})`}, ${tick.woken} orders woken at the last tick${held}`,
      );
    }
    if (isOrderOpened || !tick || tick.openOrders > 0) {
      isOrderOpened = false;
      idleTicks = 0;
    } else idleTicks += 1;
    // Tested right before the return, with nothing awaited between: a signal of this same task keeps the watcher running.
    if (idleTicks >= IDLE_TICKS && !isOrderOpened) return;

    // Ticks are due at absolute times; the ones that were missed are not made up for.
    dueAt += refreshMs * Math.max(1, Math.ceil((Date.now() - dueAt) / refreshMs));
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof rateWatchWorkflow>({
        pair,
        dueAt,
        refreshMs,
        idleTicks: isOrderOpened ? 0 : idleTicks,
      });
    }
    await sleep(Math.max(1, dueAt - Date.now()), { summary: 'next tick' });
  }
}

async function tryTick(pair: string, dueAt: number): Promise<TickResult | null> {
  try {
    return await tickRateWatch(pair, dueAt);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return null;
  }
}
