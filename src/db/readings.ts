import type { LinkedEffect, LookupResult, Observed } from '../domain/attempt.ts';
import type { Instant } from '../domain/order.ts';
import { type Lock, observedOf, type ProviderOrder } from '../domain/provider-order.ts';
import type { SendOperation } from '../domain/replies.ts';
import { type AttemptRow, findAttempt } from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import { lockOrder } from './orders.ts';
import { addPause } from './pauses.ts';
import { type StoredReply, storeReply } from './sends.ts';

/** What a person must lift: set with the finding itself, so that no crash comes between them. */
const PAUSE = { scope: 'all', automatic: true, healsByProbe: false } as const;

/** What a body of the provider says of one attempt's order. */
export interface ProviderReading {
  readonly order: ProviderOrder;
  readonly lock: Lock;
  /** For a failed order: what its linked transactions say. */
  readonly linked: LinkedEffect | null;
  readonly raw: unknown;
}

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
 * `second_order` when it shows another order than the one that the attempt already has. A late execute and a second order
 * pause everything in the same transaction.
 */
export async function storeSendReply(db: Database, sent: SendReply): Promise<'stored' | 'late' | 'second_order'> {
  return inTransaction(db, async (tx) => {
    await lockOrder(tx, sent.orderId);
    const attempt = await findAttempt(tx, sent.orderId, sent.attempt);
    await storeReply(tx, sent.sendId, sent.reply);
    if (!attempt) return 'stored';
    await clearUnknown(tx, sent.orderId, sent.attempt);
    if (sent.reply.outcome !== 'accepted') return 'stored';
    if (sent.reading && attempt.conduitOrderId !== null && attempt.conduitOrderId !== sent.reading.order.id) {
      await addPause(tx, { ...PAUSE, reason: 'two_orders_under_reference' });
      return 'second_order';
    }
    // The provider's word on a closed attempt changes nothing but what there is to clean up.
    if (attempt.closedBy === 'reading') return 'stored';
    if (sent.operation === 'create' && sent.reading) await storeFirstReading(tx, attempt, sent.reading);
    if (sent.operation === 'execute') await raiseObserved(tx, attempt, 'claimed');
    if (attempt.closedBy !== 'fence' || sent.operation === 'cancel') return 'stored';
    await tx`
      update transactions set orphan_closed_at = null, next_lookup_at = app_now(),
        orphan_until = coalesce(orphan_until, app_now())
      where order_id = ${sent.orderId} and attempt = ${sent.attempt}`;
    if (sent.operation === 'execute') await addPause(tx, { ...PAUSE, reason: 'late_execute_reply' });
    return 'late';
  });
}

async function clearUnknown(tx: Transaction, orderId: string, attempt: number): Promise<void> {
  await tx`
    update transactions set unknown_since = null
    where order_id = ${orderId} and attempt = ${attempt} and not exists (
      select from conduit_sends where order_id = ${orderId} and attempt = ${attempt} and operation <> 'cancel'
        and (outcome is null or outcome in ('unknown', 'exists')))`;
}

/** Keeps the provider's order and what it locked; the first one read stays. */
async function storeCreated(
  tx: Transaction,
  { orderId, attempt }: AttemptRow,
  { order, lock, raw }: ProviderReading,
): Promise<void> {
  const { amounts } = lock;
  await tx`
    update transactions set
      conduit_order_id = ${order.id},
      conduit_transaction_id = coalesce(conduit_transaction_id, ${order.linkedTransactionIds[0] ?? null}),
      locked_debit = ${amounts?.debit ?? null}, locked_recipient = ${amounts?.recipient ?? null},
      locked_destination_fee = ${amounts?.destinationFee ?? null}, locked_rate = ${lock.rate}, lock_fault = ${lock.fault},
      lock_expires_at = ${lock.expiresAt}, raw_response = ${tx.json(raw as never)},
      observed = case when observed is null or observed = 'absent' then 'pending' else observed end,
      observed_begun_at = coalesce(observed_begun_at, app_now())
    where order_id = ${orderId} and attempt = ${attempt} and conduit_order_id is null`;
}

