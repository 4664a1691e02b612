// Runs that somebody or something came between: operators in the Web UI, a database away, a worker that died or stood still.
import { randomUUID } from 'node:crypto';
import Long from 'long';
import { orderChanged, orderWorkflowId, rateWatchWorkflowId } from '../../../src/workflows/messages.ts';
import type { Child } from '../../../stack/child.ts';
import { eventually } from '../../support/eventually.ts';
import { PAIR } from '../../support/world.ts';
import { fetchHistory } from '../archive.ts';
import { newestRun, orderScene, type Scene } from '../scene.ts';
import { stepsOf } from '../shape.ts';
import type { Stage } from '../stage.ts';

const EXECUTED = 'advanceOrder=executed:done';
const HELD = { settlement: { held: true } };

async function executing(stage: Stage): Promise<string> {
  await stage.fault('orders.execute', HELD);
  const id = await stage.met();
  await stage.shows(id, 'lookUpAttempt=claimed/pending');
  return id;
}

const terminated: Scene = {
  stage: 'usual',
  takes: {
    'terminated-while-executing': {
      gives: 'An operator terminates the run during the execution.',
      shows: ['lookUpAttempt=claimed/pending', 'ends:terminated'],
    },
    'executed-after-terminate': {
      gives: 'The run that follows a terminated one begins from a row that executes.',
      shows: ['begins:orderWorkflow', 'advanceOrder=executing:', 'lookUpAttempt=', EXECUTED],
    },
  },
  async play(stage) {
    const id = await executing(stage);
    const { runId } = await stage.run(id).describe();
    await stage.run(id).terminate('an operator was here');
    await eventually(
      'another run',
      async () => {
        await stage.trigger('reconcile');
        return (await stage.run(id).describe()).runId !== runId;
      },
      90_000,
    );
    await stage.simulator.settle(`${id}:g1`);
    await stage.finish(id);
    return {
      'terminated-while-executing': { ...newestRun(id), runId },
      'executed-after-terminate': newestRun(id),
    };
  },
};

/** Runs a worker that is struck at a seam in the place of the usual one, and brings that one back afterwards. */
async function withStruckWorker(stage: Stage, seam: string, play: (worker: Child) => Promise<string>): Promise<string> {
  await stage.child('worker').stop();
  const worker = await stage.start('worker', { script: 'test/support/seam-worker.ts', env: { TEST_SEAM: seam } });
  try {
    const id = await play(worker);
    if (worker.isRunning()) await stage.finish(id);
    return id;
  } finally {
    worker.kill('SIGKILL');
    await worker.exited;
    await stage.start('worker');
  }
}

/** Longer than a permit lives. */
const FROZEN_MS = 2_200;

function frozen(stage: Stage, seam: string, meanwhile: (orderId: string) => Promise<void> = async () => {}) {
  return withStruckWorker(stage, seam, async (worker) => {
    const id = await stage.met();
    const operation = seam.split(':')[0] ?? '';
    await eventually('the permit', async () => {
      const sends = await stage.db`select from conduit_sends where order_id = ${id} and operation = ${operation}`;
      return sends.count === 1;
    });
    await meanwhile(id);
    // There is nothing to wait for: the time itself is what makes the permit old.
    await new Promise((resolve) => setTimeout(resolve, FROZEN_MS));
    worker.kill('SIGCONT');
    return id;
  });
}

function killed(stage: Stage, seam: string) {
  return withStruckWorker(stage, seam, async (worker) => {
    const id = await stage.met();
    await worker.exited;
    return id;
  });
}

