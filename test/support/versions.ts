import type postgres from 'postgres';
import type { Sql, Transaction } from '../../src/db/client.ts';
import { insertOrder, type NewOrder, type OrderRow } from '../../src/db/orders.ts';
import { addEvent } from '../../src/db/transition.ts';

/** The row of an accepted order and its event. */
export async function insertAccepted(tx: Transaction, order: NewOrder): Promise<OrderRow> {
  const row = await insertOrder(tx, order);
  await addEvent(tx, row, { dedupeKey: 'accepted', event: 'accepted', actor: 'api' });
  return row;
}

type Fragment = postgres.PendingQuery<postgres.Row[]>;

/** Writes the next version of orders without the code that does it, and in the same statement the event that the schema asks for. */
export async function writeVersion(sql: Sql, { set, where }: { set: Fragment; where: Fragment }): Promise<void> {
  await sql`
    with written as (update orders set version = version + 1, ${set} where ${where} returning order_id, version, status)
    insert into order_events (order_id, number, dedupe_key, event, status, actor)
    select order_id, version, 'version ' || version, case status when 'executing' then 'execute_permitted' else status end, status, 'operator' from written`;
}