/** A create's own reply, which may be a replay: its order may have gone further by then. */
async function storeFirstReading(tx: Transaction, attempt: AttemptRow, reading: ProviderReading): Promise<void> {
  await storeCreated(tx, attempt, reading);
  const { order } = reading;
  // A failure proves nothing until its linked transactions are read: that is for a look-up.
  if (order.status === 'failed') return;
  await raiseObserved(tx, attempt, observedOf(order));
  if (order.status !== 'pending') await storeEnd(tx, attempt, reading);
}

const RANKS: Record<Observed, number> = { absent: 0, pending: 1, claimed: 2, terminal: 3 };

async function raiseObserved(tx: Transaction, { orderId, attempt, observed }: AttemptRow, to: Observed): Promise<void> {
  if (observed !== null && RANKS[observed] >= RANKS[to]) return;
  await tx`
    update transactions set observed = ${to}, observed_begun_at = app_now() where order_id = ${orderId} and attempt = ${attempt}`;
}

export interface Lookup {
  readonly orderId: string;
  readonly attempt: number;
  readonly result: LookupResult;
  /** The database's clock before the request left. */
  readonly begunAt: Instant;
  readonly reading: ProviderReading | null;
  readonly nextLookupAt: Instant;
}

/**
 * Stores one look-up. The newest result is bookkeeping; the strongest reading only ever rises, so that a lagging read never
 * undoes what was seen. A terminal reading is kept with its end.
 */
export async function storeLookup(db: Database, lookup: Lookup): Promise<void> {
  await inTransaction(db, async (tx) => {
    await lockOrder(tx, lookup.orderId);
    const attempt = await findAttempt(tx, lookup.orderId, lookup.attempt);
    if (!attempt) return;
    const { reading } = lookup;
    await tx`
      update transactions set lookup_result = ${lookup.result}, lookup_begun_at = ${lookup.begunAt},
        next_lookup_at = ${lookup.nextLookupAt}
      where order_id = ${lookup.orderId} and attempt = ${lookup.attempt}`;
    if (lookup.result === 'absent') await raiseObserved(tx, attempt, 'absent');
    // Another order than the attempt's says nothing of it.
    if (!reading || (attempt.conduitOrderId !== null && attempt.conduitOrderId !== reading.order.id)) return;
    await storeCreated(tx, attempt, reading);
    await raiseObserved(tx, attempt, observedOf(reading.order));
    if (reading.order.status !== 'pending') await storeEnd(tx, attempt, reading);
  });
}

/**
 * The first end read is the end; only what the linked transactions of a failure say may still become clear. One that was read as
 * completed has moved money, whatever a later read shows.
 */
async function storeEnd(
  tx: Transaction,
  { orderId, attempt }: AttemptRow,
  { order, lock, linked }: ProviderReading,
): Promise<void> {
  const isSettled = order.status === 'succeeded';
  await tx`
    update transactions set
      end_kind = ${order.status}, end_code = ${order.status === 'failed' ? order.failureCode : order.cancellationReason},
      end_linked = case
        when end_linked = 'completed' then 'completed'
        -- "None" after "open" is a read that lags.
        when end_linked = 'open' and ${linked} = 'none' then 'open'
        else ${order.status === 'failed' ? linked : null} end,
      -- To the millisecond, as everybody who compares it reads it.
      end_first_read_at = coalesce(end_first_read_at, date_trunc('milliseconds', app_now())),
      conduit_transaction_id = coalesce(${order.linkedTransactionIds[0] ?? null}, conduit_transaction_id),
      settled_debit = ${isSettled ? (lock.amounts?.debit ?? null) : null},
      settled_recipient = ${isSettled ? (lock.amounts?.recipient ?? null) : null},
      unknown_since = null
    where order_id = ${orderId} and attempt = ${attempt} and (end_kind is null or end_kind = ${order.status})`;
}
