import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { findOrder, type OrderRow } from '../../../src/db/orders.ts';
import { type Lab, openLab } from './lab.ts';

jest.setTimeout(40_000);

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
beforeEach(() => lab.quiet());
afterAll(() => lab?.stop());

async function rowOf(orderId: string): Promise<OrderRow> {
  const order = await findOrder(lab.db, orderId);
  if (!order) throw new Error(`there is no order ${orderId}`);
  return order;
}

test('an order that is met is quoted, created, executed and settled, between its own two accounts', async () => {
  const orderId = await lab.order();
  const did = await lab.drive(orderId);
  expect(did.slice(0, 3)).toEqual(['look: hit', 'send_create: accepted', 'send_execute: accepted']);
  expect(did.slice(3).every((what) => what.startsWith('look_up: '))).toBe(true);
  expect(await lab.ledger(orderId)).toEqual(['order.created', 'order.claimed', 'order.succeeded']);
  const { sourceAccount, destinationAccount, status } = await rowOf(orderId);
  expect(status).toBe('executed');
  expect(await lab.conduit.control.order(`${orderId}:g1`)).toMatchObject({
    order: { source: { id: sourceAccount }, destination: { id: destinationAccount } },
  });
});

test.each([
  ['another destination', '/destination/id', 'wlt_somebodyElses'],
  ['no destination', '/destination', null],
  ['another source', '/source/id', 'wlt_somebodyElses'],
  ['another option', '/quoteOptionId', 'qop_another'],
])('an order of Conduit with %s than asked for is given up and never executed', async (_, pointer, value) => {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.create' },
    action: { patch: { [pointer]: value } },
  });
  await lab.drive(orderId, ({ reason }) => reason === 'lock_unacceptable');
  expect(await lab.attempt(orderId)).toMatchObject({ lockFault: 'accounts', status: 'cancelled', closedBy: 'fence' });
  await lab.activities.followOrphan({ orderId, attempt: 1 });
  await lab.activities.followOrphan({ orderId, attempt: 1 });
  expect(await lab.ledger(orderId)).toEqual(['order.created', 'order.cancelled']);
  expect(await lab.attempt(orderId)).toMatchObject({ orphanClosedAt: expect.any(Number) });
});

test('an order of Conduit that executes by itself pauses everything and calls a person when it is read, whoever fences it', async () => {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.create' },
    action: { autoExecuteDespiteFalse: true },
  });
  await lab.drive(orderId, ({ next }) => next.kind === 'send_create');
  await lab.activities.sendCreate(orderId, await lab.seen(orderId));
  expect(await lab.pauses()).toEqual(['all auto_execute_ignored']);
  expect(lab.rung).toEqual(['page auto_execute_ignored']);
});

test("a create's reply that shows its order executing already is followed, not executed", async () => {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.create' },
    action: { patch: { '/executionTrigger': 'client' } },
  });
  await lab.drive(orderId, ({ status }) => status === 'executing');
  expect(await lab.attempt(orderId)).toMatchObject({ status: 'executing', observed: 'claimed' });
  expect(lab.rung).toEqual(['page claimed_without_execute']);
  expect(await lab.ledger(orderId)).toEqual(['order.created']);
});

test('an account that Conduit refuses pauses both accounts of the order; each comes back when Conduit reads it in use', async () => {
  const orderId = await lab.order();
  const { destinationAccount } = await rowOf(orderId);
  await lab.conduit.control.deactivateAccount(destinationAccount, 'DESTINATION_NOT_ACTIVATED');
  await lab.drive(orderId, ({ reason }) => reason === 'paused');
  expect(await lab.pauses()).toEqual(['account DESTINATION_NOT_ACTIVATED', 'account DESTINATION_NOT_ACTIVATED']);
  expect(lab.rung).toEqual(['alert access_refused']);
  expect(await lab.activities.probePauses()).toBe(1);
  expect(await lab.pauses()).toEqual(['account DESTINATION_NOT_ACTIVATED']);
  await lab.conduit.control.activateAccount(destinationAccount);
  expect(await lab.activities.probePauses()).toBe(1);
  expect(await lab.pauses()).toEqual([]);
});

