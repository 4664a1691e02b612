import type { AttemptStatus } from '../domain/attempt.ts';
import type { Direction, Instant, OrderReason, OrderStatus } from '../domain/order.ts';
import type { Sql } from './client.ts';

/** An order with its newest attempt, as answers to reads need it: no account, no raw reply. Plain JSON, so it can be cached. */
export interface OrderSnapshot {
  readonly id: string;
  readonly version: number;
  readonly userId: string;
  readonly status: OrderStatus;
  readonly reason: OrderReason | null;
  readonly providerCode: string | null;
  readonly fromCurrency: string;
  readonly fromNetwork: string | null;
  readonly toCurrency: string;
  readonly toNetwork: string | null;
  readonly pair: string;
  readonly amount: string;
  readonly targetRate: string;
  readonly direction: Direction;
  readonly floorRate: string | null;
  readonly triggerRate: string;
  readonly idempotencyKey: string;
  readonly expiresAt: Instant;
  readonly attempts: number;
  readonly lastAttemptedAt: Instant | null;
  readonly lastLookRate: string | null;
  readonly nextCheckAt: Instant;
  readonly cancelRefusedAt: Instant | null;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly closedAt: Instant | null;
  /** All null while no attempt was made. */
  readonly attemptStatus: AttemptStatus | null;
  readonly quotedDebit: string | null;
  readonly quotedRecipient: string | null;
  readonly lockedDebit: string | null;
  readonly lockedRecipient: string | null;
  readonly settledDebit: string | null;
  readonly settledRecipient: string | null;
  readonly conduitOrderId: string | null;
  readonly conduitTransactionId: string | null;
}

/** Order and attempt from one statement, so that the two belong together. */
export async function loadOrderSnapshot(sql: Sql, orderId: string): Promise<OrderSnapshot | null> {
  const [row] = await sql<OrderSnapshot[]>`
    select o.order_id as id, o.version, o.user_id, o.status, o.reason, o.provider_code, o.from_currency, o.from_network, o.to_currency,
      o.to_network, o.pair, o.amount, o.target_rate, o.direction, o.floor_rate, o.trigger_rate, o.idempotency_key, o.expires_at,
      o.attempts, o.last_attempted_at, o.last_look_rate, o.next_check_at, o.cancel_refused_at, o.created_at, o.updated_at, o.closed_at,
      t.status as attempt_status, t.quoted_debit, t.quoted_recipient, t.locked_debit, t.locked_recipient, t.settled_debit,
      t.settled_recipient, t.conduit_order_id, t.conduit_transaction_id
    from orders o left join lateral (
      select * from transactions where order_id = o.order_id order by attempt desc limit 1) t on true
    where o.order_id = ${orderId}`;
  return row ?? null;
}
