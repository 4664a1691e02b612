import { attemptReference } from '../domain/ids.ts';
import type { OrderReason, Seen } from '../domain/order.ts';
import type { QuoteOption } from '../domain/quote.ts';
import { type Amounts, allInRate } from '../domain/rate.ts';
import { attemptCounts, findLiveAttempt, insertAttempt } from './attempts.ts';
import { type Database, inTransaction } from './client.ts';
import type { OrderPatch } from './orders.ts';
import { lockOrder } from './orders.ts';
import { isPausedUnderLock } from './pauses.ts';
import { isMovingElsewhere } from './proofs.ts';
import { type TransitionResult, transitionLocked } from './transition.ts';

export interface MissedLook {
  readonly orderId: string;
  readonly seen: Seen;
  /** The look in words: a quote's id, or the pause or failure that stood in its way at that version. */
  readonly fact: string;
  readonly reason: OrderReason;
  readonly code: string | null;
  readonly look: NonNullable<OrderPatch['look']>;
}

/** Records a firm look that does not lead to an attempt. */
export async function recordMiss(db: Database, miss: MissedLook): Promise<TransitionResult | null> {
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, miss.orderId);
    if (!order) return null;
    return transitionLocked(tx, order, {
      to: 'watching',
      seen: miss.seen,
      dedupeKey: `look:${miss.fact}`,
      event: 'looked',
      actor: 'workflow',
      detail: { rate: miss.look.rate, quote: miss.fact },
      patch: { reason: miss.reason, providerCode: miss.code, look: miss.look },
    });
  });
}

export interface HitLook {
  readonly orderId: string;
  readonly seen: Seen;
  readonly option: QuoteOption;
  readonly amounts: Amounts;
  readonly baseUrl: string;
  readonly organisation: string;
  readonly look: NonNullable<OrderPatch['look']>;
  /** At most this many attempts within an hour. */
  readonly maxAttempts: number;
}

const HOUR_MS = 3_600_000;

/** Whether the order has used its attempts of this hour. Asked before a quote is paid for, and again under the lock. */
export async function isAtAttemptLimit(db: Database, orderId: string, maxAttempts: number): Promise<boolean> {
  return (await attemptCounts(db, orderId, HOUR_MS)).recent >= maxAttempts;
}

/**
 * Mints the next attempt from a quote that meets the condition, under the order's lock; there is never a second live one. The
 * number comes from the table, never from a workflow's memory. `limited`: too many attempts within the hour.
 */
export async function prepareAttempt(
  db: Database,
  hit: HitLook,
): Promise<TransitionResult | 'limited' | 'paused' | null> {
  const { orderId, option, amounts } = hit;
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, orderId);
    if (!order) return null;
    if (await findLiveAttempt(tx, orderId)) return { result: 'already_applied' as const, order };
    const { highest, recent } = await attemptCounts(tx, orderId, HOUR_MS);
    if (recent >= hit.maxAttempts) return 'limited';
    const isPaused = await isPausedUnderLock(tx, [
      'all',
      `pair:${order.pair}`,
      `account:${order.sourceAccount}`,
      `account:${order.destinationAccount}`,
    ]);
    if (isPaused) return 'paused';
    const attempt = highest + 1;
    const rate = allInRate(amounts);
    return transitionLocked(
      tx,
      order,
      {
        to: 'watching',
        seen: hit.seen,
        dedupeKey: `look:${option.quoteId}`,
        event: 'attempt_prepared',
        actor: 'workflow',
        attempt,
        detail: { rate, quote: option.quoteId },
        patch: { reason: null, providerCode: null, look: hit.look },
      },
      async () => {
        if (order.cancelRefusedAt !== null || (await isMovingElsewhere(tx, orderId, attempt))) return false;
        await insertAttempt(tx, {
          orderId,
          attempt,
          reference: attemptReference(orderId, attempt),
          baseUrl: hit.baseUrl,
          organisation: hit.organisation,
          quoteId: option.quoteId,
          quoteOptionId: option.optionId,
          quoteRate: option.endUserRate,
          optionExpiresAt: option.expiresAt,
          quotedDebit: amounts.debit,
          quotedRecipient: amounts.recipient,
          quotedDestinationFee: amounts.destinationFee,
          fees: option.fees,
          direction: order.direction,
          targetRate: order.targetRate,
          floorRate: order.floorRate,
          allInRate: rate,
        });
        return true;
      },
    );
  });
}

/** Moves the order's own look to at least `byMs` from now. Bookkeeping: no version, no event. */
export async function postponeLook(db: Database, orderId: string, byMs: number): Promise<void> {
  await db`
    update orders set look_due_at = greatest(look_due_at, app_now() + ${byMs} * interval '1 millisecond')
    where order_id = ${orderId}`;
}
