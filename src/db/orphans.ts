import type { Timing } from '../domain/timing.ts';
import { ATTEMPT_COLUMNS, type AttemptRow, findLiveAttempt } from './attempts.ts';
import { type Database, inTransaction } from './client.ts';
import { lockOrder, type OrderRow } from './orders.ts';
import { addPause } from './pauses.ts';
import { fenceAttempt } from './proofs.ts';
import { transitionLocked } from './transition.ts';

/** Closed attempts whose order at the provider is due for a look: open orphans, and closed ones for their one audit. */
export async function dueOrphans(db: Database, limit: number, auditAfterMs: number): Promise<AttemptRow[]> {
  return db<AttemptRow[]>`
    select ${db(ATTEMPT_COLUMNS)} from transactions
    where orphan_until is not null and (
      (orphan_closed_at is null and next_lookup_at <= app_now())
      or (orphan_audited_at is null and orphan_closed_at < (select app_now()) - ${auditAfterMs} * interval '1 millisecond'))
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

export interface OrphanAlarm {
  /** False when this orphan has rung before: people know, and what a person resumed stays resumed. */
  readonly isNew: boolean;
  readonly order: OrderRow;
}

/**
 * Money moved under a closed attempt's reference. An order that is still open ends failed, its live attempt fenced with it, so
 * that nothing further follows; the first time everything is paused as well. An attempt that may be executing cannot be fenced:
 * then the order stays, no permit is given under the evidence, and the next pass asks again. Null when there is no such order.
 */
export async function alarmForOrphan(
  db: Database,
  orderId: string,
  attempt: number,
  timing: Timing,
): Promise<OrphanAlarm | null> {
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, orderId);
    if (!order) return null;
    const marked = await tx`
      update transactions set orphan_alarmed_at = app_now()
      where order_id = ${orderId} and attempt = ${attempt} and orphan_alarmed_at is null`;
    const live = await findLiveAttempt(tx, orderId);
    const done = await transitionLocked(
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
      async () => !live || fenceAttempt(tx, orderId, live.attempt, 'cancelled', timing),
    );
    const isNew = marked.count === 1;
    if (isNew) await addPause(tx, { scope: 'all', reason: 'orphan_executed', automatic: true, healsByProbe: false });
    return { isNew, order: done.order };
  });
}

/** The provider's customer id behind an account; null where none is known. */
export async function customerOfAccount(db: Database, accountId: string): Promise<string | null> {
  const [row] = await db<{ customerId: string | null }[]>`
    select customer_id from users join account_owners using (user_id) where account_id = ${accountId}`;
  return row?.customerId ?? null;
}
