import type { LookupResult, Observed } from '../domain/attempt.ts';
import type { Instant, OrderStatus } from '../domain/order.ts';
import type { Timing } from '../domain/timing.ts';
import { ATTEMPT_COLUMNS, type AttemptRow, findAttempt, findLiveAttempt, isMoneyMoving } from './attempts.ts';
import { type Database, inTransaction } from './client.ts';
import { lockOrder, type OrderRow } from './orders.ts';
import { addPause, FOR_A_PERSON } from './pauses.ts';
import { fenceAttempt } from './proofs.ts';
import { transitionLocked } from './transition.ts';

/** Closed attempts whose order at the provider is due for a look: open orphans, and closed ones for their one audit. */
export async function dueOrphans(db: Database, limit: number, auditAfterMs: number): Promise<AttemptRow[]> {
  return db<AttemptRow[]>`
    select ${db(ATTEMPT_COLUMNS)} from transactions
    where orphan_until is not null and (
      (orphan_closed_at is null and next_lookup_at <= app_now())
      or (orphan_audited_at is null and orphan_closed_at < (select app_now()) - ${auditAfterMs} * interval '1 millisecond'
        and coalesce(next_lookup_at, '-infinity') <= app_now()))
    order by next_lookup_at limit ${limit}`;
}

/**
 * The orphan's story has ended, if its row says so under the lock and nobody has opened it again since it was read; of one that was
 * read as closed this was the audit. False when it goes on.
 */
export async function closeOrphan(
  db: Database,
  { orderId, attempt, orphanClosedAt }: Pick<AttemptRow, 'orderId' | 'attempt' | 'orphanClosedAt'>,
  hasEnded: (row: AttemptRow) => boolean,
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, orderId);
    const row = await findAttempt(tx, orderId, attempt);
    if (!order || !row) return false;
    // Its alarm has not ended the order yet: nobody else may, so this is asked again.
    if (order.closedAt === null && isMoneyMoving(row)) return false;
    // Somebody else has closed it meanwhile, or opened it again.
    if (row.orphanClosedAt !== orphanClosedAt) return row.orphanClosedAt !== null;
    if (!hasEnded(row)) return false;
    await tx`
      update transactions set orphan_closed_at = coalesce(orphan_closed_at, app_now()),
        orphan_audited_at = case when ${orphanClosedAt !== null} then app_now() end
      where order_id = ${orderId} and attempt = ${attempt}`;
    return true;
  });
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
  /** Whether this ended the order. */
  readonly hasEnded: boolean;
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
    const silent = await tx`
      select from transactions where order_id = ${orderId} and attempt = ${attempt} and orphan_alarmed_at is null`;
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
    const isNew = silent.count === 1;
    if (isNew) await addPause(tx, { ...FOR_A_PERSON, reason: 'orphan_executed' });
    return { isNew, hasEnded: done.result === 'applied', order: done.order };
  });
}

/** People were called. Told after the call: a crash between the two calls them twice, never not at all. */
export async function markOrphanAlarmed(db: Database, orderId: string, attempt: number): Promise<void> {
  await db`update transactions set orphan_alarmed_at = app_now() where order_id = ${orderId} and attempt = ${attempt}`;
}

/** The provider's customer id behind an account; null where none is known. */
export async function customerOfAccount(db: Database, accountId: string): Promise<string | null> {
  const [row] = await db<{ customerId: string | null }[]>`
    select customer_id from users join account_owners using (user_id) where account_id = ${accountId}`;
  return row?.customerId ?? null;
}

/** An attempt that is closed here, and whose order at the provider is not known to have ended. */
export interface OpenOrphan {
  readonly orderId: string;
  readonly attempt: number;
  readonly organisation: string;
  readonly baseUrl: string;
  readonly conduitOrderId: string | null;
  readonly since: Instant | null;
  readonly until: Instant;
  readonly observed: Observed | null;
  readonly lookupResult: LookupResult | null;
  readonly lookupBegunAt: Instant | null;
}

/** The open orphans, the oldest first. */
export async function listOpenOrphans(db: Database, limit: number): Promise<OpenOrphan[]> {
  return db<OpenOrphan[]>`
    select order_id, attempt, organisation, base_url, conduit_order_id, closed_at as since, orphan_until as until, observed,
      lookup_result, lookup_begun_at
    from transactions where orphan_until is not null and orphan_closed_at is null
    order by closed_at, order_id limit ${limit}`;
}

/** Has a fenced attempt followed as an orphan, again if its story was thought to have ended. */
export async function followAgain(db: Database, orderId: string, attempt: number): Promise<void> {
  await db`
    update transactions set orphan_closed_at = null, next_lookup_at = app_now(), orphan_until = coalesce(orphan_until, app_now())
    where order_id = ${orderId} and attempt = ${attempt} and closed_by = 'fence'`;
}

export interface OrphanVerdict {
  readonly orderId: string;
  readonly attempt: number;
  /** The base URL and organisation that this installation can ask. */
  readonly here: { readonly baseUrl: string; readonly organisation: string };
  /** Close even one that could be asked for. */
  readonly isForced: boolean;
  readonly by: string;
  readonly reason: string;
}

/**
 * `in_reach`: it can be asked for from here, so the service shall. `moving`: see {@link closeOrphanByHand}. `isNoted`: who and why stand
 * in an event of the order.
 */
export type OrphanClosing =
  | { readonly kind: 'unknown' | 'not_open' | 'in_reach' | 'moving' }
  | { readonly kind: 'closed'; readonly isNoted: boolean; readonly orderStatus: OrderStatus };

/**
 * Ends an orphan on a person's word; not while its order is open and money was seen to move: that order ends by the alarm alone. One of
 * another organisation has no audit a day later either, which could not read it; one that is in reach keeps its audit. An order that has
 * ended takes no further event: then who and why is for the caller to keep.
 */
export async function closeOrphanByHand(db: Database, verdict: OrphanVerdict): Promise<OrphanClosing> {
  const { orderId, attempt, here } = verdict;
  return inTransaction(db, async (tx): Promise<OrphanClosing> => {
    const order = await lockOrder(tx, orderId);
    const [row] = await tx<{ isOpen: boolean; isInReach: boolean }[]>`
      select orphan_until is not null and orphan_closed_at is null as is_open,
        (base_url, organisation) = (${here.baseUrl}, ${here.organisation}) as is_in_reach
      from transactions where order_id = ${orderId} and attempt = ${attempt}`;
    if (!order || !row) return { kind: 'unknown' };
    if (!row.isOpen) return { kind: 'not_open' };
    if (row.isInReach && !verdict.isForced) return { kind: 'in_reach' };
    const known = await findAttempt(tx, orderId, attempt);
    if (order.closedAt === null && known && isMoneyMoving(known)) return { kind: 'moving' };
    await tx`
      update transactions set orphan_closed_at = app_now(),
        orphan_audited_at = case when ${row.isInReach} then orphan_audited_at else app_now() end
      where order_id = ${orderId} and attempt = ${attempt}`;
    const done = await transitionLocked(tx, order, {
      to: order.status,
      dedupeKey: `orphan_closed:g${attempt}:v${order.version}`,
      event: 'orphan_closed',
      actor: 'operator',
      attempt,
      detail: { by: verdict.by, reason: verdict.reason },
    });
    return { kind: 'closed', isNoted: done.result === 'applied', orderStatus: order.status };
  });
}
