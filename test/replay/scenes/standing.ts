// The workflows that stand beside the orders: watchers of pairs, and the two standing repairs.
import { ORPHANS_WORKFLOW, RECONCILE_WORKFLOW, rateWatchWorkflowId } from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { fetchHistory } from '../archive.ts';
import type { Scene } from '../scene.ts';
import { stepsOf } from '../shape.ts';
import { FAR, type Stage } from '../stage.ts';

/** Nobody else's orders are of this pair. */
const QUIET_PAIR = 'USDC.ethereum-USDT.ethereum';

/** The newest closed run of a type that shows a step. */
async function closedRunThatShows(stage: Stage, type: string, word: string, schedule?: 'reconcile' | 'orphans') {
  return eventually(
    `a run of ${type} that shows ${word}`,
    async () => {
      if (schedule) await stage.trigger(schedule);
      for (const run of (await stage.closedRuns(type)).slice(0, 3)) {
        const steps = stepsOf(await fetchHistory(stage.temporal, run));
        if (steps.some((step) => step.word.startsWith(word))) return run;
      }
      return null;
    },
    40_000,
  );
}

export const watcherEnded: Scene = {
  stage: 'usual',
  takes: {
    'rate-watch-ended': {
      gives: 'The last order of a pair ends: after ten ticks without one the watcher ends.',
      shows: ['signal:orderOpened', 'tickRateWatch=done', 'timer', 'tickRateWatch=no_open_order', 'ends:completed'],
    },
    'rate-watch-without-rate': {
      gives: 'A quote gets no answer and one shows a bad rate: the watcher ticks on.',
      shows: ['tickRateWatch=unavailable', 'timer', 'tickRateWatch=', 'ends:completed'],
    },
  },
  async play(stage) {
    const workflowId = rateWatchWorkflowId(QUIET_PAIR);
    const watcher = stage.temporal.client.workflow.getHandle(workflowId);
    const watch = async (meanwhile: () => Promise<void>) => {
      await stage.simulator.setRate(QUIET_PAIR, FAR);
      const fields = { from_currency: 'USDC', to_currency: 'USDT', target_rate: '1.5' };
      const { order_id } = await stage.place(fields);
      await eventually('the watcher', async () => (await watcher.describe()).status.name === 'RUNNING');
      const { runId } = await watcher.describe();
      await meanwhile();
      await stage.api.cancel(order_id);
      await eventually(
        'the watcher to end',
        async () => (await watcher.describe()).status.name === 'COMPLETED',
        40_000,
      );
      return { workflowId, runId };
    };
    const sees = (word: string) =>
      eventually(`the watcher to show ${word}`, async () =>
        stepsOf(await fetchHistory(stage.temporal, { workflowId })).some((step) => step.word === word),
      );
    return {
      'rate-watch-ended': await watch(async () => void (await sees('tickRateWatch=done'))),
      'rate-watch-without-rate': await watch(async () => {
        await sees('tickRateWatch=done');
        await stage.fault('quotes.create', { drop: 'before' });
        await sees('tickRateWatch=unavailable');
        await stage.fault('quotes.create', { badRate: 'zero' });
        await eventually('the bad rate', async () => (await stage.simulator.faults()).every(({ hits }) => hits > 0));
      }),
    };
  },
};

export const repairs: Scene = {
  stage: 'usual',
  takes: {
    'reconcile-pass': {
      gives: 'A pass of repair.',
      shows: ['begins:reconcileWorkflow', 'reconcileOrders=done', 'ends:completed'],
    },
    'orphans-none': {
      gives: 'A pass over orphans that finds none.',
      shows: ['begins:orphansWorkflow', 'listDueOrphans=done', 'ends:completed'],
    },
    'orphans-followed': {
      gives: 'A pass over orphans: what closed attempts left at Conduit is looked up and cancelled, side by side.',
      shows: ['begins:orphansWorkflow', 'followOrphan?', 'followOrphan?', 'followOrphan=open/found', 'ends:completed'],
    },
  },
  async play(stage) {
    const reconciled = await closedRunThatShows(stage, RECONCILE_WORKFLOW, 'reconcileOrders=', 'reconcile');
    const none = await eventually(
      'a pass without orphans',
      async () => {
        await stage.trigger('orphans');
        const [run] = await stage.closedRuns(ORPHANS_WORKFLOW);
        const steps = run ? stepsOf(await fetchHistory(stage.temporal, run)) : [];
        return (
          steps.some(({ word }) => word === 'ends:completed') &&
          !steps.some(({ word }) => word === 'followOrphan?') &&
          run
        );
      },
      60_000,
    );
    await stage.temporal.client.schedule.getHandle('orphans').pause();
    await stage.setFunds('1');
    const orders = [await stage.met(), await stage.met()];
    for (const id of orders) {
      await stage.shows(id, 'sendExecute=no_effect/INSUFFICIENT_FUNDS');
      await stage.api.cancel(id);
      await stage.finish(id);
    }
    const followed = await closedRunThatShows(stage, ORPHANS_WORKFLOW, 'followOrphan=open/found', 'orphans');
    await stage.temporal.client.schedule.getHandle('orphans').unpause();
    return { 'reconcile-pass': reconciled, 'orphans-none': none, 'orphans-followed': followed };
  },
};
