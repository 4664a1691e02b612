// Runs that go on as new ones: the Temporal server of this stage suggests it after a few dozen events.
import {
  conduitOrderChanged,
  orderChanged,
  orderWorkflowId,
  rateCrossed,
  rateWatchWorkflowId,
} from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { PAIR } from '../../support/world.ts';
import { EARLY, newestRun, type Scene } from '../scene.ts';
import type { Stage } from '../stage.ts';
import { missedLook, untilLookAllowed } from './executed.ts';

const EXECUTED = 'advanceOrder=executed:done';

async function untilContinued(stage: Stage, orderId: string, before: string, poke: (nth: number) => Promise<void>) {
  for (let nth = 1; nth <= 20; nth += 1) {
    if ((await stage.run(orderId).describe()).runId !== before) return;
    await poke(nth);
  }
  throw new Error('the run never went on as a new one');
}

export const continuedWhileWaiting: Scene = {
  stage: 'early',
  takes: {
    'continued-while-waiting': {
      gives: 'A run that looks again and again goes on as a new one while it waits.',
      shows: ['takeFirmLook=rate_not_met', 'ends:continued_as_new'],
    },
    'executed-after-continuing-while-waiting': {
      gives: 'The run that goes on from a watching order.',
      shows: ['begins:continued', 'advanceOrder=watching:waits_for_rate', 'takeFirmLook=hit', EXECUTED],
    },
  },
  async play(stage) {
    const id = await stage.watching();
    const { runId } = await stage.run(id).describe();
    await untilContinued(stage, id, runId, (nth) => missedLook(stage, id, nth));
    await stage.says(id, 'waits for an all-in rate');
    const second = await stage.run(id).describe();
    await stage.cross();
    await stage.finish(id);
    return {
      'continued-while-waiting': { ...newestRun(id), runId },
      'executed-after-continuing-while-waiting': { ...newestRun(id), runId: second.runId },
    };
  },
};

export const continuedWhileExecuting: Scene = {
  stage: 'early',
  takes: {
    'continued-while-executing': {
      gives: 'A run goes on as a new one while its attempt is looked up.',
      shows: ['sendExecute=accepted', 'lookUpAttempt=claimed/pending', 'ends:continued_as_new'],
    },
    'executed-after-continuing-while-executing': {
      gives: 'The run that goes on from an executing order.',
      shows: ['begins:continued', 'advanceOrder=executing:', 'lookUpAttempt=', EXECUTED],
    },
  },
  async play(stage) {
    await stage.fault('orders.execute', { settlement: { held: true } });
    const id = await stage.met();
    await stage.shows(id, 'sendExecute=accepted');
    const { runId } = await stage.run(id).describe();
    await untilContinued(stage, id, runId, async () => {
      await stage.signal(id, conduitOrderChanged);
      // A signal brings one look-up; the next shall not meet it.
      await new Promise((resolve) => setTimeout(resolve, 500));
    });
    const second = await stage.run(id).describe();
    await stage.simulator.settle(`${id}:g1`);
    await stage.finish(id);
    return {
      'continued-while-executing': { ...newestRun(id), runId },
      'executed-after-continuing-while-executing': { ...newestRun(id), runId: second.runId },
    };
  },
};

export const continuedAfterItsErrand: Scene = {
  stage: 'early',
  takes: {
    'continued-after-its-errand': {
      gives:
        'A new run is suggested while a firm look is under way: the run goes on until that is back, and only then as a new one.',
      shows: [
        'takeFirmLook?',
        'signal:orderChanged',
        'advanceOrder=watching:waits_for_rate',
        'takeFirmLook=rate_not_met',
        'ends:continued_as_new',
      ],
    },
  },
  async play(stage) {
    const id = await stage.watching();
    const { runId } = await stage.run(id).describe();
    const length = async () =>
      (await stage.temporal.client.workflow.getHandle(orderWorkflowId(id), runId).describe()).historyLength;
    for (let nth = 1; (await length()) < EARLY - 25; nth += 1) await missedLook(stage, id, nth);
    await stage.fault('quotes.create', { delay: { beforeMs: 900 } }, { times: 'always' });
    await untilLookAllowed(stage, id);
    await stage.signal(id, rateCrossed);
    while ((await length()) < EARLY + 5) await stage.signal(id, orderChanged);
    await eventually('the next run', async () => (await stage.run(id).describe()).runId !== runId);
    await stage.simulator.clearFaults();
    await stage.api.cancel(id);
    await stage.finish(id);
    return { 'continued-after-its-errand': { ...newestRun(id), runId } };
  },
};

export const watcherContinued: Scene = {
  stage: 'early',
  takes: {
    'rate-watch-continued': {
      gives: 'A pair with an open order is watched, tick after tick, until the watcher goes on as a new run.',
      shows: ['begins:continued', 'tickRateWatch=done', 'timer', 'ends:continued_as_new'],
    },
  },
  async play(stage) {
    const id = await stage.watching();
    const watcher = stage.temporal.client.workflow.getHandle(rateWatchWorkflowId(PAIR));
    const next = async (after: string) =>
      eventually(
        'the next run of the watcher',
        async () => {
          const { runId } = await watcher.describe();
          return runId !== after && runId;
        },
        30_000,
      );
    // The first change of runs may be of a run that another scene began.
    const begun = await next((await watcher.describe()).runId);
    await next(begun);
    await stage.api.cancel(id);
    return { 'rate-watch-continued': { workflowId: rateWatchWorkflowId(PAIR), runId: begun } };
  },
};
