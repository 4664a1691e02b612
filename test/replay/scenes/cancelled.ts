// Cancels, by everybody who may ask for one, in each state; those that come too late are refused and the order goes on.
import { cancelRequested, rateCrossed } from '../../../src/workflows/messages.ts';
import { orderScene } from '../scene.ts';
import type { Stage } from '../stage.ts';

const BY_CUSTOMER = ['signal:orderChanged', 'advanceOrder=cancelled:done'];
const HELD = { settlement: { held: true } };

async function cancel(stage: Stage, orderId: string, expectedStatus = 200): Promise<void> {
  const { status } = await stage.api.cancel(orderId);
  if (status !== expectedStatus) throw new Error(`the cancel was answered ${status}`);
}

async function executing(stage: Stage): Promise<string> {
  await stage.fault('orders.execute', HELD);
  const id = await stage.met();
  await stage.shows(id, 'sendExecute=accepted');
  return id;
}

/** Waits for funds, with an order at Conduit. */
async function created(stage: Stage): Promise<string> {
  await stage.setFunds('1');
  const id = await stage.met();
  await stage.shows(id, 'sendExecute=no_effect/INSUFFICIENT_FUNDS');
  await stage.says(id, 'waits for');
  return id;
}

export const cancelled = [
  orderScene('cancelled-while-watching', 'The customer cancels an order that sleeps.', BY_CUSTOMER, async (stage) => {
    const id = await stage.watching();
    await cancel(stage, id);
    return id;
  }),
  orderScene(
    'cancelled-while-asleep',
    'The customer cancels an order whose run has nothing under way.',
    ['advanceOrder[watch]=watching:waits_for_rate', ...BY_CUSTOMER],
    async (stage) => {
      const id = await stage.watching();
      await cancel(stage, id);
      return id;
    },
  ),
  orderScene(
    'cancelled-by-operator-signal',
    'An operator cancels by the signal.',
    ['signal:cancelRequested', 'cancelOrderForOperator=cancelled', 'advanceOrder=cancelled:done'],
    async (stage) => {
      const id = await stage.watching();
      await stage.signal(id, cancelRequested);
      return id;
    },
  ),
  orderScene(
    'cancelled-by-temporal',
    "An operator cancels the run by Temporal's own cancellation.",
    ['cancel_requested', 'cancelOrderForOperator=cancelled', 'advanceOrder=cancelled:done'],
    async (stage) => {
      const id = await stage.watching();
      await stage.run(id).cancel();
      return id;
    },
  ),
  orderScene(
    'cancelled-during-firm-look',
    'The customer cancels while the quote is under way: its result comes to nothing.',
    ['takeFirmLook?', 'signal:orderChanged', 'advanceOrder=cancelled:done'],
    async (stage) => {
      const id = await stage.watching();
      await stage.fault('quotes.create', { delay: { beforeMs: 900 } }, { times: 3 });
      await stage.signal(id, rateCrossed);
      await stage.shows(id, 'takeFirmLook?');
      await cancel(stage, id);
      return id;
    },
  ),
  orderScene(
    'cancelled-while-prepared',
    'The customer cancels while the create waits for Conduit to take calls again.',
    ['sendCreate=no_effect/RATE_LIMITED', 'advanceOrder=watching:waits_for_retry', ...BY_CUSTOMER],
    async (stage) => {
      await stage.fault('orders.create', { rateLimited: { retryAfterSeconds: 5 } });
      const id = await stage.met();
      await stage.says(id, 'waits to send again');
      await cancel(stage, id);
      return id;
    },
  ),
  orderScene(
    'cancelled-while-create-unknown',
    'The customer cancels while nobody knows of the create; what it made is left to the follower of orphans.',
    ['sendCreate=unknown/CONNECTION_LOST', ...BY_CUSTOMER],
    async (stage) => {
      await stage.fault('orders.create', { drop: 'after' });
      await stage.fault('orders.list', { lookup: { lagMs: 3_000 } }, { times: 'always' });
      const id = await stage.met();
      await stage.shows(id, 'sendCreate=unknown/CONNECTION_LOST');
      await cancel(stage, id);
      return id;
    },
  ),
  orderScene(
    'cancelled-while-created',
    'The customer cancels while the order at Conduit waits for funds.',
    ['advanceOrder[execute_refused]=watching:', ...BY_CUSTOMER],
    async (stage) => {
      const id = await created(stage);
      await cancel(stage, id);
      return id;
    },
  ),
  orderScene(
    'cancelled-by-operator-while-created',
    'An operator cancels by the signal while the order at Conduit waits for funds.',
    ['advanceOrder[execute_refused]=watching:', 'signal:cancelRequested', 'cancelOrderForOperator=cancelled'],
    async (stage) => {
      const id = await created(stage);
      await stage.signal(id, cancelRequested);
      return id;
    },
  ),
  orderScene(
    'executed-despite-refused-cancel',
    'The customer cancels during the execution: too late, and the order is executed.',
    ['sendExecute=accepted', 'signal:orderChanged', 'advanceOrder=executed:done'],
    async (stage) => {
      const id = await executing(stage);
      await cancel(stage, id, 409);
      await stage.simulator.settle(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'executed-despite-operator-signal',
    'An operator cancels by the signal during the execution: too late.',
    ['sendExecute=accepted', 'signal:cancelRequested', 'cancelOrderForOperator=too_late', 'advanceOrder=executed:done'],
    async (stage) => {
      const id = await executing(stage);
      await stage.signal(id, cancelRequested);
      await stage.shows(id, 'cancelOrderForOperator=too_late');
      await stage.simulator.settle(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'executed-despite-temporal-cancel',
    "An operator cancels the run by Temporal's own cancellation during the execution: too late.",
    ['sendExecute=accepted', 'cancel_requested', 'cancelOrderForOperator=too_late', 'advanceOrder=executed:done'],
    async (stage) => {
      const id = await executing(stage);
      await stage.run(id).cancel();
      await stage.shows(id, 'cancelOrderForOperator=too_late');
      await stage.simulator.settle(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'failed-after-refused-cancel',
    'The customer cancels during the execution, which Conduit then fails without effect: no second attempt, the order fails.',
    ['signal:orderChanged', 'lookUpAttempt=terminal/failed', 'advanceOrder=failed:done'],
    async (stage) => {
      const id = await executing(stage);
      await cancel(stage, id, 409);
      await stage.simulator.failOrder(`${id}:g1`, { code: 'provider_unavailable', transactions: ['failed'] });
      return id;
    },
  ),
];
