import { type Database, inTransaction, isSqlState, type Sql, type Transaction } from './client.ts';
import { lockOrder } from './orders.ts';
import { addMessage } from './outbox.ts';

/** A webhook of the provider, verified and read. */
export interface InboxEvent {
  readonly eventId: string;
  readonly type: string;
  /** The order that our own reference in it names, if there is one in it. */
  readonly referredOrderId: string | null;
  readonly conduitOrderId: string | null;
  readonly conduitTransactionId: string | null;
  readonly body: unknown;
  /** Whether it can tell the order's run anything: what we did ourselves it knows. */
  readonly isNews: boolean;
}

/** Ends of a transaction that take back what an executed order was told. */
const TAKES_BACK = '^transaction\\.(failed|cancelled|rejected|returned|return)';
const PATTERN = new RegExp(TAKES_BACK);

export function takesBack(type: string): boolean {
  return PATTERN.test(type);
}

/** Whether the provider has said so of the order's succeeded attempt. */
export async function wasTakenBack(db: Database, orderId: string): Promise<boolean> {
  const rows = await db`
    select 1 from inbox i join transactions t on t.order_id = i.order_id and t.status = 'succeeded'
    where i.order_id = ${orderId} and i.type ~ ${TAKES_BACK} and ${isNamed(db)} limit 1`;
  return rows.length > 0;
}

/** Whether the event `i` speaks of the attempt `t`: by our reference, its order at the provider or that one's transactions. */
export function isNamed(sql: Sql) {
  return sql`(
    strpos(i.body::text, '"' || t.reference || '"') > 0 or strpos(i.body::text, '"' || t.conduit_order_id || '"') > 0
    or exists (select from unnest(t.linked_transaction_ids) l where strpos(i.body::text, '"' || l || '"') > 0))`;
}

/** `orderId` is null when the event speaks of no order of ours. */
export interface InboxResult {
  readonly isNew: boolean;
  readonly orderId: string | null;
  /** Whether an attempt of that order has already succeeded. */
  readonly hasSucceeded: boolean;
}

/**
 * Stores an event once, together with the message that wakes its order; a second delivery changes nothing. Null: its body holds a
 * character that no database column can, so it is not stored.
 */
export async function receiveEvent(db: Database, event: InboxEvent): Promise<InboxResult | null> {
  try {
    return await inTransaction(db, (tx) => store(tx, event));
  } catch (error) {
    if (isSqlState(error, UNTRANSLATABLE_CHARACTER, INVALID_TEXT)) return null;
    throw error;
  }
}

/** A NUL, or half of a surrogate pair, inside a JSON string. */
const UNTRANSLATABLE_CHARACTER = '22P05';
const INVALID_TEXT = '22P02';

async function store(tx: Transaction, event: InboxEvent): Promise<InboxResult> {
  let order = await findOrderOf(tx, event);
  // Either this sees the success, or whoever records it sees this.
  if (order && takesBack(event.type)) {
    await lockOrder(tx, order.orderId);
    order = await findOrderOf(tx, event);
  }
  const orderId = order?.orderId ?? null;
  const inserted = await tx`
    insert into inbox (event_id, type, order_id, body)
    values (${event.eventId}, ${event.type}, ${orderId}, ${tx.json(event.body as never)})
    on conflict (event_id) do nothing`;
  const isNew = inserted.count === 1;
  if (isNew && orderId !== null && event.isNews)
    await addMessage(tx, 'conduit-events', { v: 1, order_id: orderId, event_id: event.eventId });
  return { isNew, orderId, hasSucceeded: order?.hasSucceeded ?? false };
}

/** Our reference names the order; without one, the provider's own ids lead to the attempt that holds them. */
async function findOrderOf(
  tx: Transaction,
  { referredOrderId, conduitOrderId, conduitTransactionId }: InboxEvent,
): Promise<{ orderId: string; hasSucceeded: boolean } | null> {
  const hasSucceeded = tx`exists (select from transactions s where s.order_id = o.order_id and s.status = 'succeeded') as has_succeeded`;
  const [order] =
    referredOrderId === null
      ? await tx<{ orderId: string; hasSucceeded: boolean }[]>`
          select o.order_id, ${hasSucceeded} from orders o where o.order_id in (
            select order_id from transactions where conduit_order_id = ${conduitOrderId}
            union all
            select order_id from transactions where conduit_transaction_id = ${conduitTransactionId}) limit 1`
      : await tx<{ orderId: string; hasSucceeded: boolean }[]>`
          select o.order_id, ${hasSucceeded} from orders o where o.order_id = ${referredOrderId}`;
  return order ?? null;
}
