import type { Sql } from './client.ts';
import { isNamed } from './inbox.ts';

/** What says that money has moved. */
const MOVED = ['transaction.completed', 'order.succeeded'];

/**
 * Brings forward the next look-up of the order's live attempt, and of its provider orders that are still followed: a webhook
 * spoke of one of them. One that waited for none gets one: there is something to be seen. Bookkeeping: what the provider's order has
 * become, only the look-up says.
 */
export async function hastenLookups(sql: Sql, orderId: string): Promise<void> {
  await sql`
    update transactions set next_lookup_at = least(next_lookup_at, app_now())
    where order_id = ${orderId}
      and (status in ('prepared', 'created', 'executing') or (orphan_until is not null and orphan_closed_at is null))`;
}

/**
 * Has an attempt followed once more that was closed on a reading without money, when the event says that its money has moved. One that was
 * read so before is known to people already. What was read of a failure before this word counts no more: it is to be read twice again.
 * Returns whether there was one.
 */
export async function followIfToldOfMoney(sql: Sql, orderId: string, eventId: string): Promise<boolean> {
  const rows = await sql`
    update transactions t
    set orphan_until = coalesce(orphan_until, app_now()), orphan_closed_at = null, next_lookup_at = app_now(),
      end_first_read_at = app_now(), end_read_again_at = null
    from inbox i
    where i.event_id = ${eventId} and i.type = any(${MOVED}) and ${isNamed(sql)}
      and t.order_id = ${orderId} and t.closed_by = 'reading' and t.end_kind <> 'succeeded'
      and t.end_linked is distinct from 'completed' and (orphan_until is null or orphan_closed_at is not null)`;
  return rows.count > 0;
}
