import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { attemptWithSends, findNewestAttempt } from '../../../src/db/attempts.ts';
import { cancelOrder } from '../../../src/db/cancel.ts';
import { inTransaction } from '../../../src/db/client.ts';
import { followIfToldOfMoney } from '../../../src/db/conduit-hints.ts';
import { receiveEvent } from '../../../src/db/inbox.ts';
import { type LookupStored, storeLookup } from '../../../src/db/lookups.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { alarmForOrphan, dueOrphans } from '../../../src/db/orphans.ts';
import { expireOverdue } from '../../../src/db/overdue.ts';
import { liftPause, listPauses } from '../../../src/db/pauses.ts';
import { hasEndedWithoutEffect } from '../../../src/db/proofs.ts';
import { applyRecord } from '../../../src/db/records.ts';
import type { LinkedEffect } from '../../../src/domain/attempt.ts';
import type { ProviderOrder } from '../../../src/domain/provider-order.ts';
import { anAttempt, aWatchedOrder, makeCreated, openTestDb, seenOf, type TestDb, TIMING } from './support.ts';

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

async function attemptOf(orderId: string) {
  const row = await findNewestAttempt(test_.db, orderId);
  if (!row) throw new Error(`order ${orderId} has no attempt`);
  return row;
}

async function aCreatedOrder(): Promise<OrderRow> {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await makeCreated(db, order, await anAttempt(db, order));
  return order;
}

const isProvenWithoutEffect = (orderId: string) =>
  inTransaction(test_.db, (tx) => hasEndedWithoutEffect(tx, orderId, 1, TIMING));

/** One look-up that reads "failed", its transactions as said; or what it says instead. */
async function readFailed(
  orderId: string,
  linked: LinkedEffect,
  begunAt: number,
  over: Partial<ProviderOrder> = {},
): Promise<LookupStored> {
  const { attempt, conduitOrderId, reference } = await attemptOf(orderId);
  const usdt = { currency: 'USDT', network: 'ethereum', amount: '20' };
  const usdc = { currency: 'USDC', network: 'ethereum', amount: '18.46' };
  const order: ProviderOrder = {
    id: conduitOrderId ?? '',
    reference,
    status: 'failed',
    isClaimed: false,
    autoExecute: false,
    sourceAccount: null,
    destinationAccount: null,
    quoteOptionId: null,
    source: usdt,
    destination: usdc,
    totalDebit: usdt,
    fees: [],
    endUserRate: null,
    lockExpiresAt: begunAt,
    failureCode: 'provider_unavailable',
    cancellationReason: null,
    linkedTransactionIds: linked === 'none' ? [] : ['txn_1'],
    ...over,
  };
  const reading = {
    order,
    lock: { amounts: null, fault: null, rate: null, expiresAt: begunAt },
    linked: { effect: linked, transactionIds: order.linkedTransactionIds },
    raw: {},
  };
  return storeLookup(test_.db, { orderId, attempt, result: 'terminal', begunAt, reading, nextLookupAt: begunAt });
}

// Reads may lag: what one has shown of money, a later one that does not show it takes nothing away from.
test.each<[LinkedEffect, LinkedEffect, LinkedEffect, boolean]>([
  ['completed', 'none', 'completed', false],
  ['completed', 'no_effect', 'completed', false],
  ['completed', 'open', 'completed', false],
  ['open', 'none', 'open', false],
  ['open', 'no_effect', 'no_effect', false],
  ['open', 'completed', 'completed', false],
  ['none', 'completed', 'completed', false],
  ['none', 'open', 'open', false],
  ['none', 'none', 'none', true],
  ['no_effect', 'no_effect', 'no_effect', true],
])(
  'linked transactions read as %s and half a minute later as %s stand as %s',
  async (first, second, stands, proven) => {
    const { db } = test_;
    const order = await aCreatedOrder();
    const now = Date.now();
    await readFailed(order.id, first, now);
    await readFailed(order.id, second, now + 31_000);

    const { end } = await attemptWithSends(db, await attemptOf(order.id));
    expect(end).toMatchObject({ kind: 'failed', linked: stands });
    expect(await isProvenWithoutEffect(order.id)).toBe(proven);
  },
);