export const repaired: readonly Scene[] = [
  terminated,
  orderScene(
    'executed-after-reset',
    'An operator resets the run to its beginning during the execution: the new one finds the row executing.',
    ['task:reset_workflow', 'advanceOrder=executing:', EXECUTED],
    async (stage) => {
      const id = await executing(stage);
      const { runId } = await stage.run(id).describe();
      await stage.temporal.client.workflowService.resetWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: orderWorkflowId(id), runId },
        reason: 'an operator was here',
        workflowTaskFinishEventId: Long.fromNumber(4),
        requestId: randomUUID(),
      });
      await stage.shows(id, 'task:reset_workflow');
      await stage.simulator.settle(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'executed-after-overdue-look-up',
    'The look-up is overdue by more than half a minute: the reconciler sends the signal that brings it.',
    ['lookUpAttempt=claimed/pending', 'signal:attemptDue', 'lookUpAttempt=', EXECUTED],
    async (stage) => {
      const id = await executing(stage);
      await stage.shows(id, 'lookUpAttempt=claimed/pending', 3);
      await stage.db`
        update transactions set next_lookup_at = app_now() - interval '40 seconds' where order_id = ${id}`;
      await stage.trigger('reconcile');
      await stage.shows(id, 'signal:attemptDue');
      await stage.simulator.settle(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'executed-after-worker-died-at-the-create',
    'The worker dies between the create and its reply: the activity times out, and the look-up adopts the order.',
    ['sendCreate!timed_out', 'lookUpAttempt=pending/pending', EXECUTED],
    (stage) => killed(stage, 'create:reply:SIGKILL'),
  ),
  orderScene(
    'executed-after-worker-died-at-the-execute',
    'The worker dies between the permit and the execute: the activity times out, and the same key is sent again.',
    ['sendExecute!timed_out', 'lookUpAttempt=pending/pending', 'sendExecute=accepted', EXECUTED],
    (stage) => killed(stage, 'execute:permit:SIGKILL'),
  ),
  orderScene(
    'executed-after-unsent-create',
    'The worker stands still between permit and create for longer than a permit lives: nothing left, and it is sent at once.',
    ['sendCreate=unsent', 'sendCreate=accepted', EXECUTED],
    (stage) => frozen(stage, 'create:permit:SIGSTOP'),
  ),
  orderScene(
    'failed-after-unsent-execute',
    'A cancel is refused while the worker stands still between permit and execute; nothing left, so the order fails.',
    ['sendExecute=unsent', 'advanceOrder'],
    (stage) => frozen(stage, 'execute:permit:SIGSTOP', async (id) => void (await stage.api.cancel(id))),
  ),
];

/** PostgreSQL is the whole run's, so who stops and starts it is given. */
export function databaseScene(database: { stop(): Promise<void>; start(): Promise<void> }): Scene {
  return {
    stage: 'alone',
    takes: {
      'executed-after-database-was-away': {
        gives: 'The record fails as a local activity and goes on as a regular one until the database is back.',
        shows: ['advanceOrder!failed_locally', 'advanceOrder?', 'advanceOrder=watching:', 'takeFirmLook=hit', EXECUTED],
      },
      'rate-watch-while-database-was-away': {
        gives: 'Ticks of the watcher fail without a database, and later ones do not.',
        shows: ['tickRateWatch=done', 'tickRateWatch!failed', 'tickRateWatch=done', 'ends:completed'],
      },
    },
    async play(stage) {
      const id = await stage.watching();
      const watcher = { workflowId: rateWatchWorkflowId(PAIR) };
      const handle = stage.temporal.client.workflow.getHandle(watcher.workflowId);
      const watcherShows = (word: string) =>
        eventually(`the watcher to show ${word}`, async () =>
          stepsOf(await fetchHistory(stage.temporal, watcher)).some((step) => step.word === word),
        );
      await watcherShows('tickRateWatch=done');
      await database.stop();
      try {
        await stage.signal(id, orderChanged);
        await stage.shows(id, 'advanceOrder?');
        await watcherShows('tickRateWatch!failed');
      } finally {
        await database.start();
      }
      await stage.cross();
      await stage.finish(id);
      await handle.result();
      return { 'executed-after-database-was-away': newestRun(id), 'rate-watch-while-database-was-away': watcher };
    },
  };
}
