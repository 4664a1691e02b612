import type { Instant } from '../domain/order.ts';
import { type Database, inTransaction, type Sql } from './client.ts';
import { claimKey, type HeldKey } from './idempotency-keys.ts';
import { loadOrderSnapshot, type OrderSnapshot } from './order-snapshots.ts';
import { insertOrder, type NewOrder } from './orders.ts';
import { addMessage } from './outbox.ts';
import { addEvent } from './transition.ts';

/** What must be known of the world before an order is judged, from one statement. */
export interface Placement {
  readonly now: Instant;
  /** How long nobody may call the provider; null when the gate is open. */
  readonly gateClosedForMs: number | null;
  /** The user's active accounts for the two assets; null when there is none. */
  readonly sourceAccount: string | null;
  readonly destinationAccount: string | null;
}

export async function loadPlacement(
  sql: Sql,
  { userId, from, to }: { userId: string; from: string; to: string },
): Promise<Placement> {
  const [row] = await sql<Placement[]>`
    select app_now() as now,
      (select ceil(extract(epoch from closed_until - app_now()) * 1000)::float8 from provider_gate
        where closed_until > app_now()) as gate_closed_for_ms,
      (select account_id from conduit_accounts where user_id = ${userId} and asset = ${from} and active) as source_account,
      (select account_id from conduit_accounts where user_id = ${userId} and asset = ${to} and active) as destination_account`;
  if (!row) throw new Error('a select without a table returned no row');
  return row;
}

export type Placed =
  | { readonly kind: 'placed'; readonly order: OrderSnapshot }
  /** Somebody else placed an order under this key first. */
  | { readonly kind: 'held'; readonly held: HeldKey };

/**
 * Places an order: its key, its row, its first event and its message in one transaction, so that there is all of it or nothing.
 * A broken connection leaves the outcome unknown: the error says "unavailable", and the client asks again with the same key.
 */
export async function placeOrder(
  db: Database,
  order: NewOrder,
  request: { readonly hash: string; readonly hashVersion: number; readonly quoteId: string },
): Promise<Placed> {
  return inTransaction(db, async (tx): Promise<Placed> => {
    const held = await claimKey(tx, {
      userId: order.userId,
      key: order.idempotencyKey,
      orderId: order.id,
      requestHash: request.hash,
      hashVersion: request.hashVersion,
    });
    if (held) return { kind: 'held', held };
    const row = await insertOrder(tx, order);
    await addEvent(tx, row, {
      dedupeKey: 'accepted',
      event: 'accepted',
      actor: 'api',
      detail: { quote_id: request.quoteId, quoted_rate: row.quotedRate, trigger_rate: row.triggerRate },
    });
    await addMessage(tx, 'order-checks', { v: 1, order_id: row.id });
    const snapshot = await loadOrderSnapshot(tx, row.id);
    if (!snapshot) throw new Error('an order is not there in its own transaction');
    return { kind: 'placed', order: snapshot };
  });
}
