import type { LinkedEffect, Observed } from '../domain/attempt.ts';
import { failureAfter } from '../domain/failure.ts';
import type { Instant } from '../domain/order.ts';
import { type Lock, observedOf, type ProviderOrder } from '../domain/provider-order.ts';
import { type AttemptRow, endOf } from './attempts.ts';
import type { Transaction } from './client.ts';
import { databaseNow } from './clock.ts';
import { addPause, FOR_A_PERSON } from './pauses.ts';

// What the rows keep of the provider's word on an attempt's order, under the order's lock. It only ever becomes stronger.

/** What a body of the provider says of one attempt's order. */
export interface ProviderReading {
  readonly order: ProviderOrder;
  readonly lock: Lock;
  /** For a failed order: what the transactions say that this or an earlier reading has shown as linked to it. */
  readonly linked: { readonly effect: LinkedEffect; readonly transactionIds: readonly string[] } | null;
  readonly raw: unknown;
}

/** `auto_execute`: the provider's order may execute by itself, and that is news. */
export type ReadingStored = 'stored' | 'auto_execute';

/** Keeps a reading that is in no {@link doubtAbout}. `begunAt`: the database's clock before its request left. */
export async function storeReading(
  tx: Transaction,
  attempt: AttemptRow,
  reading: ProviderReading,
  begunAt: Instant,
): Promise<ReadingStored> {
  const { order } = reading;
  const isNew = await storeCreated(tx, attempt, reading);
  const stored = isNew && reading.lock.fault === 'auto_execute' ? 'auto_execute' : 'stored';
  // It may be executing now, and whoever fences its attempt has stopped nothing: no money moves until a person has looked.
  if (stored === 'auto_execute') await addPause(tx, { ...FOR_A_PERSON, reason: 'auto_execute_ignored' });
  await keepLinked(tx, attempt, order.linkedTransactionIds);
  // A failure proves nothing until its linked transactions are read.
  if (order.status === 'failed' && reading.linked === null) return stored;
  await raiseObserved(tx, attempt, observedOf(order));
  if (order.status !== 'pending') await storeEnd(tx, attempt, reading, begunAt);
  return stored;
}

/** Why a reading cannot be, next to what was read before: of two orders under one reference nothing is concluded, nor of two ends. */
export function doubtAbout(attempt: AttemptRow, { order }: ProviderReading): 'second_order' | 'contradicted' | null {
  if (attempt.conduitOrderId !== null && attempt.conduitOrderId !== order.id) return 'second_order';
  const isOtherEnd = attempt.endKind !== null && order.status !== 'pending' && order.status !== attempt.endKind;
  return isOtherEnd ? 'contradicted' : null;
}

/** Keeps the provider's order and what it locked; the first one read stays. Whether this one did. */
async function storeCreated(
  tx: Transaction,
  { orderId, attempt }: AttemptRow,
  { order, lock, raw }: ProviderReading,
): Promise<boolean> {
  const { amounts } = lock;
  const rows = await tx`
    update transactions set
      conduit_order_id = ${order.id},
      locked_debit = ${amounts?.debit ?? null}, locked_recipient = ${amounts?.recipient ?? null},
      locked_destination_fee = ${amounts?.destinationFee ?? null}, locked_rate = ${lock.rate}, lock_fault = ${lock.fault},
      lock_expires_at = ${lock.expiresAt}, raw_response = ${tx.json(raw as never)},
      observed = case when observed is null or observed = 'absent' then 'pending' else observed end,
      observed_begun_at = coalesce(observed_begun_at, app_now())
    where order_id = ${orderId} and attempt = ${attempt} and conduit_order_id is null`;
  return rows.count === 1;
}

/** Transactions that were shown once are read for good, whether or not a later reading shows them. */
export async function keepLinked(tx: Transaction, attempt: AttemptRow, shown: readonly string[]): Promise<void> {
  const all = [...new Set([...attempt.linkedTransactionIds, ...shown])];
  if (all.length === attempt.linkedTransactionIds.length) return;
  await tx`
    update transactions set linked_transaction_ids = ${all}, conduit_transaction_id = coalesce(conduit_transaction_id, ${all[0] ?? null})
    where order_id = ${attempt.orderId} and attempt = ${attempt.attempt}`;
}

const RANKS: Record<Observed, number> = { absent: 0, pending: 1, claimed: 2, terminal: 3 };

export async function raiseObserved(
  tx: Transaction,
  { orderId, attempt, observed }: AttemptRow,
  to: Observed,
): Promise<void> {
  if (observed !== null && RANKS[observed] >= RANKS[to]) return;
  const isResolved = RANKS[to] >= RANKS.claimed;
  await tx`
    update transactions set observed = ${to}, observed_begun_at = app_now(), unknown_since = ${isResolved ? null : tx`unknown_since`}
    where order_id = ${orderId} and attempt = ${attempt}`;
}

/** The first end read is the end; only what the linked transactions of a failure say may still become clear. */
async function storeEnd(
  tx: Transaction,
  attempt: AttemptRow,
  { order, lock, linked }: ProviderReading,
  begunAt: Instant,
): Promise<void> {
  const { orderId, attempt: number } = attempt;
  const now = await databaseNow(tx);
  const isSettled = order.status === 'succeeded';
  const known = endOf(attempt);
  const failure =
    order.status === 'failed'
      ? failureAfter(
          {
            end: known?.kind === 'failed' ? known : null,
            transactionIds: attempt.linkedTransactionIds,
            readAt: attempt.lookupBegunAt,
          },
          {
            code: order.failureCode,
            linked: linked?.effect ?? 'open',
            transactionIds: linked?.transactionIds ?? [],
            begunAt,
          },
          now,
        )
      : null;
  await tx`
    update transactions set
      end_kind = ${order.status}, end_code = ${failure ? failure.code : order.cancellationReason},
      end_linked = ${failure ? failure.linked : attempt.endLinked},
      end_first_read_at = ${failure?.firstReadAt ?? attempt.endFirstReadAt ?? now}, end_read_again_at = ${failure?.readAgainAt ?? null},
      settled_debit = ${isSettled ? (lock.amounts?.debit ?? null) : null},
      settled_recipient = ${isSettled ? (lock.amounts?.recipient ?? null) : null},
      unknown_since = null
    where order_id = ${orderId} and attempt = ${number}`;
}