test('of two look-ups at once the one that began later counts, though the other ends last', async () => {
  const order = await aCreatedOrder();
  const now = Date.now();
  await readFailed(order.id, 'open', now + 5_000);
  await readFailed(order.id, 'no_effect', now);
  const { end, lookup } = await attemptWithSends(test_.db, await attemptOf(order.id));
  expect(end).toMatchObject({ linked: 'open' });
  expect(lookup).toEqual({ result: 'terminal', begunAt: now + 5_000 });
});

test('another order, and another end, prove nothing and pause everything, once', async () => {
  const order = await aCreatedOrder();
  const now = Date.now();
  expect(await readFailed(order.id, 'none', now)).toBe('stored');
  expect(await readFailed(order.id, 'none', now + 31_000, { status: 'succeeded' })).toBe('contradicted');
  expect(await readFailed(order.id, 'none', now + 32_000, { status: 'succeeded' })).toBe('stored');
  expect(await isProvenWithoutEffect(order.id)).toBe(false);
  expect(await listPauses(test_.db)).toMatchObject([{ scope: 'all', reason: 'end_contradicted', healsByProbe: false }]);
  await liftPause(test_.db, 'all');
  const other = await aCreatedOrder();
  expect(await readFailed(other.id, 'none', now, { id: 'ord_other' })).toBe('second_order');
  expect(await listPauses(test_.db)).toMatchObject([{ reason: 'two_orders_under_reference' }]);
  expect((await attemptOf(other.id)).endKind).toBeNull();
  await liftPause(test_.db, 'all');
});

test('a cancelled order that was also read as succeeded is still read, and what that showed of money stays', async () => {
  const order = await aCreatedOrder();
  const now = Date.now();
  expect(await readFailed(order.id, 'none', now, { status: 'cancelled' })).toBe('stored');
  expect(await readFailed(order.id, 'none', now + 1_000, { status: 'succeeded' })).toBe('contradicted');
  expect(await readFailed(order.id, 'none', now + 2_000, { status: 'cancelled' })).toBe('stored');
  expect(await attemptOf(order.id)).toMatchObject({
    endKind: 'cancelled',
    endLinked: 'completed',
    lookupBegunAt: now + 2_000,
  });
  expect(await isProvenWithoutEffect(order.id)).toBe(false);
  await liftPause(test_.db, 'all');
});

test('money that was read to have moved beside another end stays, with its transactions', async () => {
  const order = await aCreatedOrder();
  const now = Date.now();
  await readFailed(order.id, 'none', now, { status: 'cancelled' });
  expect(await readFailed(order.id, 'completed', now + 1_000)).toBe('contradicted');
  expect(await attemptOf(order.id)).toMatchObject({
    endKind: 'cancelled',
    endLinked: 'completed',
    linkedTransactionIds: ['txn_1'],
  });
  await liftPause(test_.db, 'all');
});

test('a claim that is read says what became of the execute: it is unresolved no more', async () => {
  const order = await aCreatedOrder();
  await test_.db`update transactions set unknown_since = app_now() where order_id = ${order.id}`;
  const isUnknown = async () =>
    (await test_.db`select from transactions where order_id = ${order.id} and unknown_since is not null`).count === 1;
  await readFailed(order.id, 'none', Date.now(), { status: 'pending' });
  expect(await isUnknown()).toBe(true);
  await readFailed(order.id, 'none', Date.now(), { status: 'pending', isClaimed: true });
  expect(await isUnknown()).toBe(false);
});

