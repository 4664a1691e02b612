import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { Activities, Step } from '../../src/activities/interface.ts';
import { CONDUIT_TASK_QUEUE, ORDER_TASK_QUEUE, orderWorkflowId, rateCrossed } from '../../src/workflows/messages.ts';
import type { orderWorkflow } from '../../src/workflows/order.ts';
import { eventually } from '../support/eventually.ts';
import { workflowBundle } from './support.ts';

jest.setTimeout(60_000);

/** The server suggests a new run at this many events, instead of thousands. */
const SUGGEST_AT = 60;

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  const path = process.env['TEMPORAL_CLI_PATH'];
  if (!path) throw new Error('TEMPORAL_CLI_PATH is not set: run the tests by `npm test`, which brings the server');
  env = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path },
      extraArgs: [
        '--dynamic-config-value',
        `limit.historyCount.suggestContinueAsNew=${SUGGEST_AT}`,
        '--search-attribute',
        'OrderStatus=Keyword',
      ],
    },
  });
});
afterAll(() => env?.teardown());

test('a run that is woken by news alone goes on as a new run before its history grows long, and loses nothing', async () => {
  const orderId = randomUUID();
  let isFinal = false;
  let looks = 0;
  const seen = { version: 1, attempt: null, attemptVersion: null };
  const step = (next: Step['next']): Step => ({
    status: isFinal ? 'expired' : 'watching',
    reason: null,
    seen,
    next,
    wakeInMs: 3_600_000,
    secondMs: 1_000,
    recorded: [],
    terms: 'terms',
    summary: 'a test',
  });
  const activities = {
    async advanceOrder(_, { isLookWanted, isFirst }) {
      if (isFinal) return step({ kind: 'done' });
      // A run that begins compares the rate: a crossing that came with the end of the one before is found so.
      return step(isLookWanted || isFirst ? { kind: 'look', isOwn: false } : { kind: 'sleep', waitingFor: 'rate' });
    },
    async takeFirmLook() {
      looks += 1;
      return { result: 'rate_not_met', code: null };
    },
  } satisfies Partial<Activities>;
  const common = { connection: env.nativeConnection, activities };
  const orders = await Worker.create({
    ...common,
    taskQueue: ORDER_TASK_QUEUE,
    workflowBundle: await workflowBundle(),
  });
  const conduit = await Worker.create({ ...common, taskQueue: CONDUIT_TASK_QUEUE });

  const lengths = await conduit.runUntil(
    orders.runUntil(async () => {
      const workflowId = orderWorkflowId(orderId);
      const first = await env.client.workflow.start<typeof orderWorkflow>('orderWorkflow', {
        workflowId,
        taskQueue: ORDER_TASK_QUEUE,
        args: [{ orderId }],
      });
      const run = env.client.workflow.getHandle(workflowId);
      const longest: number[] = [];
      for (let crossing = 1; crossing <= 30; crossing += 1) {
        await run.signal(rateCrossed);
        await eventually(`look ${crossing}`, async () => looks >= crossing);
        longest.push((await run.describe()).historyLength);
      }
      expect((await run.describe()).runId).not.toBe(first.firstExecutionRunId);
      isFinal = true;
      await run.signal(rateCrossed);
      expect(await run.result()).toMatchObject({ status: 'expired' });
      return longest;
    }),
  );
  // One round may still be under way when the suggestion comes.
  expect(Math.max(...lengths)).toBeLessThan(SUGGEST_AT + 40);
});
