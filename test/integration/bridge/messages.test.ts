import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { cancelOrder } from '../../../src/db/cancel.ts';
import { ORDER_TASK_QUEUE, orderWorkflowId, rateWatchWorkflowId } from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { closeHarnesses, createHarness, type Harness, PAIR, placeOrder, type TestBridge, timing } from './harness.ts';

jest.setTimeout(20_000);

let harness: Harness;
let one: TestBridge;

beforeAll(async () => {
  harness = await createHarness();
  one = harness.start();
  await eventually('the subscriptions', async () => one.bridge.checks.pubsub());
});
afterAll(closeHarnesses);

const signalsOf = (orderId: string) => harness.namespace.signalsOf(orderWorkflowId(orderId));
const runOf = (orderId: string) => harness.namespace.temporal.client.workflow.getHandle(orderWorkflowId(orderId));

test('a placed order gets its run, found by its search attributes, and its pair a watcher', async () => {
  const order = await placeOrder(harness.db);

  const run = await eventually('the run', () => runOf(order.id).describe());
  expect(await run.staticSummary()).toBe('20.00 USDT.ethereum → USDC.ethereum at >= 0.92');
  expect(await run.staticDetails()).not.toContain(order.sourceAccount);
  const query = `OrderPair = '${PAIR}' and OrderUser = '${order.userId}' and OrderStatus = 'accepted'
    and OrderDirection = '>=' and OrderExpiresAt > '${new Date().toISOString()}'`;
  await eventually(
    'visibility',
    async () => (await harness.namespace.temporal.client.workflow.count(query)).count === 1,
  );
  await eventually('the watcher', async () => (await harness.namespace.signalsOf(rateWatchWorkflowId(PAIR))) !== null);
});

test('a pair of many orders gets one signal per interval from each bridge', async () => {
  const pair = 'USD-EUR';
  const placed = await Promise.all(Array.from({ length: 12 }, () => placeOrder(harness.db, { pair })));

  await eventually('all the runs', async () => {
    const seen = await Promise.all(placed.map(({ id }) => signalsOf(id)));
    return seen.every((signals) => signals !== null);
  });
  await eventually('all the acks', async () => (await one.count('order-checks', 'started')) >= placed.length);
  expect(await harness.namespace.signalsOf(rateWatchWorkflowId(pair))).toEqual(['orderOpened']);
});

test('a duplicate message starts nothing twice', async () => {
  const order = await placeOrder(harness.db, { announced: false });
  const before = await one.count('order-checks', 'started');

  for (let i = 0; i < 5; i += 1) await harness.project.send('order-checks', { v: 1, order_id: order.id });

  await eventually('five handled messages', async () => (await one.count('order-checks', 'started')) === before + 5);
  await eventually('visibility', async () => (await harness.namespace.countRuns(orderWorkflowId(order.id))) > 0);
  expect(await harness.namespace.countRuns(orderWorkflowId(order.id))).toBe(1);
});

test('a message for a finished order starts nothing', async () => {
  const order = await placeOrder(harness.db, { announced: false });
  await cancelOrder(harness.db, order.id, 'api', timing);

  await harness.project.send('order-checks', { v: 1, order_id: order.id });

  await eventually('the ack', async () => (await one.count('order-checks', 'finished')) === 1);
  expect(await signalsOf(order.id)).toBeNull();
});

test('a late message does not start a completed run again, but one that was terminated', async () => {
  const own = await createHarness();
  const { temporal, complete } = own.namespace;
  const runOf = (id: string) => temporal.client.workflow.getHandle(orderWorkflowId(id)).describe();
  const completed = await placeOrder(own.db, { announced: false });
  await temporal.startOrder(completed, 'bridge');
  await complete(orderWorkflowId(completed.id), ORDER_TASK_QUEUE);
  const terminated = await placeOrder(own.db, { announced: false });
  await temporal.startOrder(terminated, 'bridge');
  await temporal.client.workflow.getHandle(orderWorkflowId(terminated.id)).terminate();
  const before = await runOf(terminated.id);

  const bridge = own.start();
  await eventually('the subscriptions', async () => bridge.bridge.checks.pubsub());
  for (const { id } of [completed, terminated]) await own.project.send('order-checks', { v: 1, order_id: id });

  await eventually('the ack', async () => (await bridge.count('order-checks', 'closed')) === 1);
  expect((await runOf(completed.id)).status.name).toBe('COMPLETED');
  await eventually('a new run', async () => (await runOf(terminated.id)).runId !== before.runId);
});

