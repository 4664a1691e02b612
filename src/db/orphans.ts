import { ATTEMPT_COLUMNS, type AttemptRow } from './attempts.ts';
import { type Database, inTransaction } from './client.ts';
import { lockOrder } from './orders.ts';
import { type TransitionResult, transitionLocked } from './transition.ts';

/** Closed attempts whose order at the provider is due for a look: open orphans, and closed ones for their one audit. */
export async function dueOrphans(db: Database, limit: number, auditAfterMs: number): Promise<AttemptRow[]> {
  return db<AttemptRow[]>`
    select ${db(ATTEMPT_COLUMNS)} from transactions
    where orphan_until is not null and (
      (orphan_closed_at is null and next_lookup_at <= app_now())
      or (orphan_audited_at is null and orphan_closed_at < app_now() - ${auditAfterMs} * interval '1 millisecond'))
    order by next_lookup_at limit ${limit}`;
}

/** The orphan's story has ended. */
export async function closeOrphan(db: Database, orderId: string, attempt: number): Promise<void> {
  await db`
    update transactions set orphan_closed_at = coalesce(orphan_closed_at, app_now()),
      orphan_audited_at = case when orphan_closed_at is not null then app_now() end
    where order_id = ${orderId} and attempt = ${attempt}`;
}

/** The audit found the order after all: it is followed again. */
export async function reopenOrphan(db: Database, orderId: string, attempt: number): Promise<void> {
  await db`
    update transactions set orphan_closed_at = null, orphan_audited_at = app_now()
    where order_id = ${orderId} and attempt = ${attempt}`;
}

/**
 * Money moved under a closed attempt's reference: an order that is still open ends failed, so that no further attempt follows.
 * The facts stand beside the closed attempt. Null when there is no such order.
 */
export async function failForOrphan(db: Database, orderId: string, attempt: number): Promise<TransitionResult | null> {
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, orderId);
    if (!order) return null;
    return transitionLocked(
      tx,
      order,
      {
        to: 'failed',
        dedupeKey: `orphan:g${attempt}`,
        event: 'failed',
        actor: 'reconciler',
        attempt,
        patch: { reason: 'orphan_executed' },
      },
      // A later attempt that is live may itself be on its way: closing it is not ours to do here, and everything is paused.
      async () => (await tx`select 1 from transactions where order_id = ${orderId} and closed_at is null`).length === 0,
    );
  });
}

/** The provider's customer id behind an account; null where none is known. */
export async function customerOfAccount(db: Database, accountId: string): Promise<string | null> {
  const [row] = await db<{ customerId: string | null }[]>`
    select customer_id from users join account_owners using (user_id) where account_id = ${accountId}`;
  return row?.customerId ?? null;
}
