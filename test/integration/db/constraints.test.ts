import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { writeVersion } from '../../support/versions.ts';
import { insertTestOrder } from '../../workflow/support.ts';
import { anAttempt, aWatchedOrder, openTestDb, type TestDb } from './support.ts';

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

// The schema holds the laws by itself: these statements bypass every line of TypeScript.

test('a terminal order never changes its state', async () => {
  const { db } = test_;
  const order = await insertTestOrder(db, Date.now());
  await writeVersion(db, { set: db`status = 'cancelled', closed_at = app_now()`, where: db`order_id = ${order.id}` });
  for (const status of ['accepted', 'watching', 'executing', 'failed']) {
    await expect(
      db`update orders set status = ${status}, version = version + 1, closed_at = null where order_id = ${order.id}`,
    ).rejects.toMatchObject({ code: 'CT001' });
  }
});

test('a state never changes without its version', async () => {
  const order = await insertTestOrder(test_.db, Date.now());
  await expect(test_.db`update orders set status = 'watching' where order_id = ${order.id}`).rejects.toMatchObject({
    code: 'CT002',
  });
});

test.each([
  [
    'a version without its event',
    (id: string) => test_.db`update orders set version = version + 1 where order_id = ${id}`,
  ],
  [
    'an event without its version',
    (id: string) => test_.db`
      insert into order_events (order_id, number, dedupe_key, event, status, actor)
      values (${id}, 2, 'stray', 'looked', 'accepted', 'workflow')`,
  ],
  [
    'a version that leaves one out',
    (id: string) => test_.db`
      with moved as (update orders set version = version + 2 where order_id = ${id} returning version)
      insert into order_events (order_id, number, dedupe_key, event, status, actor)
      select ${id}, version, 'leap', 'looked', 'accepted', 'workflow' from moved`,
  ],
  [
    'two versions with one event',
    (id: string) =>
      test_.db.begin(async (tx) => {
        await tx`update orders set version = version + 1 where order_id = ${id}`;
        await writeVersion(tx, { set: tx`reason = null`, where: tx`order_id = ${id}` });
      }),
  ],
])('%s is not committed', async (_, write) => {
  const order = await insertTestOrder(test_.db, Date.now());
  await expect(write(order.id)).rejects.toMatchObject({ code: 'CT008' });
});

test('an order never expires before its time', async () => {
  const order = await insertTestOrder(test_.db, Date.now());
  await expect(
    test_.db`update orders set status = 'expired', version = version + 1, closed_at = app_now() where order_id = ${order.id}`,
  ).rejects.toMatchObject({ code: 'CT003' });
});

test('amount, accounts and key of an order are for good', async () => {
  const order = await insertTestOrder(test_.db, Date.now());
  for (const change of [
    'amount = 21',
    `idempotency_key = 'x'`,
    `direction = '<='`,
    `source_account = destination_account`,
  ]) {
    await expect(test_.db.unsafe(`update orders set ${change} where order_id = '${order.id}'`)).rejects.toThrow();
  }
});

test.each(['sourceAccount', 'destinationAccount'] as const)(
  "another user's %s is no account of an order",
  async (side) => {
    const { db } = test_;
    const stranger = await insertTestOrder(db, Date.now());
    await expect(insertTestOrder(db, Date.now(), { [side]: stranger[side] })).rejects.toMatchObject({ code: '23503' });
  },
);

test('NaN, infinity, zero and negative numbers are no money and no rate', async () => {
  for (const amount of ['NaN', 'Infinity', '0', '-1']) {
    await expect(insertTestOrder(test_.db, Date.now(), { amount })).rejects.toMatchObject({ code: '23514' });
    await expect(insertTestOrder(test_.db, Date.now(), { targetRate: amount })).rejects.toMatchObject({
      code: '23514',
    });
  }
});

test('an order has at most one live attempt', async () => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  await expect(anAttempt(test_.db, order)).rejects.toMatchObject({ code: '23505' });
});

test('executed needs exactly one succeeded attempt, and a success needs an executed order', async () => {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  const execute = db`update orders set status = 'executed', version = version + 1, closed_at = app_now() where order_id = ${order.id}`;
  await expect(execute).rejects.toMatchObject({ code: 'CT006' });
  const attempt = await anAttempt(db, order);
  const succeed = db`
    update transactions set status = 'succeeded', version = version + 1, closed_at = app_now() where order_id = ${order.id} and attempt = ${attempt}`;
  await expect(succeed).rejects.toMatchObject({ code: 'CT006' });
});

test.each([
  ['a claim', "observed = 'claimed'", "observed = 'pending'"],
  ['an end', "observed = 'terminal'", 'observed = null'],
  ['which order it is', "conduit_order_id = 'ord_first'", "conduit_order_id = 'ord_second'"],
  ['how it ended', "end_kind = 'succeeded'", "end_kind = 'failed'"],
  ['a linked transaction', "linked_transaction_ids = '{txn_1}'", "linked_transaction_ids = '{}'"],
  ['that money has moved', "end_kind = 'failed', end_linked = 'completed'", "end_linked = 'none'"],
])('what was read of an attempt is not forgotten: %s', async (_, read, later) => {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await anAttempt(db, order);
  const set = (columns: string) => db`update transactions set ${db.unsafe(columns)} where order_id = ${order.id}`;
  await set(read);
  await set(read);
  await expect(set(later)).rejects.toMatchObject({ code: 'CT009' });
});

test('no order ends while an attempt of it is live', async () => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  await expect(
    test_.db`update orders set status = 'failed', version = version + 1, closed_at = app_now() where order_id = ${order.id}`,
  ).rejects.toMatchObject({ code: 'CT007' });
});

test('an order whose cancel was refused never shows as cancelled', async () => {
  const order = await aWatchedOrder(test_.db);
  await test_.db`update orders set cancel_refused_at = app_now() where order_id = ${order.id}`;
  await expect(
    test_.db`update orders set status = 'cancelled', version = version + 1, closed_at = app_now() where order_id = ${order.id}`,
  ).rejects.toMatchObject({ code: '23514' });
});

test('the bytes behind one idempotency key never change', async () => {
  const order = await aWatchedOrder(test_.db);
  const attempt = await anAttempt(test_.db, order);
  const key = randomUUID();
  const send = (body: string) => test_.db`
    insert into conduit_sends (order_id, attempt, operation, key_number, idempotency_key, body)
    values (${order.id}, ${attempt}, 'create', 1, ${key}, ${body})`;
  await send('{"a":1}');
  await send('{"a":1}');
  await expect(send('{"a":2}')).rejects.toMatchObject({ code: 'CT005' });
});
