// Situations in which money could be moved wrongly.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Experiment, Stage } from '../experiments/experiment.ts';
import { ALONE, arm, cancelAll, placeWaiting, untilPast } from '../experiments/orders-alone.ts';
import { expectStruck } from '../experiments/processes.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import { WORKERS } from '../system/fleet.ts';

const create = (reference: string) => ({ operation: 'orders.create' as const, reference });
const execute = (reference: string) => ({ operation: 'orders.execute' as const, reference });
const read = (reference: string) => ({ operation: 'orders.get' as const, reference });

/** While the permits of all these orders wait for their last step, their customers cancel. */
async function cancelDuringPermits(
  stage: Stage,
  orders: readonly PlacedOrder[],
  { of: status, holdMs }: { of: 'prepared' | 'created'; holdMs: number },
): Promise<void> {
  const ids = orders.map(({ orderId }) => orderId);
  await stage.system.db.begin(async (tx) => {
    await tx`lock table conduit_sends in exclusive mode`;
    await sleep(holdMs / 2);
    const rows = await stage.system.db<{ orderId: string }[]>`
      select order_id from orders join transactions t using (order_id)
      where order_id = any(${ids}::uuid[]) and orders.status = 'watching' and t.status = ${status}`;
    const contested = new Set(rows.map(({ orderId }) => orderId));
    stage.note('cancels while permits wait', { orders: contested.size });
    const answers = orders
      .filter(({ orderId }) => contested.has(orderId))
      .map(({ orderId, calls }) => calls.cancel(orderId));
    await sleep(holdMs / 2);
    void Promise.allSettled(answers);
  });
}

