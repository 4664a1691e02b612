import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createOrderRuns } from '../../../src/activities/order-runs.ts';
import { type ConduitClient, createConduitClient } from '../../../src/clients/conduit/client.ts';
import { cancelOrder } from '../../../src/db/cancel.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { createPatientAsk } from '../../../src/main/admin/conduit.ts';
import { compareProvider } from '../../../src/main/admin/provider-ledger.ts';
import { compareRuns } from '../../../src/main/admin/run-ledger.ts';
import { ORDER_WORKFLOW, orderChanged, orderWorkflowId } from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { createTestNamespace, type TestNamespace } from '../../support/temporal.ts';
import { orderOf, TIMING } from '../db/support.ts';
import {
  type AdminBed,
  anAcceptedOrder,
  aRow,
  atConduit,
  aWatchedOrder,
  makeCreated,
  ORGANISATION,
  openAdminBed,
  stateOf,
} from './support.ts';

jest.setTimeout(60_000);

let bed: AdminBed;
/** Without a worker: what is started stays open, what is told is never read. */
let namespace: TestNamespace;
const clients: ConduitClient[] = [];
const given = process.env['TEMPORAL_NAMESPACE'];

beforeAll(async () => {
  [bed, namespace] = await Promise.all([openAdminBed(), createTestNamespace()]);
  process.env['TEMPORAL_NAMESPACE'] = namespace.namespace;
});
afterAll(async () => {
  process.env['TEMPORAL_NAMESPACE'] = given;
  await bed.db`delete from pauses`;
  await Promise.all([...clients.map((client) => client.close()), namespace.close()]);
  await bed.stop();
});

const runOf = (order: OrderRow) => namespace.temporal.describeOrder(order.id);
const linesAbout = (out: string, id: string) => out.split('\n').filter((line) => line.includes(id));

async function makeCreatedAt(order: OrderRow, conduitOrderId: string): Promise<void> {
  await aRow(bed, order, 1);
  await makeCreated(bed, order.id, 1, conduitOrderId);
}

function ledgerDeps() {
  const apiKey = process.env['CONDUIT_API_KEY'] ?? '';
  const { baseUrl, db } = bed;
  const conduit = createConduitClient({
    baseUrl,
    apiKey,
    timeoutMs: 5_000,
    connectTimeoutMs: 1_000,
    maxConnections: 1,
    permitTtlMs: TIMING.permitTtlMs,
    log: { debug: () => {}, info: () => {} },
  });
  clients.push(conduit);
  const wait = (ms: number) => sleep(ms);
  const asking = createPatientAsk(wait, { say: () => {}, tell: () => {} });
  return { db, conduit, baseUrl, organisation: ORGANISATION, wait, tell: () => {}, settleMs: 0, ...asking };
}

async function aged(order: OrderRow, seconds = 60): Promise<OrderRow> {
  await bed.db`update orders set created_at = created_at - ${seconds} * interval '1 second' where order_id = ${order.id}`;
  return order;
}

/** An order that has ended a minute ago, whose run nobody has told. */
async function anEndedOrderWithItsRun(): Promise<OrderRow> {
  const order = await anAcceptedOrder(bed);
  await namespace.temporal.startOrder(order, 'reconciler');
  await cancelOrder(bed.db, order.id, 'api', TIMING);
  await bed.db`update orders set closed_at = app_now() - interval '1 minute' where order_id = ${order.id}`;
  return order;
}

