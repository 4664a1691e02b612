import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { cancelOrder } from '../../../src/db/cancel.ts';
import { findOrder } from '../../../src/db/orders.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { TIMING } from '../db/support.ts';
import { type Lab, openLab } from './lab.ts';

jest.setTimeout(40_000);

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
beforeEach(() => lab.quiet());
afterAll(() => lab?.stop());

/** Only the order is known to have been asked for: the create's answer was lost. */
async function createdUnanswered(): Promise<string> {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({ match: { operation: 'orders.create' }, action: { drop: 'after' } });
  await lab.drive(orderId, ({ next }) => next.kind === 'sleep' && next.waitingFor === 'look_up');
  return orderId;
}

/** An order whose first attempt holds a pending order at Conduit that nobody here wants any more. */
async function orphaned(): Promise<string> {
  const orderId = await lab.order();
  await lab.drive(orderId, ({ next }) => next.kind === 'send_execute');
  const fence = {
    kind: 'fence',
    to: 'watching',
    attemptTo: 'cancelled',
    reason: 'quote_expired',
    code: null,
    pause: null,
  } as const;
  await applyRecord(lab.db, orderId, await lab.seen(orderId), fence, TIMING);
  return orderId;
}

const follow = async (orderId: string) => (await lab.activities.followOrphan({ orderId, attempt: 1 })).result;
const twins = { match: { operation: 'orders.list', times: 'always' }, action: { lookup: { twins: true } } } as const;

test('two orders under one reference: nothing is sent, all is paused and a person called, once; what is resumed stays so', async () => {
  const orderId = await createdUnanswered();
  await lab.conduit.control.armFault(twins);
  const look = async () => (await lab.activities.lookUpAttempt(orderId, await lab.seen(orderId))).result;
  expect(await look()).toBe('ambiguous');
  expect(await lab.pauses()).toEqual(['all two_orders_under_reference']);
  await lab.db`delete from pauses`;
  expect(await look()).toBe('ambiguous');
  expect(await lab.pauses()).toEqual([]);
  expect(lab.rung).toEqual(['page two_orders_under_reference two_orders_under_reference']);
  const { next } = await lab.activities.advanceOrder(orderId, { isLookWanted: false, isFirst: false });
  expect(next.kind === 'sleep' || next.kind === 'look_up').toBe(true);
  expect(await lab.ledger(orderId)).not.toContain('order.claimed');
});

test('a cancel that Conduit neither takes nor refuses is repeated as the look-ups come, not faster', async () => {
  const orderId = await lab.order();
  await lab.conduit.control.armFault(
    { match: { operation: 'orders.execute', times: 'always' }, action: { drop: 'before' } },
    {
      match: { operation: 'orders.cancel', times: 'always' },
      action: { problem: { code: 'ORDER_CANCEL_IN_PROGRESS', status: 409 } },
    },
  );
  await lab.drive(
    orderId,
    ({ next }, did) => did.some((what) => what.startsWith('send_execute')) && next.kind === 'sleep',
  );
  expect(await cancelOrder(lab.db, orderId, 'api', TIMING)).toMatchObject({ answer: 'too_late' });
  const until = Date.now() + 3_000;
  const did = await lab.drive(orderId, () => Date.now() > until);
  const cancels = did.filter((what) => what.startsWith('send_cancel'));
  // A minute of the protocol: at once, and 2, 5, 15 and 45 s after it.
  expect(cancels.length).toBeGreaterThanOrEqual(4);
  expect(cancels.length).toBeLessThanOrEqual(5);
});

test('an orphan that was read as failed, its money on its way, and reads cancelled now, has not ended', async () => {
  const orderId = await orphaned();
  expect(await follow(orderId)).toBe('open');
  await lab.db`
    update transactions set observed = 'terminal', end_kind = 'failed', end_linked = 'open', end_first_read_at = app_now()
    where order_id = ${orderId}`;
  await lab.db`
    update orders set created_at = created_at - interval '2 hours', expires_at = app_now() - interval '1 second'
    where order_id = ${orderId}`;
  await follow(orderId);
  expect(lab.rung).toEqual(['page orphan_executed', 'page end_contradicted']);
  expect(await findOrder(lab.db, orderId)).toMatchObject({ status: 'failed', reason: 'orphan_executed' });
});

test('a hint from Redis that cannot be asked for does not stand between the order and its look-up', async () => {
  const orderId = await createdUnanswered();
  await lab.redis.set(`idempotency:${orderId}:g1:create`, '{"id":"not-an-id"}');
  expect(await lab.activities.lookUpAttempt(orderId, await lab.seen(orderId))).toMatchObject({ result: 'pending' });
});

