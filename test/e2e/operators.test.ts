import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import Long from 'long';
import { ORDER_STATUS, rateWatchWorkflowId } from '../../src/workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { createWorld, PAIR, type World, workflowOf } from '../support/world.ts';

jest.setTimeout(120_000);

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await Promise.all([world.start('api'), world.start('bridge'), world.start('worker')]);
});
afterAll(() => world?.stop());
beforeEach(async () => {
  await world.simulator.setRate(PAIR, '0.9150');
  await world.simulator.setKnobs({ settlementHeld: false });
});

async function untilWatching(orderId: string): Promise<void> {
  await eventually('the order to be watched', async () => (await world.api.read(orderId)).status === 'watching');
}

async function untilRunning(orderId: string, isRunning = true): Promise<void> {
  await eventually(
    `the run to be ${isRunning ? 'open' : 'closed'}`,
    async () => ((await workflowOf(world, orderId).describe()).status.name === 'RUNNING') === isRunning,
    60_000,
  );
}

test('a terminated run is started again by the reconciler, and the order executes once', async () => {
  const { order_id } = await world.place();
  await untilWatching(order_id);
  await workflowOf(world, order_id).terminate('an operator was here');
  await untilRunning(order_id);
  await world.simulator.setRate(PAIR, '0.93');
  expect(await world.ended(order_id)).toMatchObject({ status: 'executed' });
  expect(await world.claims(order_id)).toBe(1);
});

test('a run that is terminated while executing is started again and finds the execution', async () => {
  await world.simulator.setKnobs({ settlementHeld: true });
  await world.simulator.setRate(PAIR, '0.93');
  const { order_id } = await world.place();
  await eventually('the claim', async () => (await world.claims(order_id)) === 1);
  await workflowOf(world, order_id).terminate('an operator was here');
  await world.simulator.settle(`${order_id}:g1`);
  expect(await world.ended(order_id, 90_000)).toMatchObject({ status: 'executed' });
  expect(await world.claims(order_id)).toBe(1);
});

test('a run that is reset while executing does nothing twice', async () => {
  await world.simulator.setKnobs({ settlementHeld: true });
  await world.simulator.setRate(PAIR, '0.93');
  const { order_id } = await world.place();
  await eventually('the claim', async () => (await world.claims(order_id)) === 1);
  const { runId } = await workflowOf(world, order_id).describe();
  await world.temporal.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: `order-${order_id}`, runId },
    reason: 'an operator was here',
    workflowTaskFinishEventId: Long.fromNumber(4),
    requestId: randomUUID(),
  });
  await world.simulator.settle(`${order_id}:g1`);
  expect(await world.ended(order_id, 60_000)).toMatchObject({ status: 'executed' });
  expect(await world.claims(order_id)).toBe(1);
});

test("Temporal's cancellation of a watching order's run cancels the order", async () => {
  const { order_id } = await world.place();
  await untilWatching(order_id);
  await workflowOf(world, order_id).cancel();
  expect(await world.ended(order_id)).toMatchObject({ status: 'cancelled' });
  await untilRunning(order_id, false);
  expect((await workflowOf(world, order_id).describe()).status.name).toBe('COMPLETED');
});

test('a cancel before the workflow exists is honoured: nothing is ever sent', async () => {
  await world.child('bridge').stop();
  const { order_id } = await world.place();
  expect(await world.api.cancel(order_id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  await world.simulator.setRate(PAIR, '0.93');
  await world.start('bridge');
  await eventually('the outbox to be empty', async () => {
    const [row] = await world.db<{ n: number }[]>`select count(*)::int as n from outbox where published_at is null`;
    return row?.n === 0;
  });
  expect((await world.api.read(order_id)).status).toBe('cancelled');
  expect(await world.ledger(order_id)).toHaveLength(0);
});

test('a watcher that is ending while an order arrives goes on or is followed by another', async () => {
  const pair = 'USDC.ethereum-USDT.ethereum';
  await world.simulator.setRate(pair, '1.0');
  const place = (target_rate: string) => world.place({ from_currency: 'USDC', to_currency: 'USDT', target_rate });
  const first = await place('1.5');
  const watcher = () => world.temporal.client.workflow.getHandle(rateWatchWorkflowId(pair)).describe();
  await eventually('the watcher to run', async () => (await watcher()).status.name === 'RUNNING');
  await world.api.cancel(first.order_id);
  await eventually('the watcher to end', async () => (await watcher()).status.name === 'COMPLETED', 40_000);
  const second = await place('0.98');
  expect(await world.ended(second.order_id)).toMatchObject({ status: 'executed' });
});

test('the Web UI alone tells what an order waits for and what it is about', async () => {
  const { order_id } = await world.place();
  await untilWatching(order_id);
  const run = workflowOf(world, order_id);
  const metadata = await run.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('waits for an all-in rate >= 0.92');
  const { staticSummary, typedSearchAttributes } = await run.describe().then(async (it) => ({
    staticSummary: await it.staticSummary(),
    typedSearchAttributes: it.typedSearchAttributes,
  }));
  expect(staticSummary).toContain('20');
  expect(typedSearchAttributes.get(ORDER_STATUS)).toBe('watching');
  await world.api.cancel(order_id);
});

test('an order whose record fails each time is told, stands still, and goes on by itself when it can be written again', async () => {
  const { order_id } = await world.place();
  await untilWatching(order_id);
  const { db } = world;
  await db.unsafe(`create function refuse() returns trigger language plpgsql as $$ begin
    if new.order_id = '${order_id}' then raise exception 'none of our code expects this'; end if; return new; end $$`);
  await db`create trigger refused before update of version on orders for each row execute function refuse()`;
  await world.simulator.setRate(PAIR, '0.93');
  const failures = async () => {
    const counts = (await world.metrics('worker')).matchAll(/^order_activity_failures_total\{.*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  await eventually('five failures', async () => (await failures()) >= 5);
  expect((await world.api.read(order_id)).status).toBe('watching');
  expect(await world.claims(order_id)).toBe(0);
  await db`drop trigger refused on orders`;
  expect(await world.ended(order_id)).toMatchObject({ status: 'executed' });
});
