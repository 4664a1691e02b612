import { ActivityFailure, log, proxyActivities, sleep } from '@temporalio/workflow';
import type { Activities, Errand, ErrandResult, Step } from '../activities/interface.ts';
import { CONDUIT_TASK_QUEUE } from './messages.ts';

/** Urgency on the provider's queue: what moves or stops money, what leads to it or tells of it, looks, looks that can wait. */
const PRIORITY = { send: 1, read: 2, look: 3, ownLook: 4 } as const;

/** A permit, two requests of the client's own deadline and the records around them take this long, however fast the clock. */
const MIN_DEADLINE_MS = 8_000;

/** One HTTP call each and never retried by Temporal: the attempt's own rows decide about sending again. */
function sends(summary: string, secondMs: number, priorityKey: number = PRIORITY.send) {
  return proxyActivities<Activities>({
    taskQueue: CONDUIT_TASK_QUEUE,
    startToCloseTimeout: Math.max(20 * secondMs, MIN_DEADLINE_MS),
    scheduleToCloseTimeout: '60s',
    retry: { maximumAttempts: 1 },
    priority: { priorityKey },
    summary,
  });
}

/** Longer than a send's: a rate that jumped is asked for twice, some seconds apart, and a look-up may read several pages. */
function reads(summary: string, priorityKey: number, secondMs: number) {
  return proxyActivities<Activities>({
    taskQueue: CONDUIT_TASK_QUEUE,
    startToCloseTimeout: Math.max(30 * secondMs, MIN_DEADLINE_MS),
    scheduleToCloseTimeout: '90s',
    retry: { maximumAttempts: 3, initialInterval: '1s' },
    priority: { priorityKey },
    summary,
  });
}

/** After a request that changed nothing, the plan may be the same again: never ask for it more than once a second. */
const REST_MS = 1_000;
const WITHOUT_EFFECT = new Set(['refused', 'superseded', 'throttled', 'busy', 'failed', 'gate_closed', 'elsewhere']);

/** Carries out one request to Conduit. Never throws: a failed activity is a result, and the rows know what became of it. */
export async function runErrand(orderId: string, step: Step & { next: Errand }): Promise<ErrandResult> {
  const result = await attempt(orderId, step);
  if (WITHOUT_EFFECT.has(result.result)) await sleep(REST_MS, { summary: 'rest before asking again' });
  return result;
}

async function attempt(
  orderId: string,
  { next: errand, seen, secondMs }: Step & { next: Errand },
): Promise<ErrandResult> {
  const name = seen.attempt === null ? '' : ` of attempt ${seen.attempt}`;
  try {
    switch (errand.kind) {
      case 'look':
        return await reads(
          errand.isOwn ? 'firm quote of its own accord' : 'firm quote',
          errand.isOwn ? PRIORITY.ownLook : PRIORITY.look,
          secondMs,
        ).takeFirmLook(orderId, seen);
      case 'look_up':
        return await reads(`look up${name}`, PRIORITY.read, secondMs).lookUpAttempt(orderId, seen);
      case 'send_create':
        return await sends(`create${name}`, secondMs, PRIORITY.read).sendCreate(orderId, seen);
      case 'send_execute':
        return await sends(`execute ${errand.keyNumber}${name}`, secondMs).sendExecute(orderId, seen, errand.keyNumber);
      case 'send_cancel':
        return await sends(`cancel ${errand.keyNumber}${name}`, secondMs).sendCancel(orderId, seen, errand.keyNumber);
    }
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('a request to Conduit ended without a result', { order_id: orderId, errand: errand.kind });
    return { result: 'failed', code: null };
  }
}
