import type { OrderStatus } from '../domain/order.ts';
import type { Timing } from '../domain/timing.ts';
import type { Alert, Page } from '../metrics.ts';
import type { Database } from './client.ts';

/** An event for which a person must be called. */
export interface Alarm {
  readonly orderId: string;
  readonly number: number;
  readonly pages: readonly Page[];
  readonly status: OrderStatus;
  readonly attempt: number | null;
  readonly code: string | null;
}

/** Alarms that nobody has heard yet, the oldest first: of one order, or all that are older than `olderThanMs`. */
export async function unrungAlarms(
  db: Database,
  of: { readonly orderId: string } | { readonly olderThanMs: number },
): Promise<Alarm[]> {
  return db<Alarm[]>`
    select order_id, number, pages, e.status, attempt, provider_code as code
    from order_events e join orders using (order_id)
    where pages <> '{}' and rung_at is null and ${
      'orderId' in of
        ? db`order_id = ${of.orderId}`
        : db`occurred_at < app_now() - ${of.olderThanMs} * interval '1 millisecond'`
    }
    order by occurred_at limit 50`;
}

/** The person was called. Asked after the call: a crash between the two calls twice, never not at all. */
export async function markRung(db: Database, { orderId, number }: Pick<Alarm, 'orderId' | 'number'>): Promise<void> {
  await db`update order_events set rung_at = app_now() where order_id = ${orderId} and number = ${number}`;
}

export interface Overlong {
  readonly orderId: string;
  readonly attempt: number;
  readonly alert: Extract<Alert, 'attempt_absent' | 'execution_slow' | 'lookup_unavailable'>;
}

/**
 * Attempts that wait for Conduit longer than usual, each told at most once in half an hour: an order of ours that Conduit does
 * not find (5 min after it was created, or after an execute); a claim without an end (30 min); no readable answer while
 * a send is unresolved (5 min).
 */
export async function overlongAttempts(db: Database, timing: Timing): Promise<Overlong[]> {
  const ago = (minutes: number) => db`app_now() - ${minutes * 60 * timing.secondMs} * interval '1 millisecond'`;
  return db<Overlong[]>`
    with waiting as (
      select order_id, attempt, case
        when lookup_result = 'absent' then 'attempt_absent'
        when lookup_result = 'unavailable' and unknown_since is not null then 'lookup_unavailable'
        else 'execution_slow' end as alert
      from transactions
      where status in ('created', 'executing') and (alerted_at is null or alerted_at < ${ago(30)}) and (
        (lookup_result = 'absent' and updated_at < ${ago(5)})
        or (lookup_result = 'unavailable' and unknown_since < ${ago(5)})
        or (status = 'executing' and updated_at < ${ago(30)}))
      order by updated_at limit 50 for update skip locked)
    update transactions t set alerted_at = app_now() from waiting w
    where (t.order_id, t.attempt) = (w.order_id, w.attempt)
    returning t.order_id, t.attempt, w.alert`;
}
