import { cancelOrder } from '../db/cancel.ts';
import type { Database } from '../db/client.ts';
import { wasTakenBack } from '../db/inbox.ts';
import type { OrderRow } from '../db/orders.ts';
import { applyRecord } from '../db/records.ts';
import { type LoadedSituation, loadSituation } from '../db/situations.ts';
import { decide } from '../domain/decide.ts';
import type { Instant, Order } from '../domain/order.ts';
import type { Action, RecordPlan, Situation } from '../domain/plan.ts';
import type { Timing } from '../domain/timing.ts';
import { type Bell, ringAlarms } from './bell.ts';
import type { Activities, Hints, Step } from './interface.ts';

export interface AdvanceDeps {
  readonly db: Database;
  readonly timing: Timing;
  readonly rateRefreshMs: number;
  readonly bell: Bell;
  /** Tells the cache about a row that has just changed. Never fails. */
  readonly cacheOrder: (orderId: string) => Promise<void>;
}

/** More records than an order can need in one go: reaching it means that a plan repeats itself. */
const MAX_RECORDS = 12;

type AdvanceActivities = Pick<Activities, 'advanceOrder' | 'cancelOrderForOperator'>;

/**
 * The record activities. The plan is made here, beside the row, and not in the workflow: so the rules may change without breaking
 * the replay of runs that wait, and a run's history holds what was decided instead of everything it was decided from.
 */
export function createAdvanceActivities({
  db,
  timing,
  rateRefreshMs,
  bell,
  cacheOrder,
}: AdvanceDeps): AdvanceActivities {
  async function advanceOrder(orderId: string, hints: Hints): Promise<Step> {
    const recorded: string[] = [];
    const options = { isLookWanted: hints.isLookWanted, compareRate: hints.isFirst, rateMaxAgeMs: 2 * rateRefreshMs };
    for (let count = 0; count < MAX_RECORDS; count += 1) {
      const loaded = await loadSituation(db, orderId, options);
      if (!loaded) throw new Error(`there is no order ${orderId}`);
      const action = decide(loaded.situation, loaded.now, timing);
      if (action.kind !== 'record') return stepOf(loaded, action, recorded, timing);

      const result = await applyRecord(db, orderId, loaded.seen, action.record, timing);
      if (result?.result !== 'applied') continue; // The row moved on, or a proof did not hold: plan again from what is there.
      recorded.push(`${action.record.kind} → ${result.order.status} (version ${result.order.version})`);
      await announce(loaded, action.record, result.order);
    }
    throw new Error(`order ${orderId}: ${MAX_RECORDS} records in one go: ${recorded.join(', ')}`);
  }

  async function announce(loaded: LoadedSituation, record: RecordPlan, order: OrderRow): Promise<void> {
    const fields = { order_id: order.id, status: order.status, attempt: loaded.seen.attempt, code: order.providerCode };
    bell.recorded(record.kind, order.status, loaded.row.status, fields);
    await cacheOrder(order.id);
    if (record.kind === 'adopt_created' && record.isLost) bell.alert('lost_row_adopted', fields);
    if (record.kind === 'fail_attempt' && record.reason === 'cancelled_by_provider')
      bell.alert('cancelled_by_provider', fields);
    if (record.kind === 'fence' && record.reason === 'account_changed') bell.alert('account_changed', fields);
    // A pause that heals by itself may be over, and set anew, before anybody sees that it is there.
    if ('pause' in record && record.pause !== null) bell.alert('access_refused', fields);
    // What was told before we knew of the success could not be told apart from the way there.
    if (record.kind === 'complete' && (await wasTakenBack(db, order.id).catch(() => false)))
      bell.alert('transaction_after_success', fields);
    await ringAlarms(db, bell, { orderId: order.id });
  }

  async function cancelOrderForOperator(orderId: string): Promise<string> {
    const answered = await cancelOrder(db, orderId, 'operator', timing);
    if (answered?.isNew) bell.recorded('cancel', 'cancelled', 'watching', { order_id: orderId, status: 'cancelled' });
    if (answered) await cacheOrder(orderId);
    return answered?.answer ?? 'order_not_found';
  }

  return { advanceOrder, cancelOrderForOperator };
}

function stepOf(
  { row, situation, seen, now }: LoadedSituation,
  action: Exclude<Action, { kind: 'record' }>,
  recorded: string[],
  timing: Timing,
): Step {
  const next = action.kind === 'sleep' ? ({ kind: 'sleep', waitingFor: action.waitingFor } as const) : action;
  const deadline = nextDeadline(row, now, timing);
  const wakeAt = action.kind === 'sleep' ? Math.min(action.until, deadline) : deadline;
  return {
    status: row.status,
    reason: row.reason,
    seen,
    next,
    wakeInMs: Math.max(0, wakeAt - now),
    secondMs: timing.secondMs,
    recorded,
    terms: termsOf(row),
    summary: summaryOf(situation, row, action),
  };
}

/** Whatever a run waits for, it wakes for the fence and for expiry; after that at the latest once a minute. */
function nextDeadline(order: Order, now: Instant, timing: Timing): Instant {
  const fenceAt = order.expiresAt - timing.sendMarginMs;
  if (now < fenceAt) return fenceAt;
  return now < order.expiresAt ? order.expiresAt : now + 60 * timing.secondMs;
}

const WAITING_FOR = {
  rate: (order: OrderRow) =>
    `waits for an all-in rate ${order.direction} ${order.targetRate}; last look ${order.lastLookRate ?? 'none'}`,
  expiry: () => 'waits for its expiry; nothing can be sent in time any more',
  pause: () => 'waits for a pause to be lifted',
  alarm: () => 'waits for the alarm to end it: money was seen to move under an attempt that is closed',
  gate: () => 'waits until the provider takes calls again',
  retry: () => 'waits to send again',
  look_up: () => 'waits for the next look-up at Conduit',
  funds: () => 'waits for funds in the source account',
} as const;

/** A run that goes on as a new one has none of the words that the first was started with. */
function termsOf({ amount, pair, direction, targetRate, expiresAt }: OrderRow): string {
  return `${amount} ${pair} at ${direction} ${targetRate}, until ${new Date(expiresAt).toISOString()}`;
}

function summaryOf({ isPaused }: Situation, row: OrderRow, action: Action): string {
  if (action.kind === 'done') return `${row.status}${row.reason ? ` (${row.reason})` : ''}`;
  if (action.kind === 'sleep' && action.waitingFor === 'rate' && isPaused)
    return `${WAITING_FOR.rate(row)}; under a pause now`;
  return action.kind === 'sleep' ? WAITING_FOR[action.waitingFor](row) : action.kind.replaceAll('_', ' ');
}
