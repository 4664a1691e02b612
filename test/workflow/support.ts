import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { createAdvanceActivities } from '../../src/activities/advance.ts';
import { createBell } from '../../src/activities/bell.ts';
import type { Activities } from '../../src/activities/interface.ts';
import { connectDatabase, type Database } from '../../src/db/client.ts';
import type { NewOrder, OrderRow } from '../../src/db/orders.ts';
import type { Timing } from '../../src/domain/timing.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import { CONDUIT_TASK_QUEUE, ORDER_TASK_QUEUE, orderWorkflowId } from '../../src/workflows/messages.ts';
import type { orderWorkflow } from '../../src/workflows/order.ts';
import { createTestDatabase } from '../support/database.ts';
import { insertAccepted } from '../support/versions.ts';

export const DAY_MS = 86_400_000;

const TIMING: Timing = {
  sendMarginMs: 15_000,
  quoteMarginMs: 30_000,
  resendWindowMs: 240_000,
  retryBaseMs: 60_000,
  orphanWatchMs: 900_000,
  permitTtlMs: 2_000,
  secondMs: 1_000,
};

/** INDEXED_VALUE_TYPE_KEYWORD of Temporal's API. */
const KEYWORD = 2;

let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;

/** The workflows as a worker runs them, built once per test file. */
export function workflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  bundle ??= bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
  });
  return bundle;
}

/**
 * The real workflow and its real records on a server that skips time: the database's clock follows the server's, so that months
 * pass for both in a moment. What calls the provider is stubbed.
 */
export async function createTimeSkippingWorld() {
  const path = process.env['TEMPORAL_TEST_SERVER_PATH'];
  if (!path)
    throw new Error('TEMPORAL_TEST_SERVER_PATH is not set: run the tests by `npm test`, which brings the test server');
  const [env, database] = await Promise.all([
    TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } }),
    createTestDatabase(),
  ]);
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: { OrderStatus: KEYWORD },
  });
  const db = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 4 });
  await db`create table test_clock (now_ms double precision not null)`;
  await db`insert into test_clock values (${await env.currentTimeMs()})`;
  await db.unsafe(
    `create or replace function app_now() returns timestamptz language sql volatile as 'select to_timestamp(now_ms / 1000) from test_clock'`,
  );
  const setClock = async () => void (await db`update test_clock set now_ms = ${await env.currentTimeMs()}`);
  const records = createAdvanceActivities({
    db,
    timing: TIMING,
    rateRefreshMs: 60_000,
    bell: createBell(createLogger('test', 'silent'), createMetrics('worker')),
    cacheOrder: async () => {},
  });

  return {
    env,
    db,
    setClock,
    /** The record activities, with the database's clock brought up to the server's before each. */
    records: {
      async advanceOrder(orderId, hints) {
        await setClock();
        return records.advanceOrder(orderId, hints);
      },
      async cancelOrderForOperator(orderId) {
        await setClock();
        return records.cancelOrderForOperator(orderId);
      },
    } satisfies Partial<Activities>,
    /** Runs the order's workflow to its end beside a worker with these activities. */
    async runOrder(
      order: OrderRow,
      activities: Partial<Activities>,
      meanwhile: (handle: ReturnType<typeof handleOf>) => Promise<void> = async () => {},
    ) {
      const common = { connection: env.nativeConnection, activities: activities as Record<string, never> };
      const workers = await Promise.all([
        Worker.create({ ...common, taskQueue: ORDER_TASK_QUEUE, workflowBundle: await workflowBundle() }),
        Worker.create({ ...common, taskQueue: CONDUIT_TASK_QUEUE }),
      ]);
      const [orders, conduit] = workers;
      if (!orders || !conduit) throw new Error('two workers were created');
      return conduit.runUntil(
        orders.runUntil(async () => {
          const handle = await env.client.workflow.start<typeof orderWorkflow>('orderWorkflow', {
            workflowId: orderWorkflowId(order.id),
            taskQueue: ORDER_TASK_QUEUE,
            args: [{ orderId: order.id }],
          });
          await meanwhile(handleOf(env, order.id));
          const outcome = await handle.result();
          return { outcome, history: await handle.fetchHistory() };
        }),
      );
    },
    async stop() {
      await env.teardown();
      await db.end({ timeout: 2 });
      await database.drop();
    },
  };
}

export type TimeSkippingWorld = Awaited<ReturnType<typeof createTimeSkippingWorld>>;

export function handleOf(env: TestWorkflowEnvironment, orderId: string) {
  return env.client.workflow.getHandle<typeof orderWorkflow>(orderWorkflowId(orderId));
}

/** An accepted order of 20 USDT → USDC at ≥ 0.92 in the database, with the user and accounts it needs. */
export async function insertTestOrder(db: Database, now: number, fields: Partial<NewOrder> = {}): Promise<OrderRow> {
  const userId = randomUUID();
  const [from, to] = [
    `wlt_${randomUUID().replaceAll('-', '').slice(0, 22)}`,
    `wlt_${randomUUID().replaceAll('-', '').slice(0, 22)}`,
  ];
  await db`insert into users (user_id) values (${userId})`;
  await db`insert into conduit_accounts (account_id, user_id, asset) values (${from}, ${userId}, 'USDT.ethereum'), (${to}, ${userId}, 'USDC.ethereum')`;
  return (await db.begin((tx) =>
    insertAccepted(tx, {
      id: randomUUID(),
      userId,
      pair: 'USDT.ethereum-USDC.ethereum',
      fromCurrency: 'USDT',
      fromNetwork: 'ethereum',
      toCurrency: 'USDC',
      toNetwork: 'ethereum',
      sourceAccount: from,
      destinationAccount: to,
      amount: '20.00',
      targetRate: '0.92',
      direction: '>=',
      floorRate: null,
      expiresAt: now + DAY_MS,
      idempotencyKey: randomUUID(),
      quotedRate: '0.9150',
      triggerRate: '0.9269',
      triggerFloor: null,
      lookInMs: DAY_MS,
      termsAgeMs: 0,
      ...fields,
    }),
  )) as OrderRow;
}