test('it starts what has no run and ends what is overdue, says so, and finds nothing the second time', async () => {
  const lost = await aged(await anAcceptedOrder(bed));
  const young = await anAcceptedOrder(bed);
  const overdue = await aged(await aWatchedOrder(bed), 7_200);
  await bed.db`update orders set expires_at = app_now() - interval '1 minute' where order_id = ${overdue.id}`;

  const first = await bed.admin('reconcile');

  expect(first).toMatchObject({ code: 0 });
  expect(linesAbout(first.out, lost.id)).toEqual([expect.stringMatching(/^ {2}started +order/)]);
  expect(linesAbout(first.out, overdue.id)).toEqual([expect.stringMatching(/^ {2}expired +order/)]);
  expect(linesAbout(first.out, young.id)).toEqual([]);
  expect(await Promise.all([lost, overdue, young].map(runOf))).toEqual(['running', 'absent', 'absent']);
  expect(await stateOf(bed, overdue.id)).toBe('expired');
  expect(first.out).toMatch(/^Rows and runs: 2 open orders, \d open runs, 0 disagree\.$/m);
  const second = await bed.admin('reconcile');
  expect(second).toMatchObject({ code: 0 });
  expect(second.out).not.toContain(lost.id);
  expect(second.out).not.toContain(overdue.id);
});

test('of two at once each order is ended by one', async () => {
  const orders = await Promise.all(Array.from({ length: 12 }, async () => aged(await aWatchedOrder(bed), 7_200)));
  for (const { id } of orders)
    await bed.db`update orders set expires_at = app_now() - interval '1 minute' where order_id = ${id}`;
  const both = await Promise.all([bed.admin('reconcile'), bed.admin('reconcile')]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  for (const { id } of orders) {
    // The other pass may have found the order still open, and without a run: it starts one that ends itself, and says so.
    const lines = linesAbout(both.map(({ out }) => out).join('\n'), id);
    expect(lines.filter((line) => line.startsWith('  expired '))).toHaveLength(1);
    const events = await bed.db`select 1 from order_events where order_id = ${id} and event = 'expired'`;
    expect(events).toHaveLength(1);
  }
});

test('one order is repaired at once, however young it is', async () => {
  const young = await anAcceptedOrder(bed);
  const ran = await bed.admin(`reconcile --order ${young.id}`);
  expect(ran).toMatchObject({
    code: 0,
    out: expect.stringContaining(`Order ${young.id} is accepted; its run is running.`),
  });
  expect(ran.out).toContain('started');
  expect(await runOf(young)).toBe('running');
  expect(await bed.admin(`reconcile --order ${randomUUID()}`)).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is no order'),
  });
});

test('a run whose row has ended is told; one that does not listen is a disagreement that stays, and code 1', async () => {
  const deaf = await anEndedOrderWithItsRun();
  const ran = await bed.admin(`reconcile --order ${deaf.id}`);
  expect(ran.code).toBe(1);
  expect(linesAbout(ran.out, deaf.id)).toEqual([
    expect.stringMatching(/^ {2}told +order/),
    expect.stringMatching(/^! disagrees order .* is cancelled, and its run is still open$/),
    expect.stringContaining('its run is running'),
  ]);
  expect(await namespace.signalsOf(orderWorkflowId(deaf.id))).toEqual([orderChanged.name]);
  await namespace.temporal.client.workflow.getHandle(orderWorkflowId(deaf.id)).terminate();
});

test('open rows without a run and runs without an open row are both found, young ones aside', async () => {
  const { temporal } = namespace;
  const compare = () => compareRuns({ db: bed.db, temporal, runs: createOrderRuns(temporal, bed.db), settleMs: 0 });
  const lost = await aged(await anAcceptedOrder(bed));
  const young = await anAcceptedOrder(bed);
  const deaf = await anEndedOrderWithItsRun();
  const stranger = { ...young, id: randomUUID() };
  await temporal.startOrder(stranger, 'reconciler');
  const found = await eventually('visibility', async () => {
    const { disagreements } = await compare();
    return disagreements.length === 3 && disagreements;
  });
  expect(new Map(found.map(({ orderId, what }) => [orderId, what]))).toEqual(
    new Map([
      [lost.id, 'is accepted, and it has no run'],
      [deaf.id, 'is cancelled, and its run is still open'],
      [stranger.id, 'has a run, and there is no such order here'],
    ]),
  );
  for (const { id } of [deaf, stranger]) await temporal.client.workflow.getHandle(orderWorkflowId(id)).terminate();
  await eventually('visibility', async () => (await compare()).disagreements.length === 1);
});