test('a probe that is told to wait closes the gate, and none is sent while it is closed', async () => {
  await lab.order();
  await lab.db`insert into pauses (scope, reason, automatic, heals_by_probe) values ('account:wlt_probe', 'X', true, true)`;
  await lab.conduit.control.armFault({
    match: { operation: 'wallets.get' },
    action: { rateLimited: { retryAfterSeconds: 60 } },
  });
  expect(await lab.activities.probePauses()).toBe(0);
  const sinceMs = Date.now();
  expect(await lab.activities.probePauses()).toBe(0);
  expect(await lab.conduit.control.requestCounts({ sinceMs })).toEqual({});
});

test("a gateway's 429 proves nothing of the send, and closes the gate for everybody", async () => {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.create' },
    action: { html: { status: 429, when: 'before' } },
  });
  const did = await lab.drive(orderId, ({ next }) => next.kind === 'sleep' && next.waitingFor === 'look_up');
  expect(did).toEqual(['look: hit', 'send_create: unknown MALFORMED_REPLY']);
  const [gate] = await lab.db`select 1 from provider_gate where closed_until > app_now()`;
  expect(gate).toBeDefined();
  const { seen } = await lab.activities.advanceOrder(orderId, { isLookWanted: false, isFirst: false });
  expect(await lab.activities.lookUpAttempt(orderId, seen)).toMatchObject({ result: 'gate_closed' });
});

test('an execute without an answer is looked up; once its key is old the order is cancelled there, and tried again', async () => {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.execute', times: 'always' },
    action: { drop: 'before' },
  });
  const did = await lab.drive(orderId, ({ seen }, so) => so.length > 0 && seen.attempt === null);
  expect(did.filter((what) => what.startsWith('send_execute'))).toHaveLength(3);
  expect(did).toContain('send_cancel: accepted');
  expect(await lab.attempt(orderId)).toMatchObject({ status: 'cancelled', closedBy: 'reading', endKind: 'cancelled' });
  expect(await lab.ledger(orderId)).toEqual(['order.created', 'order.cancelled']);
  expect(await rowOf(orderId)).toMatchObject({ status: 'watching', reason: 'attempt_without_effect' });
});

test('no cancel is sent to Conduit while it takes no calls', async () => {
  const orderId = await lab.order();
  await lab.drive(orderId, ({ next }) => next.kind === 'send_execute');
  await lab.db`update provider_gate set closed_until = app_now() + interval '1 minute'`;
  const sinceMs = Date.now();
  const seen = await lab.seen(orderId);
  expect(await lab.activities.sendCancel(orderId, seen, 1)).toMatchObject({ result: 'gate_closed' });
  expect(await lab.conduit.control.requestCounts({ sinceMs })).toEqual({});
});

test('an attempt of another organisation sends nothing, pauses everything and calls a person once', async () => {
  const orderId = await lab.order();
  await lab.drive(orderId, ({ next }) => next.kind === 'send_create');
  const elsewhere = lab.activitiesWith((real) => real, { organisation: 'another' });
  expect(await elsewhere.sendCreate(orderId, await lab.seen(orderId))).toMatchObject({ result: 'refused' });
  await elsewhere.lookUpAttempt(orderId, await lab.seen(orderId));
  await elsewhere.lookUpAttempt(orderId, await lab.seen(orderId));
  expect(await lab.pauses()).toEqual(['all other_organisation']);
  expect(lab.rung).toEqual([
    'page two_orders_under_reference other_organisation',
    'page two_orders_under_reference other_organisation',
  ]);
  expect(await lab.ledger(orderId)).toEqual([]);
});
