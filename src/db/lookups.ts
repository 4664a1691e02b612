import type { LookupResult } from '../domain/attempt.ts';
import type { Instant } from '../domain/order.ts';
import { type AttemptRow, findAttempt, isMoneyMoving } from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import { lockOrder, type OrderRow } from './orders.ts';
import { addPause, FOR_A_PERSON } from './pauses.ts';
import {
  doubtAbout,
  keepLinked,
  type ProviderReading,
  type ReadingStored,
  raiseObserved,
  storeReading,
} from './readings.ts';

export interface Lookup {
  readonly orderId: string;
  readonly attempt: number;
  readonly result: LookupResult;
  /** The database's clock before the request left. */
  readonly begunAt: Instant;
  readonly reading: ProviderReading | null;
  readonly nextLookupAt: Instant;
}

/** `second_order`, `contradicted`: what was read cannot be, next to what was read before; it is told the first time. */
export type LookupStored = ReadingStored | 'second_order' | 'contradicted';

/**
 * Stores one look-up. The newest result is bookkeeping; the strongest reading only ever rises, so that a lagging read never
 * undoes what was seen. A terminal reading is kept with its end. What cannot be next to what is known proves nothing, and pauses
 * everything.
 */
export async function storeLookup(db: Database, lookup: Lookup): Promise<LookupStored> {
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, lookup.orderId);
    const attempt = await findAttempt(tx, lookup.orderId, lookup.attempt);
    if (!order || !attempt) return 'stored';
    const { reading } = lookup;
    const doubt = reading && doubtAbout(attempt, reading);
    await storeResult(tx, attempt, doubt ? { ...lookup, result: 'ambiguous' } : lookup);
    if (doubt === 'contradicted') {
      await keepLinked(tx, attempt, reading?.order.linkedTransactionIds ?? []);
      const hasMoved = reading?.order.status === 'succeeded' || reading?.linked?.effect === 'completed';
      // A success says so already.
      if (hasMoved && attempt.endKind !== 'succeeded') await noteMoneyMoved(tx, attempt);
    }
    if (doubt) {
      await followIfMoving(tx, order, attempt);
      // What a person has seen and resumed stays resumed.
      if (attempt.lookupResult === 'ambiguous') return 'stored';
      await addPause(tx, {
        ...FOR_A_PERSON,
        reason: doubt === 'second_order' ? 'two_orders_under_reference' : 'end_contradicted',
      });
      return doubt;
    }
    if (lookup.result === 'absent') await raiseObserved(tx, attempt, 'absent');
    if (!reading) return 'stored';
    const stored = await storeReading(tx, attempt, reading, lookup.begunAt);
    await followIfMoving(tx, order, attempt);
    return stored;
  });
}

/** Two look-ups may overlap: the one that began later is the newest, whichever ends first. One that read nothing leaves a doubt as it is. */
async function storeResult(
  tx: Transaction,
  { orderId, attempt, lookupBegunAt, lookupResult }: AttemptRow,
  { result, begunAt, nextLookupAt }: Lookup,
): Promise<void> {
  if (lookupBegunAt !== null && begunAt < lookupBegunAt) {
    await tx`
      update transactions set next_lookup_at = greatest(next_lookup_at, ${nextLookupAt})
      where order_id = ${orderId} and attempt = ${attempt}`;
    return;
  }
  const kept = result === 'unavailable' && lookupResult === 'ambiguous' ? lookupResult : result;
  await tx`
    update transactions set lookup_result = ${kept}, lookup_begun_at = ${begunAt}, next_lookup_at = ${nextLookupAt}
    where order_id = ${orderId} and attempt = ${attempt}`;
}

/** Money that moved, beside another end: which of the two holds is for a person, but nothing is tried again. */
async function noteMoneyMoved(tx: Transaction, { orderId, attempt }: AttemptRow): Promise<void> {
  await tx`
    update transactions set end_linked = 'completed', end_read_again_at = null
    where order_id = ${orderId} and attempt = ${attempt}`;
}

/** Money that moves under an attempt we had closed: somebody must be called, and nothing more may follow. */
async function followIfMoving(tx: Transaction, order: OrderRow, before: AttemptRow): Promise<void> {
  const { orderId, attempt } = before;
  if (before.closedBy === null || before.status === 'succeeded') return;
  // Of an order that has ended people know already, unless this is news.
  if (order.closedAt !== null && isMoneyMoving(before)) return;
  const after = await findAttempt(tx, orderId, attempt);
  if (!after || !isMoneyMoving(after)) return;
  await tx`
    update transactions set orphan_until = coalesce(orphan_until, app_now()), orphan_closed_at = null,
      next_lookup_at = case when orphan_until is not null and orphan_closed_at is null then next_lookup_at else app_now() end
    where order_id = ${orderId} and attempt = ${attempt}`;
}
