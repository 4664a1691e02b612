import type { Sql } from './client.ts';

/**
 * Brings forward the next look-up of the order's live attempt, and of its provider orders that are still followed: a webhook
 * spoke of one of them. Bookkeeping: what the provider's order has become, only the look-up says. Returns whether there was any.
 */
export async function hastenLookups(sql: Sql, orderId: string): Promise<boolean> {
  const rows = await sql`
    update transactions set next_lookup_at = least(next_lookup_at, app_now())
    where order_id = ${orderId}
      and (status in ('prepared', 'created', 'executing') or (orphan_until is not null and orphan_closed_at is null))`;
  return rows.count > 0;
}
