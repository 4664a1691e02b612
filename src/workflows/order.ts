import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Errand, Step } from '../activities/interface.ts';
import { runErrand } from './errands.ts';
import {
  attemptDue,
  cancelRequested,
  conduitOrderChanged,
  ORDER_STATUS,
  type OrderInput,
  type OrderOutcome,
  orderChanged,
  orderState,
  rateCrossed,
} from './messages.ts';
import { records } from './records.ts';

/** What has reached the run and was not read yet. Handlers only note facts here; the loop alone acts. */
interface News {
  isAny: boolean;
  isRateCrossed: boolean;
  isCancelRequested: boolean;
  /** At most one request that has an effect, and one that only reads: a slow look-up must not hold up a cancel. */
  readonly underWay: { send: boolean; read: boolean };
  summary: string;
}

/** The shortest wait: a timer that fires a little early must not become a busy loop. */
const MIN_WAIT_MS = 100;

/**
 * One run per order, able to begin from any row. The row decides: every round brings the row's records up to date, is told what
 * comes next, starts that if nothing is under way, and waits for news or the next deadline.
 */
export async function orderWorkflow({ orderId }: OrderInput): Promise<OrderOutcome> {
  const news = listenForNews();
  // Temporal's own cancellation is a request like the signal: the order is then cancelled in its row, if it still can be.
  CancellationScope.current().cancelRequested.catch(() => note(news, 'isCancelRequested'));
  return CancellationScope.nonCancellable(() => followRow(orderId, news));
}

async function followRow(orderId: string, news: News): Promise<OrderOutcome> {
  let shownStatus: string | null = null;
  let isLookWanted = false;
  for (let round = 1; ; round += 1) {
    isLookWanted ||= news.isRateCrossed;
    news.isAny = news.isRateCrossed = false;
    if (news.isCancelRequested) {
      news.isCancelRequested = false;
      await records.cancelOrderForOperator(orderId);
    }
    // Nothing is lost with the news that is left: the next run reads the row and compares the rate when it begins.
    if (workflowInfo().continueAsNewSuggested && round > 1 && !news.underWay.send && !news.underWay.read) {
      await condition(allHandlersFinished);
      if (!news.isCancelRequested) await continueAsNew<typeof orderWorkflow>({ orderId });
    }
    const step = await records.advanceOrder(orderId, { isLookWanted, isFirst: round === 1 });
    shownStatus = show(step, shownStatus, news);
    if (step.next.kind === 'done') return { status: step.status, reason: step.reason };

    const isBusy = isErrand(step) && news.underWay[laneOf(step.next)];
    // A crossing that meets a closed gate, or a request under way, waits with it: that quote may be older than the crossing.
    // One that meets a live attempt is old news when that ends.
    isLookWanted &&= isBusy ? step.next.kind === 'look' : isGateAwaited(step);
    if (isErrand(step) && !isBusy) startErrand(orderId, step, news);
    await condition(() => news.isAny, Math.max(MIN_WAIT_MS, step.wakeInMs), { summary: step.summary });
  }
}

function isErrand(step: Step): step is Step & { next: Errand } {
  return step.next.kind !== 'sleep' && step.next.kind !== 'done';
}

function isGateAwaited({ next }: Step): boolean {
  return next.kind === 'sleep' && next.waitingFor === 'gate';
}

function laneOf(errand: Errand): 'send' | 'read' {
  return errand.kind === 'look' || errand.kind === 'look_up' ? 'read' : 'send';
}

/** A request to Conduit never holds the loop, and its end is news like any other. */
function startErrand(orderId: string, step: Step & { next: Errand }, news: News): void {
  const lane = laneOf(step.next);
  news.underWay[lane] = true;
  void runErrand(orderId, step).then(({ result }) => {
    news.underWay[lane] = false;
    // The provider put the look off: the crossing waits for the gate, where a look that was answered would have used it up.
    note(news, step.next.kind === 'look' && !step.next.isOwn && result === 'gate_closed' ? 'isRateCrossed' : undefined);
  });
}

/** Every handler is set synchronously, before the first await, so that no early signal is lost. */
function listenForNews(): News {
  const news: News = {
    isAny: false,
    isRateCrossed: false,
    isCancelRequested: false,
    underWay: { send: false, read: false },
    summary: 'begins',
  };
  setHandler(rateCrossed, () => note(news, 'isRateCrossed'), { description: 'the watcher: the trigger was crossed' });
  setHandler(cancelRequested, () => note(news, 'isCancelRequested'), {
    description: 'cancel the order as its customer would',
  });
  setHandler(orderChanged, () => note(news), { description: 'the row was changed by somebody else' });
  setHandler(conduitOrderChanged, () => note(news), { description: 'a webhook spoke of this order' });
  setHandler(attemptDue, () => note(news), { description: 'the reconciler: nobody goes on with the attempt' });
  setHandler(orderState, () => news.summary, { description: 'what the order waits for' });
  return news;
}

function note(news: News, what?: 'isRateCrossed' | 'isCancelRequested'): void {
  news.isAny = true;
  if (what) news[what] = true;
}

/** Makes the Web UI readable; nothing depends on it. */
function show(step: Step, shownStatus: string | null, news: News): string {
  news.summary = `${step.status}: ${step.summary}`;
  setCurrentDetails(`**${step.status}**${step.reason ? ` (${step.reason})` : ''} — ${step.summary}\n\n${step.terms}`);
  if (step.status !== shownStatus) upsertSearchAttributes([{ key: ORDER_STATUS, value: step.status }]);
  return step.status;
}
