import type { Instant, OrderReason, OrderStatus } from '../domain/order.ts';
import type { Sql } from './client.ts';
import type { Actor, OrderEvent } from './transition.ts';

export interface EventRow {
  readonly number: number;
  readonly event: OrderEvent;
  readonly status: OrderStatus;
  readonly reason: OrderReason | null;
  readonly actor: Actor;
  readonly attempt: number | null;
  readonly detail: Record<string, string | number | null>;
  readonly occurredAt: Instant;
}

/** Up to `limit` events of an order, oldest first, from after number `after`. */
export async function listEvents(sql: Sql, orderId: string, after: number, limit: number): Promise<EventRow[]> {
  return sql<EventRow[]>`
    select number, event, status, reason, actor, attempt, detail, occurred_at
    from order_events where order_id = ${orderId} and number > ${after} order by number limit ${limit}`;
}