test('an orphan with a twin: both are cancelled, and its story ends when both have ended', async () => {
  const orderId = await createdUnanswered();
  const fence = {
    kind: 'fence',
    to: 'watching',
    attemptTo: 'cancelled',
    reason: 'expiring',
    code: null,
    pause: null,
  } as const;
  await applyRecord(lab.db, orderId, await lab.seen(orderId), fence, TIMING);
  await lab.conduit.control.armFault(twins);
  expect(await follow(orderId)).toBe('open');
  expect(await follow(orderId)).toBe('ended');
  const cancelled = (await lab.conduit.control.ledger({ reference: `${orderId}:*`, event: 'order.cancelled' })).length;
  expect(cancelled).toBe(2);
  expect(lab.rung).toEqual(['page two_orders_under_reference two_orders_under_reference']);
});

test('an orphan known by its id is ours without a reference, and is cancelled', async () => {
  const orderId = await orphaned();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.get', times: 'always' },
    action: { patch: { '/clientReferenceId': null } },
  });
  expect(await follow(orderId)).toBe('open');
  expect(await follow(orderId)).toBe('ended');
  expect(await lab.ledger(orderId)).toEqual(['order.created', 'order.cancelled']);
});

test('an order that shows another reference under a known id is not read, and not held to be absent', async () => {
  const orderId = await orphaned();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.get', times: 'always' },
    action: { patch: { '/clientReferenceId': 'another:g1' } },
  });
  await lab.db`update transactions set orphan_until = app_now() - interval '1 hour' where order_id = ${orderId}`;
  expect(await follow(orderId)).toBe('open');
  expect(await lab.attempt(orderId)).toMatchObject({ orphanClosedAt: null, lookupResult: 'ambiguous' });
  expect(lab.rung).toEqual(['alert reference_differs']);
});

test('a live one that does stops everything, once, and no request of it is permitted', async () => {
  const orderId = await createdUnanswered();
  await lab.activities.lookUpAttempt(orderId, await lab.seen(orderId));
  await lab.conduit.control.armFault({
    match: { operation: 'orders.get', times: 'always' },
    action: { patch: { '/clientReferenceId': 'another:g1' } },
  });
  const lookUp = async () => lab.activities.lookUpAttempt(orderId, await lab.seen(orderId));
  expect(await lookUp()).toMatchObject({ result: 'ambiguous' });
  expect(await lab.pauses()).toEqual(['all reference_differs']);
  expect(lab.rung).toEqual(['page two_orders_under_reference reference_differs']);
  await lab.db`delete from pauses`;
  await lab.conduit.control.clearFaults();
  // A look-up that brings nothing leaves the doubt, and what a person has resumed is not stopped again.
  await lab.conduit.control.armFault({ match: { operation: 'orders.get' }, action: { html: { status: 502 } } });
  expect(await lookUp()).toMatchObject({ result: 'unavailable' });
  expect((await lab.attempt(orderId)).lookupResult).toBe('ambiguous');
  expect((await lab.activities.sendExecute(orderId, await lab.seen(orderId), 1)).result).toBe('refused');
  expect(await lab.pauses()).toEqual([]);
});

test('an audit that finds the order after all opens its story again and cancels it', async () => {
  const orderId = await orphaned();
  await lab.db`
    update transactions set orphan_closed_at = app_now() - interval '2 days', next_lookup_at = app_now() - interval '1 day'
    where order_id = ${orderId}`;
  expect(await lab.activities.listDueOrphans()).toContainEqual({ orderId, attempt: 1 });
  expect(await follow(orderId)).toBe('open');
  expect(await lab.attempt(orderId)).toMatchObject({ orphanClosedAt: null });
  expect(await follow(orderId)).toBe('ended');
  expect(await lab.ledger(orderId)).toEqual(['order.created', 'order.cancelled']);
});

test('an audit that could not be made is made again by the schedule of look-ups, not at every pass', async () => {
  const orderId = await orphaned();
  await lab.db`
    update transactions set orphan_closed_at = app_now() - interval '2 days', next_lookup_at = app_now() - interval '1 day',
      created_at = app_now() - interval '3 days'
    where order_id = ${orderId}`;
  await lab.conduit.control.armFault({ match: { operation: 'orders.get' }, action: { drop: 'before' } });
  expect(await follow(orderId)).toBe('open');
  expect(await lab.activities.listDueOrphans()).not.toContainEqual({ orderId, attempt: 1 });
});

test('money that moves under a closed attempt ends the order, pauses everything and calls a person', async () => {
  const orderId = await orphaned();
  const { conduitOrderId } = await lab.attempt(orderId);
  await lab.conduit.api.execute(conduitOrderId ?? '');
  await follow(orderId);
  expect(await findOrder(lab.db, orderId)).toMatchObject({ status: 'failed', reason: 'orphan_executed' });
  expect(await lab.pauses()).toEqual(['all orphan_executed']);
  expect(lab.rung).toEqual(['page orphan_executed']);
});
