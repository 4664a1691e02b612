import { expect, test } from '@jest/globals';
import { CancelledFailure } from '@temporalio/activity';
import { countFailures } from '../../../src/main/count-failures.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { silent } from '../bridge/fakes.ts';

async function countedOf(workflowType: string, error: unknown): Promise<number> {
  const metrics = createMetrics('worker');
  const info = { workflowType, workflowExecution: { workflowId: 'order-1' }, activityType: 'sendCreate', attempt: 1 };
  const { inbound } = countFailures({ metrics, log: silent })({ info } as never);
  await expect(inbound?.execute?.({} as never, () => Promise.reject(error))).rejects.toBe(error);
  const { values } = await metrics.orderActivityFailures.get();
  return values.find(({ labels }) => labels.activity === 'sendCreate')?.value ?? 0;
}

test.each([
  ['a row that was written twice', 'orderWorkflow', Object.assign(new Error('duplicate key'), { code: '23505' }), 1],
  ['a mistake of the code', 'orderWorkflow', new TypeError('x is undefined'), 1],
  ['a row that refuses to be read', 'orphansWorkflow', new Error('CT009'), 1],
  ['PostgreSQL away', 'orderWorkflow', Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' }), 0],
  ['a worker that stops', 'orderWorkflow', new CancelledFailure('shutdown'), 0],
  ['a pass of the repair', 'reconcileWorkflow', new Error('the time of the pass was spent'), 0],
])('%s in %s: it is passed on, and counted if no outage explains it', async (_, workflowType, error, count) => {
  expect(await countedOf(workflowType, error)).toBe(count);
});
