import { randomUUID } from 'node:crypto';
import type { Database } from '../../../src/db/client.ts';
import type { OrderStatus } from '../../../src/domain/order.ts';
import { writeVersion } from '../../support/versions.ts';

/** Takes an accepted order to a state by the state machine's own edges, with the attempt that belongs to it. */
export async function takeTo(db: Database, orderId: string, status: OrderStatus): Promise<void> {
  await db.begin(async (tx) => {
    const move = (to: OrderStatus) =>
      writeVersion(tx, {
        set: tx`status = ${to}, updated_at = app_now(),
          closed_at = case when ${to} in ('executed', 'cancelled', 'expired', 'failed') then app_now() end`,
        where: tx`order_id = ${orderId}`,
      });
    if (status === 'accepted') return;
    if (status === 'expired') {
      await tx`
        update orders set created_at = created_at - interval '1 day', expires_at = app_now() - interval '1 s' where order_id = ${orderId}`;
    }
    if (status === 'cancelled' || status === 'expired' || status === 'failed') {
      await move(status);
      return;
    }
    await move('watching');
    if (status === 'watching') return;
    await addAttempt(tx, orderId, 'executing');
    await move('executing');
    if (status === 'executing') return;
    await tx`
      update transactions set status = 'succeeded', version = version + 1, closed_at = app_now(), settled_debit = locked_debit,
        settled_recipient = locked_recipient, conduit_transaction_id = ${`txn_${randomUUID().slice(0, 8)}`}
      where order_id = ${orderId}`;
    await move('executed');
  });
}

type Tx = Parameters<Parameters<Database['begin']>[1]>[0];

/** An attempt of 20 USDT for 18.42 USDC at a lock of 18.41. */
export async function addAttempt(
  tx: Database | Tx,
  orderId: string,
  status: 'prepared' | 'created' | 'executing',
): Promise<void> {
  const isCreated = status !== 'prepared';
  await tx`
    insert into transactions (order_id, attempt, status, reference, base_url, organisation, quote_id, quote_option_id, quote_rate,
      option_expires_at, quoted_debit, quoted_recipient, quoted_destination_fee, direction, target_rate, all_in_rate, conduit_order_id,
      locked_debit, locked_recipient, locked_destination_fee, lock_expires_at)
    values (${orderId}, 1, ${status}, ${`${orderId}:g1`}, 'http://127.0.0.1/v2', 'test', 'qte_1', ${randomUUID()}, '0.921',
      app_now() + interval '5 min', '20.000000', '18.420000', 0, '>=', '0.92', '0.921',
      ${isCreated ? `ord_${orderId.slice(0, 8)}` : null}, ${isCreated ? '20.000000' : null}, ${isCreated ? '18.410000' : null},
      ${isCreated ? '0' : null}, ${isCreated ? tx`app_now() + interval '2 h'` : null})`;
}