test('a run that somebody began by hand under a name of his own is not taken for an order', async () => {
  const { client } = namespace.temporal;
  const workflowId = 'order-by-hand';
  await client.workflow.start(ORDER_WORKFLOW, { workflowId, taskQueue: 'nobody', args: [] });
  await client.workflow.getHandle(workflowId).terminate('a test');
  const order = await anAcceptedOrder(bed);
  await namespace.temporal.startOrder(order, 'reconciler');
  await client.workflow.getHandle(orderWorkflowId(order.id)).terminate('a test');
  await eventually('the closed run', async () => {
    const closed = await namespace.temporal.recentlyClosedOrders(3_600_000, 500);
    return closed.includes(order.id);
  });
  await eventually('the run by hand', async () => {
    const query = `WorkflowId = '${workflowId}' and ExecutionStatus = 'Terminated'`;
    return (await client.workflow.count(query)).count === 1;
  });
  const closed = await namespace.temporal.recentlyClosedOrders(3_600_000, 500);
  expect(closed.filter((id) => !/^[0-9a-f-]{36}$/.test(id))).toEqual([]);
});

test('Temporal away is one clear line', async () => {
  process.env['TEMPORAL_ADDRESS'] = '127.0.0.1:1';
  try {
    const ran = await bed.admin('reconcile');
    expect(ran).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^Temporal .* does not answer/) });
  } finally {
    process.env['TEMPORAL_ADDRESS'] = namespace.settings.connectionOptions.address;
  }
});

test("rows are held against Conduit's orders: what agrees, what is followed, what is lost and what contradicts", async () => {
  const agreeing = await aWatchedOrder(bed);
  await makeCreatedAt(agreeing, await atConduit(bed, agreeing, 1, 'pending'));
  const lost = await aWatchedOrder(bed);
  await atConduit(bed, lost, 1, 'claimed');
  const behind = await aWatchedOrder(bed);
  await makeCreatedAt(behind, await atConduit(bed, behind, 1, 'succeeded'));
  const vanished = await aWatchedOrder(bed);
  await makeCreatedAt(vanished, 'ord_0000000000000000000000');
  const orphaned = await aWatchedOrder(bed);
  await makeCreatedAt(orphaned, await atConduit(bed, orphaned, 1, 'pending'));
  await cancelOrder(bed.db, orphaned.id, 'api', TIMING);
  const before = await bed.db`select md5(string_agg(t::text, '' order by order_id)) from transactions t`;
  const ran = await compareProvider(ledgerDeps(), Date.now() - 3_600_000);
  expect(Object.fromEntries(ran.disagreements.map(({ reference, what }) => [reference, what]))).toEqual({
    [`${lost.id}:g1`]: expect.stringContaining('its row is lost'),
    [`${behind.id}:g1`]: expect.stringContaining('has succeeded, and our attempt is created'),
    [`${vanished.id}:g1`]: 'our row has ord_0000000000000000000000, and Conduit does not show it',
  });
  expect(ran.orphans).toBe(1);
  expect(await bed.db`select md5(string_agg(t::text, '' order by order_id)) from transactions t`).toEqual(before);
  expect((await orderOf(bed.db, behind.id)).status).toBe('watching');
});

test('while the gate is closed Conduit is not asked, and a 429 closes it for everybody', async () => {
  await bed.db`update provider_gate set closed_until = app_now() + interval '2 minutes'`;
  const sinceMs = Date.now();
  await expect(compareProvider(ledgerDeps(), Date.now() - 3_600_000)).rejects.toThrow('left alone for');
  expect(await bed.simulator.requestCounts({ sinceMs })).toEqual({});
  await bed.db`update provider_gate set closed_until = '-infinity'`;
  await bed.simulator.armFault({
    match: { operation: 'orders.list', times: 1 },
    action: { rateLimited: { retryAfterSeconds: 1 } },
  });
  await compareProvider(ledgerDeps(), Date.now());
  const [gate] = await bed.db`select closed_until > app_now() - interval '30 seconds' as is_closed from provider_gate`;
  expect(gate?.['isClosed']).toBe(true);
});
