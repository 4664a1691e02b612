import type { SendOperation } from '../domain/replies.ts';
import { findAttempt } from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import { databaseNow } from './clock.ts';
import { lockOrder } from './orders.ts';
import { addPause, FOR_A_PERSON } from './pauses.ts';
import { doubtAbout, type ProviderReading, type ReadingStored, raiseObserved, storeReading } from './readings.ts';
import { type StoredReply, storeReply } from './sends.ts';

export interface SendReply {
  readonly orderId: string;
  readonly attempt: number;
  readonly sendId: string;
  readonly operation: SendOperation;
  readonly reply: StoredReply;
  /** The provider's order in a 2xx reply. */
  readonly reading: ProviderReading | null;
}

/**
 * Stores a send's own reply and what it shows, under the order's lock. Returns `late` when it is a 2xx for an attempt that was
 * closed by a fence meanwhile: the provider's order is then an orphan (again), and for an execute money may be moving;
 * `second_order` when it shows another order than the one that the attempt already has; `auto_execute` when that order may execute by
 * itself. A late execute, a second order and such a one pause everything in the same transaction.
 */
export async function storeSendReply(db: Database, sent: SendReply): Promise<ReadingStored | 'late' | 'second_order'> {
  return inTransaction(db, async (tx) => {
    await lockOrder(tx, sent.orderId);
    const attempt = await findAttempt(tx, sent.orderId, sent.attempt);
    await storeReply(tx, sent.sendId, sent.reply);
    if (!attempt) return 'stored';
    await clearUnknown(tx, sent.orderId, sent.attempt);
    if (sent.reply.outcome !== 'accepted') return 'stored';
    if (sent.reading && attempt.conduitOrderId !== null && attempt.conduitOrderId !== sent.reading.order.id) {
      await addPause(tx, { ...FOR_A_PERSON, reason: 'two_orders_under_reference' });
      return 'second_order';
    }
    // The provider's word on a closed attempt changes nothing but what there is to clean up.
    if (attempt.closedBy === 'reading') return 'stored';
    // It may be a replay: its order may have gone further by then, and a later end is a look-up's to tell.
    const isNews = sent.operation === 'create' && sent.reading && !doubtAbout(attempt, sent.reading);
    const news = isNews ? sent.reading : null;
    const stored = news ? await storeReading(tx, attempt, news, await databaseNow(tx)) : 'stored';
    if (sent.operation === 'execute') await raiseObserved(tx, attempt, 'claimed');
    if (attempt.closedBy !== 'fence' || sent.operation === 'cancel') return stored;
    await tx`
      update transactions set orphan_closed_at = null, next_lookup_at = app_now(),
        orphan_until = coalesce(orphan_until, app_now())
      where order_id = ${sent.orderId} and attempt = ${sent.attempt}`;
    if (sent.operation === 'execute') await addPause(tx, { ...FOR_A_PERSON, reason: 'late_execute_reply' });
    return stored === 'auto_execute' ? stored : 'late';
  });
}

async function clearUnknown(tx: Transaction, orderId: string, attempt: number): Promise<void> {
  await tx`
    update transactions set unknown_since = null
    where order_id = ${orderId} and attempt = ${attempt} and not exists (
      select from conduit_sends where order_id = ${orderId} and attempt = ${attempt} and operation <> 'cancel'
        and (outcome is null or outcome in ('unknown', 'exists')))`;
}
