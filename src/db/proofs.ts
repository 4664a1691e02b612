import type { Timing } from '../domain/timing.ts';
import type { Transaction } from './client.ts';

// What a step that closes an attempt, or leads one on, must find in the rows under the order's lock. Plans are made from a
// read without locks; here they are proved.

/**
 * Closes a live attempt before any execute can have an effect, under the order's lock; false when that cannot be proved. What
 * it may have left at the provider becomes an orphan, which the reconciler cancels and follows to its end.
 */
export async function fenceAttempt(
  tx: Transaction,
  orderId: string,
  attempt: number,
  to: 'cancelled' | 'failed',
  timing: Timing,
): Promise<boolean> {
  const rows = await tx`
    update transactions t set
      status = ${to}, version = version + 1, updated_at = app_now(), closed_at = app_now(), closed_by = 'fence', unknown_since = null,
      orphan_until = case when conduit_order_id is not null or exists (
          select from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt and s.operation = 'create'
            and (s.outcome is null or s.outcome not in ('no_effect', 'unsent')))
        then greatest(option_expires_at, app_now()) + ${timing.orphanWatchMs} * interval '1 millisecond' end,
      next_lookup_at = app_now()
    where order_id = ${orderId} and attempt = ${attempt} and status in ('prepared', 'created')
      and (observed is null or observed not in ('claimed', 'terminal'))
      and not exists (select from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt
        and s.operation = 'execute' and (s.outcome is null or s.outcome not in ('no_effect', 'unsent')))`;
  return rows.count === 1;
}

/**
 * Whether money was seen to move under another attempt of the order than this one, or than any: then nothing more is ever sent for it,
 * and it ends by that alarm alone.
 */
export async function isMovingElsewhere(tx: Transaction, orderId: string, attempt: number | null): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt is distinct from ${attempt}
      and (observed = 'claimed' or end_kind = 'succeeded' or end_linked in ('open', 'completed')) limit 1`;
  return rows.length > 0;
}

export async function hasCreatedProof(tx: Transaction, orderId: string, attempt: number): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt} and status = 'prepared'
      and conduit_order_id is not null and coalesce(observed, 'pending') = 'pending'`;
  return rows.length === 1;
}

export async function hasClaimProof(tx: Transaction, orderId: string, attempt: number): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt} and status in ('prepared', 'created')
      and observed in ('claimed', 'terminal')`;
  return rows.length === 1;
}

export async function areExecutesRefused(tx: Transaction, orderId: string, attempt: number): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions t where order_id = ${orderId} and attempt = ${attempt} and status = 'executing'
      and (observed is null or observed not in ('claimed', 'terminal'))
      and (select count(*) > 0 and bool_and(s.outcome is not null and s.outcome in ('no_effect', 'unsent'))
        from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt and s.operation = 'execute')`;
  return rows.length === 1;
}

export async function hasEnded(tx: Transaction, orderId: string, attempt: number, kinds: string[]): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt}
      and status in ('prepared', 'created', 'executing') and observed = 'terminal' and end_kind = any (${kinds})`;
  return rows.length === 1;
}

/** `isOvertaken`: a younger attempt is there, which was made only after this one had been proved so: one reading is the second. */
export async function hasEndedWithoutEffect(
  tx: Transaction,
  orderId: string,
  attempt: number,
  timing: Timing,
  isOvertaken = false,
): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt}
      and status in ('prepared', 'created', 'executing') and observed = 'terminal'
      and ((end_kind = 'cancelled' and end_linked is null) or (end_kind = 'failed'
        and lower(end_code) in ('insufficient_funds', 'provider_unavailable', 'cancelled')
        and end_linked in ('none', 'no_effect')
        and (${isOvertaken} or end_read_again_at >= end_first_read_at + ${30 * timing.secondMs} * interval '1 millisecond')))`;
  return rows.length === 1;
}
