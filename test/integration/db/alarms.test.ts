import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Bell, ringAlarms } from '../../../src/activities/bell.ts';
import { overlongAttempts } from '../../../src/db/alarms.ts';
import { recordMiss } from '../../../src/db/looks.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { listPauses } from '../../../src/db/pauses.ts';
import { takePermit } from '../../../src/db/permits.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { storeSendReply } from '../../../src/db/send-replies.ts';
import { createLogger } from '../../../src/logger.ts';
import { writeVersion } from '../../support/versions.ts';
import { anAttempt, aWatchedOrder, makeCreated, openTestDb, orderOf, seenOf, type TestDb, TIMING } from './support.ts';

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

/** A bell that keeps whom it called for what. */
function aBell() {
  const rung: string[] = [];
  const bell: Bell = {
    log: createLogger('test', 'silent'),
    recorded() {},
    looked() {},
    alert() {},
    page: (page, fields) => rung.push(`${page} ${fields['order_id']}`),
  };
  return { bell, rung };
}

async function permitted(order: OrderRow) {
  const seen = await seenOf(test_.db, order.id);
  const request = { orderId: order.id, seen, operation: 'execute', keyNumber: 1, makeBody: () => '' } as const;
  const permit = await takePermit(test_.db, request, TIMING);
  if (!permit) throw new Error('no permit');
  return permit;
}

test('a page stands with its event: whoever wrote it and died before the call, somebody else calls, once', async () => {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await makeCreated(db, order, await anAttempt(db, order));
  await db`update transactions set observed = 'claimed' where order_id = ${order.id}`;
  const done = await applyRecord(db, order.id, await seenOf(db, order.id), { kind: 'adopt_claimed' }, TIMING);
  expect(done).toMatchObject({ result: 'applied', order: { status: 'executing' } });

  const { bell, rung } = aBell();
  await ringAlarms(db, bell, { olderThanMs: 60_000 });
  expect(rung).toEqual([]);
  await ringAlarms(db, bell, { olderThanMs: 0 });
  await ringAlarms(db, bell, { olderThanMs: 0 });
  expect(rung).toEqual([`claimed_without_execute ${order.id}`]);
});

test.each([
  ['as locked', '18.460000', []],
  ['other than locked', '18.459999', ['settled_differs_from_lock']],
])('an execution settled %s: pages', async (_, settled, pages) => {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await makeCreated(db, order, await anAttempt(db, order));
  await permitted(order);
  await db`
    update transactions set observed = 'terminal', end_kind = 'succeeded', settled_debit = 20, settled_recipient = ${settled}
    where order_id = ${order.id}`;
  const plan = { kind: 'complete', isForeign: false } as const;
  await applyRecord(db, order.id, await seenOf(db, order.id), plan, TIMING);
  expect(await db`select pages from order_events where order_id = ${order.id} and event = 'executed'`).toEqual([
    { pages },
  ]);
});

test('an execute that is answered after its attempt was closed pauses everything in the transaction that stores the reply', async () => {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await makeCreated(db, order, await anAttempt(db, order));
  const { sendId } = await permitted(order);
  // A fence would refuse this; a row that was closed by hand, or restored, may still look so.
  await db.begin(async (tx) => {
    await tx`update transactions set status = 'cancelled', version = version + 1, closed_at = app_now(), closed_by = 'fence' where order_id = ${order.id}`;
    await writeVersion(tx, { set: tx`status = 'watching'`, where: tx`order_id = ${order.id}` });
  });
  const reply = {
    outcome: 'accepted',
    code: null,
    httpStatus: 202,
    correlationId: null,
    retryAfterMs: null,
    raw: {},
  } as const;
  const stored = await storeSendReply(db, {
    orderId: order.id,
    attempt: 1,
    sendId,
    operation: 'execute',
    reply,
    reading: null,
  });
  expect(stored).toBe('late');
  expect(await listPauses(db)).toMatchObject([{ scope: 'all', reason: 'late_execute_reply', healsByProbe: false }]);
  await db`delete from pauses`;
});

test('an attempt that waits for Conduit longer than usual is told once in half an hour, with the reason', async () => {
  const { db } = test_;
  await db`update transactions set alerted_at = app_now()`;
  const told = async () => (await overlongAttempts(db, TIMING)).map(({ orderId, alert }) => ({ orderId, alert }));
  const created = await aWatchedOrder(db);
  await makeCreated(db, created, await anAttempt(db, created));
  await db`update transactions set lookup_result = 'absent' where order_id = ${created.id}`;
  const executing = await aWatchedOrder(db);
  await makeCreated(db, executing, await anAttempt(db, executing));
  await permitted(executing);
  const age = (order: OrderRow, minutes: number) => db`
    update transactions set updated_at = app_now() - ${minutes} * interval '1 minute', unknown_since = unknown_since - interval '6 minutes'
    where order_id = ${order.id}`;
  await age(created, 4);
  await age(executing, 29);
  expect(await told()).toEqual([]);
  await age(created, 6);
  await age(executing, 31);
  expect(await told()).toEqual([
    { orderId: executing.id, alert: 'execution_slow' },
    { orderId: created.id, alert: 'attempt_absent' },
  ]);
  expect(await told()).toEqual([]);
  await db`update transactions set alerted_at = alerted_at - interval '31 minutes', lookup_result = 'unavailable' where order_id = ${executing.id}`;
  expect(await told()).toEqual([{ orderId: executing.id, alert: 'lookup_unavailable' }]);
});

test('only a look that asked Conduit counts as an attempt; one without a rate moves only an own look that is due', async () => {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  const miss = async (fact: string, isAsked: boolean) =>
    recordMiss(db, {
      orderId: order.id,
      seen: await seenOf(db, order.id),
      fact,
      reason: isAsked ? 'quote_failed' : 'paused',
      code: null,
      look: { rate: null, nextCheckInMs: 1_000, lookInMs: 60_000, failedLooks: 1, isAsked },
    });
  const { lookDueAt } = order;
  await miss('paused:v2', false);
  expect(await orderOf(db, order.id)).toMatchObject({ attempts: 0, lookDueAt, version: 3 });
  await miss('unavailable:v3', true);
  expect(await orderOf(db, order.id)).toMatchObject({ attempts: 1, lookDueAt });
  await db`update orders set look_due_at = app_now() where order_id = ${order.id}`;
  await miss('paused:v4', false);
  const later = await orderOf(db, order.id);
  expect(later.attempts).toBe(1);
  expect(later.lookDueAt).toBeGreaterThan(Date.now() + 30_000);
});