async function closedWithoutEffect(): Promise<OrderRow> {
  const { db } = test_;
  const order = await aCreatedOrder();
  const now = Date.now();
  await readFailed(order.id, 'no_effect', now - 31_000);
  await db`update transactions set end_first_read_at = end_first_read_at - interval '31 seconds' where order_id = ${order.id}`;
  await readFailed(order.id, 'no_effect', now);
  const plan = {
    kind: 'close_without_effect',
    attemptTo: 'failed',
    reason: 'provider_failed',
    code: 'provider_unavailable',
  } as const;
  expect(await applyRecord(db, order.id, await seenOf(db, order.id), plan, TIMING)).toMatchObject({
    result: 'applied',
  });
  return order;
}

async function told(order: OrderRow, type: string, body: object): Promise<string> {
  const eventId = `evt_${randomUUID()}`;
  const ids = { referredOrderId: order.id, conduitOrderId: null, conduitTransactionId: null, isNews: true };
  await receiveEvent(test_.db, { eventId, type, ...ids, body });
  return eventId;
}

const dueOf = async (order: OrderRow) =>
  (await dueOrphans(test_.db, 10, 86_400_000)).filter(({ orderId }) => orderId === order.id);

test.each([
  ['transaction.completed', 'g1', true],
  ['order.succeeded', 'g1', true],
  ['order.failed', 'g1', false],
  ['order.succeeded', 'g2', false],
])('the webhook %s of %s has an attempt g1 closed as without effect followed once more: %s', async (type, of, so) => {
  const { db } = test_;
  const order = await closedWithoutEffect();
  const eventId = await told(order, type, { data: { clientReferenceId: `${order.id}:${of}` } });
  expect(await dueOf(order)).toEqual([]);
  expect(await followIfToldOfMoney(db, order.id, eventId)).toBe(so);
  expect(await dueOf(order)).toHaveLength(so ? 1 : 0);
  expect((await attemptOf(order.id)).endReadAgainAt === null).toBe(so);
});

test('a webhook of money that people know of already has nothing followed', async () => {
  const { db } = test_;
  const order = await aCreatedOrder();
  await readFailed(order.id, 'completed', Date.now());
  const plan = {
    kind: 'fail_attempt',
    attemptTo: 'failed',
    reason: 'partial_effect',
    code: null,
    isPage: true,
  } as const;
  expect(await applyRecord(db, order.id, await seenOf(db, order.id), plan, TIMING)).toMatchObject({
    result: 'applied',
  });
  const eventId = await told(order, 'transaction.completed', { reference: `${order.id}:g1` });
  expect(await followIfToldOfMoney(db, order.id, eventId)).toBe(false);
  expect(await dueOf(order)).toEqual([]);
});

test('a success that was also read as failed, its money moved, stays a success', async () => {
  const order = await aCreatedOrder();
  const now = Date.now();
  await readFailed(order.id, 'none', now, { status: 'succeeded' });
  expect(await readFailed(order.id, 'completed', now + 1_000)).toBe('contradicted');
  const { end } = await attemptWithSends(test_.db, await attemptOf(order.id));
  expect(end).toEqual({ kind: 'succeeded' });
  await liftPause(test_.db, 'all');
});

test('money that shows under an attempt closed as without effect has it followed, and the order neither cancelled nor expired', async () => {
  const { db } = test_;
  const order = await closedWithoutEffect();
  expect(await dueOf(order)).toEqual([]);

  // A look-up that was under way: it has seen another one.
  await readFailed(order.id, 'completed', Date.now() - 1_000);
  expect(await dueOf(order)).toMatchObject([{ orderId: order.id, attempt: 1 }]);
  expect(await cancelOrder(db, order.id, 'api', TIMING)).toMatchObject({ answer: 'too_late' });
  await db`update orders set created_at = created_at - interval '2 hours', expires_at = app_now() - interval '1 minute' where order_id = ${order.id}`;
  expect(await expireOverdue(db, TIMING, 'reconciler', undefined, order.id)).toEqual([]);
  expect(await alarmForOrphan(db, order.id, 1, TIMING)).toMatchObject({ hasEnded: true, order: { status: 'failed' } });
});