export const TRANSFER_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'B01',
    title: 'executes take effect and are never answered; customers cancel three seconds later',
    atRisk: ['I5', 'I1'],
    ...ALONE,
    async run(stage) {
      const orders = await placeWaiting(stage, 6, 30_000);
      await untilPast(stage, orders, ['accepted']);
      await arm(stage, orders, (reference) => [{ match: execute(reference), action: { hang: 'after' } }]);
      await stage.market.cross();
      await untilPast(stage, orders, ['watching']);
      await stage.sleep(3_000);
      await cancelAll(stage, orders);
      await stage.sleep(6_000);
    },
  },
  {
    id: 'B02',
    title: 'executes take effect unanswered, look-ups lag, the same execute is refused later; customers cancel',
    atRisk: ['I5', 'I1'],
    ...ALONE,
    async run(stage) {
      const { system } = stage;
      const orders = await placeWaiting(stage, 6, 40_000);
      await untilPast(stage, orders, ['accepted']);
      await arm(stage, orders, (reference) => [
        { match: execute(reference), action: { hang: 'after' } },
        { match: { ...execute(reference), times: 'always' }, action: { problem: { code: 'INSUFFICIENT_FUNDS' } } },
        // The order as it was made: pending, and nobody's.
        {
          match: { ...read(reference), times: 'always' },
          action: { patch: { '/status': 'pending', '/executionTrigger': null } },
        },
      ]);
      await stage.market.cross();
      await untilPast(stage, orders, ['watching']);
      // Conduit is asked again a minute after the first time.
      await stage.sleep(60_000 / stage.timeScale + 1_500);
      await cancelAll(stage, orders);
      await stage.sleep(2_000);
      await system.simulator.clearFaults();
    },
  },
  {
    id: 'B03',
    title: 'executes take effect unanswered, and Conduit does not show their orders for a while',
    atRisk: ['I1'],
    ...ALONE,
    async run(stage) {
      const orders = await placeWaiting(stage, 6, 45_000);
      await untilPast(stage, orders, ['accepted']);
      await arm(stage, orders, (reference) => [
        { match: execute(reference), action: { hang: 'after' } },
        { match: { ...read(reference), times: 'always' }, action: { lookup: { absent: true } } },
      ]);
      await stage.market.cross();
      await untilPast(stage, orders, ['watching']);
      // Long enough for whoever believes it to begin again: the back-off of an attempt, a tick, a look and two requests.
      await stage.sleep(14_000);
      await stage.system.simulator.clearFaults();
    },
  },
  {
    id: 'B14',
    title: 'executions fail, and a transaction of them that went through is shown a moment later',
    atRisk: ['I1'],
    ...ALONE,
    async run(stage) {
      const orders = await placeWaiting(stage, 6, 45_000);
      await untilPast(stage, orders, ['accepted']);
      const appears = { status: 'completed', afterMs: 1_000 } as const;
      const failure = { code: 'provider_unavailable', transactions: [], appears };
      await arm(stage, orders, (reference) => [{ match: execute(reference), action: { settlement: { failure } } }]);
      await stage.market.cross();
      await untilPast(stage, orders, ['watching']);
      // Long enough for whoever believes it to begin again: the back-off of an attempt, a tick, a look and two requests.
      await stage.sleep(14_000);
    },
  },
  {
    id: 'B04',
    title: 'customers cancel while their orders execute',
    atRisk: ['I5'],
    ...ALONE,
    async run(stage) {
      await stage.system.simulator.setKnobs({ settleDelayMs: 60_000 });
      const orders = await placeWaiting(stage, 6, 25_000);
      await untilPast(stage, orders, ['accepted']);
      await stage.market.cross();
      await untilPast(stage, orders, ['watching']);
      await cancelAll(stage, orders);
      await stage.sleep(60_000 / stage.timeScale);
      await stage.system.simulator.setKnobs({ settleDelayMs: 15_000 });
    },
  },
  {
    id: 'B05',
    title: 'the sends cannot be written for a moment, and customers cancel in it',
    atRisk: ['I5', 'I8'],
    ...ALONE,
    async run(stage) {
      for (let round = 0; round < 3; round += 1) {
        await stage.market.away();
        const orders = await placeWaiting(stage, 8, 20_000);
        await untilPast(stage, orders, ['accepted']);
        await stage.market.cross();
        for (let hold = 0; hold < 4; hold += 1) {
          await stage.sleep(400);
          // The last round's cancels meet creates, the others' executes.
          await cancelDuringPermits(stage, orders, { of: round === 2 ? 'prepared' : 'created', holdMs: 700 });
        }
      }
    },
  },
  {
    id: 'B07',
    title: 'the accounts are empty until after the expiry',
    atRisk: ['I4'],
    ...ALONE,
    async run(stage) {
      const orders = await placeWaiting(stage, 6, 18_000);
      await untilPast(stage, orders, ['accepted']);
      const expiry = Date.parse(orders[0]?.plan.body.expires_at ?? '');
      await arm(stage, orders, (reference) => [
        { match: { ...execute(reference), times: 'always' }, action: { problem: { code: 'INSUFFICIENT_FUNDS' } } },
      ]);
      await stage.market.cross();
      await stage.sleep(Math.max(0, expiry + 1_000 - Date.now()));
      stage.note('funds arrive');
      await stage.system.simulator.clearFaults();
      // Refused executes are tried again after one base, and two.
      await stage.sleep(10_000);
    },
  },
  {
    id: 'B08',
    title: 'creates come to nothing, unanswered, and are sent again',
    atRisk: ['I1', 'I7'],
    ...ALONE,
    async run(stage) {
      const orders = await placeWaiting(stage, 6, 30_000);
      await untilPast(stage, orders, ['accepted']);
      await arm(stage, orders, (reference) => [{ match: create(reference), action: { drop: 'before' } }]);
      await stage.market.cross();
      // A minute after the first time, and the look-ups before it.
      await stage.sleep(60_000 / stage.timeScale + 5_000);
    },
  },
  {
    id: 'B09',
    title: 'orders are locked worse than their option was quoted, and than their target',
    atRisk: ['I3'],
    ...ALONE,
    async run(stage) {
      const orders = await placeWaiting(stage, 6, 26_000);
      await untilPast(stage, orders, ['accepted']);
      const match = { operation: 'orders.create', times: 'always' } as const;
      await stage.system.simulator.armFault({ match, action: { worseLock: { bps: 300 } } });
      await stage.market.cross();
      stage.note('worse locks');
      await untilPast(stage, orders, ['watching']);
    },
  },
  {
    id: 'B12',
    title: 'every worker freezes between a permit to execute and its request, until the order has expired',
    atRisk: ['I4'],
    ...ALONE,
    async run(stage) {
      const { desk, fleet } = stage.system;
      const orders = await placeWaiting(stage, 3, 14_000);
      await untilPast(stage, orders, ['accepted']);
      const expiry = Math.max(...orders.map(({ plan }) => Date.parse(plan.body.expires_at)));
      const freezeBoth = async () => {
        const ms = expiry + 1_000 - Date.now();
        stage.note('freeze of all workers', { ms });
        for (const name of WORKERS) fleet.freeze(name);
        await sleep(ms);
        for (const name of WORKERS) fleet.thaw(name);
      };
      desk.arm('S15', freezeBoth, { fits: ({ about }) => about['operation'] === 'execute' });
      await stage.market.cross();
      await sleep(expiry + 6_000 - Date.now());
      expectStruck(stage);
    },
  },
];
