// What reaches an order before its first task: the run is there, and no worker to take it.
import { cancelRequested } from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { newestRun, type Scene } from '../scene.ts';
import type { Stage } from '../stage.ts';

const EXPIRES_IN_MS = 11_000;

async function placedWithRun(stage: Stage, fields = {}): Promise<string> {
  const { order_id } = await stage.place(fields);
  await eventually('the run', async () => (await stage.run(order_id).describe()).status.name === 'RUNNING');
  return order_id;
}

export const workerAway: Scene = {
  stage: 'usual',
  takes: {
    'cancelled-before-first-task': {
      gives: 'The customer cancels before the run has had its first task.',
      shows: ['begins:orderWorkflow', 'signal:orderChanged', 'advanceOrder=cancelled:done'],
    },
    'cancelled-by-temporal-before-first-task': {
      gives: "Temporal's own cancellation comes before the first task: the order is cancelled in its row all the same.",
      shows: ['begins:orderWorkflow', 'cancel_requested', 'cancelOrderForOperator=cancelled', 'ends:completed'],
    },
    'cancelled-by-signal-before-first-task': {
      gives: "An operator's signal comes before the first task.",
      shows: ['begins:orderWorkflow', 'signal:cancelRequested', 'cancelOrderForOperator=cancelled', 'ends:completed'],
    },
    'expired-while-accepted': {
      gives: 'The expiry passes before the first task: the order goes from accepted to expired.',
      shows: ['begins:orderWorkflow', 'advanceOrder=expired:done'],
    },
  },
  async play(stage) {
    await stage.child('worker').stop();
    const expiring = await placedWithRun(stage, stage.expiringIn(EXPIRES_IN_MS));
    const byCustomer = await placedWithRun(stage);
    await stage.api.cancel(byCustomer);
    const byTemporal = await placedWithRun(stage);
    await stage.run(byTemporal).cancel();
    const bySignal = await placedWithRun(stage);
    await stage.signal(bySignal, cancelRequested);
    await stage.shows(byCustomer, 'signal:orderChanged');
    await eventually(
      'the expiry to pass',
      async () => {
        const overdue = await stage.db`select from orders where order_id = ${expiring} and expires_at < app_now()`;
        return overdue.count === 1;
      },
      2 * EXPIRES_IN_MS,
    );
    // No message shall come back to a run while its first task is under way: that task would be done twice.
    await stage.child('bridge').stop();
    await stage.start('worker');
    for (const id of [expiring, byCustomer, byTemporal, bySignal]) await stage.finish(id);
    await stage.start('bridge');
    return {
      'cancelled-before-first-task': newestRun(byCustomer),
      'cancelled-by-temporal-before-first-task': newestRun(byTemporal),
      'cancelled-by-signal-before-first-task': newestRun(bySignal),
      'expired-while-accepted': newestRun(expiring),
    };
  },
};
