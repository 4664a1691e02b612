import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { recordMiss } from '../../../src/db/looks.ts';
import { expireOverdue } from '../../../src/db/overdue.ts';
import { claimCrossed, insertObservation, scheduleLooks } from '../../../src/db/rate-watch.ts';
import { writeVersion } from '../../support/versions.ts';
import { anAttempt, aWatchedOrder, makeCreated, openTestDb, orderOf, seenOf, type TestDb, TIMING } from './support.ts';

jest.setTimeout(60_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

const PAIR = 'USDT.ethereum-USDC.ethereum';

async function overdueOrder() {
  const order = await aWatchedOrder(test_.db);
  await test_.db`update orders set created_at = created_at - interval '2 hours', expires_at = app_now() - interval '31 seconds' where order_id = ${order.id}`;
  return order;
}

test('one pass expires more overdue orders than a page holds, and steps over one that somebody holds', async () => {
  const { db } = test_;
  const orders = [];
  for (let i = 0; i < 130; i += 1) orders.push(await overdueOrder());
  const [held, ...rest] = orders;
  if (!held) throw new Error('there are orders');
  await db.begin(async (tx) => {
    await tx`select 1 from orders where order_id = ${held.id} for update`;
    const ended = await expireOverdue(db, TIMING, 'reconciler');
    expect(ended).toHaveLength(rest.length);
  });
  expect((await orderOf(db, held.id)).status).toBe('watching');
  expect(await expireOverdue(db, TIMING, 'reconciler')).toEqual([{ orderId: held.id, status: 'expired' }]);
});

test('a page full of orders that somebody holds hides none of those with the very same expiry', async () => {
  const { db } = test_;
  const ids = [];
  for (let i = 0; i < 101; i += 1) ids.push((await overdueOrder()).id);
  const expiresAt = Date.now() - 31_000;
  await db`update orders set expires_at = ${expiresAt} where order_id = any(${ids}::uuid[])`;
  // As PostgreSQL orders them: by their bytes.
  const held = ids.toSorted().slice(0, -1);
  const free = ids.find((id) => !held.includes(id));
  await db.begin(async (tx) => {
    await tx`select 1 from orders where order_id = any(${held}::uuid[]) for update`;
    expect(await expireOverdue(db, TIMING, 'reconciler')).toEqual([{ orderId: free, status: 'expired' }]);
  });
  expect(await expireOverdue(db, TIMING, 'reconciler')).toHaveLength(held.length);
});

test('an overdue order with a live attempt is fenced and expired in one transaction; an executing one never', async () => {
  const { db } = test_;
  const created = await overdueOrder();
  await makeCreated(db, created, await anAttempt(db, created));
  const executing = await overdueOrder();
  await makeCreated(db, executing, await anAttempt(db, executing));
  await db.begin(async (tx) => {
    await writeVersion(tx, { set: tx`status = 'executing'`, where: tx`order_id = ${executing.id}` });
    await tx`update transactions set status = 'executing', version = version + 1 where order_id = ${executing.id}`;
  });
  expect(await expireOverdue(db, TIMING, 'reconciler')).toEqual([{ orderId: created.id, status: 'expired' }]);
  const [attempt] = await db`select status, closed_by from transactions where order_id = ${created.id}`;
  expect(attempt).toEqual({ status: 'cancelled', closedBy: 'fence' });
  expect((await orderOf(db, executing.id)).status).toBe('executing');
});

const observation = (spreadBps: string) => ({
  pair: PAIR,
  referenceRate: '0.9150',
  endUserRate: '0.9127',
  spreadBps,
  fixedFee: '0.1',
  quoteId: 'qte_1',
});

test('after a change of spread the orders that have not looked since get a look soon, the nearest first, page by page', async () => {
  const { db } = test_;
  await writeVersion(db, { set: db`status = 'failed', closed_at = app_now()`, where: db`status = 'watching'` });
  const far = await aWatchedOrder(db, { triggerRate: '1.5' });
  const near = await aWatchedOrder(db, { triggerRate: '0.92' });
  await insertObservation(db, observation('25'));
  const terms = { ...observation('25'), overMs: 60_000, withheldMs: 5_400_000, limit: 1 };
  expect(await scheduleLooks(db, terms)).toBe(0);

  await insertObservation(db, observation('40'));
  const changed = { ...terms, spreadBps: '40' };
  const isDueSoon = async (id: string) => (await orderOf(db, id)).lookDueAt < Date.now() + 60_000;
  expect(await scheduleLooks(db, changed)).toBe(1);
  expect([await isDueSoon(near.id), await isDueSoon(far.id)]).toEqual([true, false]);
  expect(await scheduleLooks(db, changed)).toBe(1);
  expect(await isDueSoon(far.id)).toBe(true);
  expect(await scheduleLooks(db, changed)).toBe(0);
});

test('a sweep claims what the rate wakes, once an interval, and nothing with a live attempt', async () => {
  const { db } = test_;
  const pair = 'USDC.ethereum-USDT.ethereum';
  const fields = { pair, fromCurrency: 'USDC', toCurrency: 'USDT' };
  const armed = await aWatchedOrder(db, { ...fields, triggerRate: '0.90' });
  await aWatchedOrder(db, { ...fields, triggerRate: '0.99' });
  const falling = { ...fields, direction: '<=', floorRate: '0.80' } as const;
  const below = await aWatchedOrder(db, { ...falling, triggerRate: '0.96', triggerFloor: '0.85' });
  await aWatchedOrder(db, { ...falling, triggerRate: '0.96', triggerFloor: '0.955' });
  const busy = await aWatchedOrder(db, { ...fields, triggerRate: '0.90' });
  await anAttempt(db, busy);
  const claim = { pair, rate: '0.95', dueAt: Date.now(), quietMs: 54_000, limit: 500 };
  expect((await claimCrossed(db, claim)).sort()).toEqual([armed.id, below.id].sort());
  expect(await claimCrossed(db, claim)).toEqual([]);
});

test('an order whose trigger was crossed is claimed before one that only looks of its own accord', async () => {
  const { db } = test_;
  const pair = 'USDT.base-USDC.base';
  const idle = await aWatchedOrder(db, { pair, triggerRate: '0.99' });
  await db`update orders set look_due_at = app_now(), next_check_at = app_now() - interval '1 hour' where order_id = ${idle.id}`;
  const crossed = await aWatchedOrder(db, { pair, triggerRate: '0.90' });
  const claim = { pair, rate: '0.95', dueAt: Date.now(), quietMs: 54_000, limit: 1 };
  expect(await claimCrossed(db, claim)).toEqual([crossed.id]);
  expect(await claimCrossed(db, claim)).toEqual([idle.id]);
});

test('an order whose quote is of no later than the first tick with the new terms looks again; one of after it does not', async () => {
  const { db } = test_;
  const pair = 'USDT.solana-USDC.solana';
  const seenAs = (spreadBps: string) => ({ ...observation(spreadBps), pair });
  await insertObservation(db, seenAs('25'));
  // Placed after the last tick with the old terms, and looked at after it without a rate: both may still be of the old terms.
  const between = await aWatchedOrder(db, { pair });
  const missed = await aWatchedOrder(db, { pair });
  await insertObservation(db, seenAs('40'));
  const look = { rate: null, nextCheckInMs: 1_000, lookInMs: 1_000, failedLooks: 1, isAsked: true };
  const miss = { orderId: missed.id, fact: 'unavailable:v2', reason: 'quote_failed', code: null, look } as const;
  await recordMiss(db, { ...miss, seen: await seenOf(db, missed.id) });
  const after = await aWatchedOrder(db, { pair });
  expect(await scheduleLooks(db, { ...seenAs('40'), overMs: 60_000, withheldMs: 5_400_000, limit: 10 })).toBe(2);
  const isDueSoon = async (id: string) => (await orderOf(db, id)).lookDueAt < Date.now() + 60_000;
  expect(await Promise.all([between, missed, after].map(({ id }) => isDueSoon(id)))).toEqual([true, true, false]);
  // One whose look is withheld anyway tries again by itself, about hourly: not at every tick.
  await db`update orders set look_due_at = app_now() + interval '1 hour', reason = 'account_changed' where order_id = ${between.id}`;
  const read = { ...look, rate: '0.91', termsReadAt: Date.now(), lookInMs: 86_400_000 };
  await recordMiss(db, { ...miss, fact: 'qte_2', look: read, seen: await seenOf(db, missed.id) });
  expect(await scheduleLooks(db, { ...seenAs('40'), overMs: 60_000, withheldMs: 5_400_000, limit: 10 })).toBe(0);
});
