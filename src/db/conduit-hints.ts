import type { Sql } from './client.ts';

/** What says that money has moved. */
const MOVED = ['transaction.completed', 'order.succeeded'];

/**
 * Brings forward the next look-up of the order's live attempt, and of its provider orders that are still followed: a webhook
 * spoke of one of them. If it says that money has moved, the attempts that were read as being without effect are followed once more:
 * it may speak of one of these. Bookkeeping: what the provider's order has become, only the look-up says. Returns whether there was any.
 */
export async function hastenLookups(sql: Sql, orderId: string, eventId: string): Promise<boolean> {
  const rows = await sql`
    update transactions set next_lookup_at = least(next_lookup_at, app_now())
    where order_id = ${orderId}
      and (status in ('prepared', 'created', 'executing') or (orphan_until is not null and orphan_closed_at is null))`;
  const again = await sql`
    update transactions set orphan_until = coalesce(orphan_until, app_now()), orphan_closed_at = null, next_lookup_at = app_now()
    where order_id = ${orderId} and closed_by = 'reading' and status <> 'succeeded'
      and (orphan_until is null or orphan_closed_at is not null)
      and exists (select from inbox where event_id = ${eventId} and type = any(${MOVED}))`;
  return rows.count + again.count > 0;
}