test('a change is signalled unless the run itself made it; without a run the message is done', async () => {
  const order = await placeOrder(harness.db);
  await eventually('the run', () => signalsOf(order.id));
  const change = { v: 1, order_id: order.id, version: 2 };
  const [ignored, lost] = [await one.count('order-changes', 'ignored'), await one.count('order-changes', 'no_run')];

  await harness.project.send('order-changes', { ...change, actor: 'workflow' });
  await harness.project.send('order-changes', { ...change, order_id: randomUUID(), actor: 'api' });
  await harness.project.send('order-changes', { ...change, actor: 'api' });

  await eventually('the signal', async () => (await signalsOf(order.id))?.length === 1);
  await eventually('the acks', async () => (await one.count('order-changes', 'no_run')) === lost + 1);
  await eventually('the ack of our own', async () => (await one.count('order-changes', 'ignored')) === ignored + 1);
  expect(await signalsOf(order.id)).toEqual(['orderChanged']);
});

test('a cancel reaches the run by way of the outbox', async () => {
  const order = await placeOrder(harness.db);
  await eventually('the run', () => signalsOf(order.id));

  await cancelOrder(harness.db, order.id, 'api', timing);

  await eventually('the signal', async () => (await signalsOf(order.id))?.includes('orderChanged'));
});

test("a webhook brings the live attempt's look-up forward and wakes the run", async () => {
  const order = await placeOrder(harness.db);
  await harness.db`
    insert into transactions (order_id, attempt, status, reference, base_url, organisation, quote_id, quote_option_id, quote_rate,
      option_expires_at, quoted_debit, quoted_recipient, quoted_destination_fee, direction, target_rate, all_in_rate, next_lookup_at)
    values (${order.id}, 1, 'prepared', ${`${order.id}:g1`}, 'http://conduit', 'org', 'quo_1', ${randomUUID()}, 0.92,
      app_now() + interval '1 minute', 20, 18.4, 0, '>=', 0.92, 0.92, app_now() + interval '1 hour')`;
  await eventually('the run', () => signalsOf(order.id));

  await harness.project.send('conduit-events', { v: 1, order_id: order.id, event_id: 'evt_1' });

  await eventually('the signal', async () => (await signalsOf(order.id))?.includes('conduitOrderChanged'));
  const [attempt] = await harness.db<{ isDue: boolean }[]>`
    select next_lookup_at <= app_now() as is_due from transactions where order_id = ${order.id}`;
  expect(attempt?.isDue).toBe(true);
});

test('malformed messages are parked with their reason and attributes, never tried again, and hold up no other', async () => {
  const order = await placeOrder(harness.db, { announced: false });
  const wrong: Record<string, unknown> = {
    not_json: Buffer.from('{"v":1,'),
    wrong_shape: { v: 1, order_id: 'not-a-uuid' },
    unknown_version: { v: 2, order_id: order.id },
    unknown_order: { v: 1, order_id: randomUUID() },
    too_large: Buffer.alloc(9_000_000, ' '),
  };
  for (const [name, payload] of Object.entries(wrong)) await harness.project.send('order-checks', payload, { name });
  await harness.project.send('order-checks', { v: 1, order_id: order.id });

  await eventually('the good one', () => signalsOf(order.id));
  const parked = await eventually('the dead letters', async () => {
    const all = harness.project.parked('order-checks');
    return all.length >= Object.keys(wrong).length && all;
  });
  for (const [name, payload] of Object.entries(wrong)) {
    const letter = parked.find(({ attributes }) => attributes['name'] === name);
    expect(letter?.attributes).toMatchObject({ parked_reason: name, parked_topic: 'order-checks' });
    expect(letter?.data.equals(Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload)))).toBe(true);
  }
  expect(parked).toHaveLength(Object.keys(wrong).length);
  expect(await one.count('order-checks', 'parked')).toBe(parked.length);
  expect(await one.count('order-checks', 'retried')).toBe(0);
});
