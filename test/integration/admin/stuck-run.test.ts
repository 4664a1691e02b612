import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createOrderRuns } from '../../../src/activities/order-runs.ts';
import { connectTemporal, type Temporal } from '../../../src/clients/temporal.ts';
import { cancelOrder } from '../../../src/db/cancel.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import {
  ORDER_TASK_QUEUE,
  orderChanged,
  orderWorkflowId,
  rateWatchWorkflowId,
} from '../../../src/workflows/messages.ts';
import { createTestNamespace, type TestNamespace } from '../../support/temporal.ts';
import { TIMING } from '../db/support.ts';
import { type AdminBed, anAcceptedOrder, openAdminBed } from './support.ts';

jest.setTimeout(60_000);

let bed: AdminBed;
let namespace: TestNamespace;
/** Takes a task that has just failed three times for stuck already. */
let hasty: Temporal;

beforeAll(async () => {
  [bed, namespace] = await Promise.all([openAdminBed(), createTestNamespace()]);
  hasty = connectTemporal(namespace.settings, { stuckAfterMs: 0 });
});
afterAll(async () => {
  await Promise.all([hasty.close(), namespace.close()]);
  await bed.stop();
});

const runIdOf = async ({ id }: OrderRow) =>
  (await namespace.temporal.client.workflow.getHandle(orderWorkflowId(id)).describe()).runId;

/** Fails the only task that waits as often, as code does that cannot follow its run. */
async function failTask(workflowId: string, times: number, betweenTries?: () => Promise<void>): Promise<void> {
  const { temporal } = namespace;
  const { workflowService } = temporal.client.connection;
  for (let attempt = 1; attempt <= times; attempt += 1) {
    const poll = { namespace: namespace.namespace, taskQueue: { name: ORDER_TASK_QUEUE }, identity: 'test' };
    const task = await temporal.call(() => workflowService.pollWorkflowTaskQueue(poll), 30_000);
    expect(task.workflowExecution?.workflowId).toBe(workflowId);
    await workflowService.respondWorkflowTaskFailed({ ...poll, taskToken: task.taskToken });
    await betweenTries?.();
  }
}

async function anOrderThatFails(times: number, betweenTries?: (order: OrderRow) => Promise<void>): Promise<OrderRow> {
  const order = await anAcceptedOrder(bed);
  await namespace.temporal.startOrder(order, 'reconciler');
  await failTask(orderWorkflowId(order.id), times, () => betweenTries?.(order) ?? Promise.resolve());
  return order;
}

/** So that the next test finds no task of it. */
const leave = ({ id }: OrderRow) => namespace.temporal.client.workflow.getHandle(orderWorkflowId(id)).terminate();

test('the run of an open order whose task fails again and again is replaced by a new one', async () => {
  const order = await anOrderThatFails(3);
  const old = await runIdOf(order);
  expect(await hasty.describeOrder(order.id)).toBe('stuck');

  expect(await createOrderRuns(hasty, bed.db).startOrder(order.id)).toBe('replaced');

  expect(await hasty.describeOrder(order.id)).toBe('running');
  expect(await runIdOf(order)).not.toBe(old);
  await leave(order);
});

test('a run that took the place of a stuck one meanwhile is not replaced itself', async () => {
  const order = await anOrderThatFails(3);
  const old = await runIdOf(order);
  let next = '';
  const describeOrder: Temporal['describeOrder'] = async (orderId) => {
    const run = await hasty.describeOrder(orderId);
    await createOrderRuns(hasty, bed.db).startOrder(orderId);
    next = await runIdOf(order);
    return run;
  };
  expect(await createOrderRuns({ ...hasty, describeOrder }, bed.db).startOrder(order.id)).toBe('running');
  expect(next).not.toBe(old);
  expect(await runIdOf(order)).toBe(next);
  await leave(order);
});

test('signals that come in between its tries do not hide it', async () => {
  // Each of them makes Temporal count the tries from one again; the reconciler sends them itself.
  const order = await anOrderThatFails(3, async ({ id }) => {
    await namespace.temporal.signalOrder(id, orderChanged);
  });
  expect(await hasty.describeOrder(order.id)).toBe('stuck');
  await leave(order);
});

test('a task that has failed for a moment, or once, leaves its run alone', async () => {
  const often = await anOrderThatFails(3);
  expect(await namespace.temporal.describeOrder(often.id)).toBe('running');
  await leave(often);
  const once = await anOrderThatFails(1);
  expect(await hasty.describeOrder(once.id)).toBe('running');
  await leave(once);
});

test('the stuck run of an order that has ended is ended', async () => {
  const order = await anOrderThatFails(3);
  await cancelOrder(bed.db, order.id, 'api', TIMING);
  const runs = createOrderRuns(hasty, bed.db);
  expect(await runs.endStuckRun(order.id)).toBe(true);
  expect(await hasty.describeOrder(order.id)).toBe('ended');
  // Once more, when there is nothing left to end.
  expect(await runs.endStuckRun(order.id)).toBe(false);
});

test('a run of an ended order that is not stuck any more is left to end by itself', async () => {
  const order = await anOrderThatFails(3);
  await createOrderRuns(hasty, bed.db).startOrder(order.id);
  await cancelOrder(bed.db, order.id, 'api', TIMING);
  expect(await createOrderRuns(hasty, bed.db).endStuckRun(order.id)).toBe(false);
  expect(await hasty.describeOrder(order.id)).toBe('running');
  await leave(order);
});

test('a watcher whose task fails again and again is replaced by a new one, and one that goes on is only told', async () => {
  const pair = 'USD-EUR';
  const watcher = namespace.temporal.client.workflow.getHandle(rateWatchWorkflowId(pair));
  const runId = async () => (await watcher.describe()).runId;
  const runs = createOrderRuns(hasty, bed.db);
  await runs.keepWatching(pair);
  const first = await runId();
  await runs.keepWatching(pair);
  expect(await runId()).toBe(first);

  await failTask(rateWatchWorkflowId(pair), 3);
  await runs.keepWatching(pair);
  expect(await runId()).not.toBe(first);
  await watcher.terminate();
});
