import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { receiveEvent, wasTakenBack } from '../../../src/db/inbox.ts';
import { anAttempt, aWatchedOrder, makeCreated, openTestDb, type TestDb } from './support.ts';

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

/** An order whose second attempt has succeeded at Conduit, as `ord_2` with `txn_2`, and what webhooks say of it. */
async function takenBackBy(type: string, data: object): Promise<boolean> {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await makeCreated(db, order, await anAttempt(db, order));
  const ids = { order: `ord_${randomUUID()}`, transaction: `txn_${randomUUID()}`, reference: `${order.id}:g1` };
  await db.begin(async (tx) => {
    await tx`alter table transactions disable trigger user`;
    await tx`alter table orders disable trigger user`;
    await tx`
      update transactions set status = 'succeeded', closed_at = app_now(), closed_by = 'reading', conduit_order_id = ${ids.order},
        linked_transaction_ids = ${[ids.transaction]} where order_id = ${order.id}`;
    await tx`update orders set status = 'executed', closed_at = app_now() where order_id = ${order.id}`;
    await tx`alter table transactions enable trigger user`;
    await tx`alter table orders enable trigger user`;
  });
  const text = JSON.stringify(data).replace(/ORDER|TXN|REFERENCE/g, (word) => {
    if (word === 'REFERENCE') return ids.reference;
    return word === 'ORDER' ? ids.order : ids.transaction;
  });
  await receiveEvent(db, {
    eventId: `evt_${randomUUID()}`,
    type,
    referredOrderId: order.id,
    conduitOrderId: null,
    conduitTransactionId: null,
    body: JSON.parse(text),
    isNews: true,
  });
  return wasTakenBack(db, order.id);
}

test.each([
  ['by our reference', true, 'transaction.returned', { clientReferenceId: 'REFERENCE' }],
  ['by its transaction', true, 'transaction.failed', { transaction: { id: 'TXN' } }],
  ['by its order', true, 'transaction.cancelled', { linkedOrderId: 'ORDER' }],
  [
    'another transaction of the order',
    false,
    'transaction.failed',
    { transaction: { id: 'txn_of_an_attempt_before' } },
  ],
  ['an attempt whose name begins alike', false, 'transaction.failed', { clientReferenceId: 'REFERENCE0' }],
  ['a transaction that went well', false, 'transaction.completed', { clientReferenceId: 'REFERENCE' }],
  ['the order itself', false, 'order.failed', { clientReferenceId: 'REFERENCE' }],
] as const)('what was settled is taken back by an event that names it %s: %s', async (_, isTaken, type, data) => {
  expect(await takenBackBy(type, data)).toBe(isTaken);
});
