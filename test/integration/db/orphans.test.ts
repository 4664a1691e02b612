import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { findAttempt } from '../../../src/db/attempts.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { alarmForOrphan, closeOrphan, closeOrphanByHand, markOrphanAlarmed } from '../../../src/db/orphans.ts';
import { liftPause, listPauses } from '../../../src/db/pauses.ts';
import { takePermit } from '../../../src/db/permits.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { anAttempt, aWatchedOrder, makeCreated, openTestDb, orderOf, seenOf, type TestDb, TIMING } from './support.ts';

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

/** An order whose first attempt was fenced, pending at Conduit, and whose second one is ready to execute. */
async function pendingUnderAClosedAttempt(): Promise<OrderRow> {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await makeCreated(db, order, await anAttempt(db, order));
  const fence = {
    kind: 'fence',
    to: 'watching',
    attemptTo: 'cancelled',
    reason: 'quote_expired',
    code: null,
    pause: null,
  } as const;
  await applyRecord(db, order.id, await seenOf(db, order.id), fence, TIMING);
  await makeCreated(db, order, await anAttempt(db, order));
  return order;
}

/** The same, whose first attempt was then seen claimed at Conduit. */
async function claimedUnderAClosedAttempt(): Promise<OrderRow> {
  const order = await pendingUnderAClosedAttempt();
  await test_.db`update transactions set observed = 'claimed' where order_id = ${order.id} and attempt = 1`;
  return order;
}

async function permitExecute(order: OrderRow) {
  const seen = await seenOf(test_.db, order.id);
  return takePermit(
    test_.db,
    { orderId: order.id, seen, operation: 'execute', keyNumber: 1, makeBody: () => '' },
    TIMING,
  );
}

test('no execute is permitted while money was seen moving under another attempt, pause or none', async () => {
  expect(await permitExecute(await claimedUnderAClosedAttempt())).toBeNull();
  expect(await permitExecute(await pendingUnderAClosedAttempt())).not.toBeNull();
});

test('money under a closed attempt ends the order, fences the live attempt and pauses everything, whatever was read before', async () => {
  const order = await claimedUnderAClosedAttempt();
  expect(await alarmForOrphan(test_.db, order.id, 1, TIMING)).toMatchObject({
    isNew: true,
    order: { status: 'failed' },
  });
  expect(await orderOf(test_.db, order.id)).toMatchObject({ status: 'failed', reason: 'orphan_executed' });
  const [live] =
    await test_.db`select status, closed_by from transactions where order_id = ${order.id} and attempt = 2`;
  expect(live).toEqual({ status: 'cancelled', closedBy: 'fence' });
  expect(await listPauses(test_.db)).toMatchObject([{ scope: 'all', reason: 'orphan_executed', healsByProbe: false }]);
  await liftPause(test_.db, 'all');
});

test('an orphan under which money was seen to move is not closed before its alarm has ended the order, nor by hand', async () => {
  const { db } = test_;
  const order = await claimedUnderAClosedAttempt();
  const row = async () => {
    const found = await findAttempt(db, order.id, 1);
    if (!found) throw new Error('the attempt is gone');
    return found;
  };
  const byHand = () =>
    closeOrphanByHand(db, {
      orderId: order.id,
      attempt: 1,
      here: { baseUrl: 'https://elsewhere', organisation: 'another' },
      isForced: true,
      by: 'a test',
      reason: 'none',
    });
  expect(await closeOrphan(db, await row(), () => true)).toBe(false);
  expect(await byHand()).toEqual({ kind: 'moving' });
  await alarmForOrphan(db, order.id, 1, TIMING);
  await liftPause(db, 'all');
  // By whoever has read it as it is now.
  expect(await closeOrphan(db, await row(), () => false)).toBe(false);
  expect(await closeOrphan(db, { ...(await row()), orphanClosedAt: 1 }, () => true)).toBe(false);
  expect(await closeOrphan(db, await row(), () => true)).toBe(true);
  expect((await row()).orphanClosedAt).not.toBeNull();
});

test('an orphan rings once; an order that could not be ended then is ended at a later pass, without a second pause', async () => {
  const { db } = test_;
  const order = await pendingUnderAClosedAttempt();
  expect(await permitExecute(order)).not.toBeNull();
  await db`update transactions set observed = 'claimed' where order_id = ${order.id} and attempt = 1`;
  expect(await alarmForOrphan(db, order.id, 1, TIMING)).toMatchObject({ isNew: true, order: { status: 'executing' } });
  await markOrphanAlarmed(db, order.id, 1);
  await liftPause(db, 'all');
  await db`update conduit_sends set outcome = 'no_effect', code = 'INSUFFICIENT_FUNDS', replied_at = app_now() where order_id = ${order.id}`;
  const refused = { kind: 'execute_refused', reason: 'insufficient_funds', code: null, pause: null } as const;
  await applyRecord(db, order.id, await seenOf(db, order.id), refused, TIMING);
  expect(await permitExecute(order)).toBeNull();
  expect(await alarmForOrphan(db, order.id, 1, TIMING)).toMatchObject({ isNew: false, order: { status: 'failed' } });
  expect(await listPauses(db)).toEqual([]);
});
