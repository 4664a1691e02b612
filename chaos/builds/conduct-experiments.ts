// Situations in which customers, or Conduit, could be treated wrongly.
import { Redis } from 'ioredis';
import type { Experiment } from '../experiments/experiment.ts';
import { ALONE, placeWaiting, untilPast } from '../experiments/orders-alone.ts';
import { expectStruck, restartAll } from '../experiments/processes.ts';
import { IDLE_TRANSACTION_MS } from '../experiments/seams.ts';
import { callsOf } from '../load/customer-calls.ts';
import type { Passing } from '../system/desk.ts';
import { WORKERS } from '../system/fleet.ts';

export const CONDUCT_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'B06',
    title: 'requests are sent three times at once, and again after Redis was emptied',
    atRisk: ['I6'],
    ...ALONE,
    async run(stage) {
      const orders = await placeWaiting(stage, 6, 20_000, { repeats: 2 });
      const redis = new Redis(stage.system.env['REDIS_URL'] ?? '');
      await redis.flushall();
      redis.disconnect();
      stage.note('flushall');
      await Promise.all(orders.map(({ calls, plan }) => calls.create(plan.body)));
      await Promise.all(orders.map(({ calls, plan }) => calls.create({ ...plan.body, amount: '7.77' }, 1)));
    },
  },
  {
    id: 'B10',
    title: 'Conduit asks for four seconds of silence, three times',
    atRisk: ['I13'],
    ...ALONE,
    async run(stage) {
      await placeWaiting(stage, 6, 25_000);
      for (let round = 0; round < 3; round += 1) {
        await stage.sleep(1_500);
        await stage.system.simulator.armFault({
          match: { operation: 'quotes.create' },
          action: { rateLimited: { retryAfterSeconds: 4 } },
        });
        stage.note('four seconds of silence', { round });
        await stage.sleep(4_500);
      }
    },
  },
  {
    id: 'B11',
    title: 'everybody asks for the orders of everybody, and cancels them',
    atRisk: ['I10', 'I15'],
    ...ALONE,
    async run(stage) {
      const { system, history, experiment } = stage;
      const orders = await placeWaiting(stage, 6, 20_000);
      for (const { orderId, plan } of orders)
        for (const stranger of system.customers.filter(({ userId }) => userId !== plan.customer.userId)) {
          const calls = callsOf({ apiUrl: system.apiUrl, experiment, history }, stranger, `stranger-${orderId}`);
          await calls.read(orderId, true);
          await calls.events(orderId, true);
          await calls.cancel(orderId, true);
        }
      stage.note('strangers have asked');
    },
  },
  {
    id: 'B13',
    title: 'transactions of workers with two connections stand still until PostgreSQL has ended them',
    atRisk: ['I11', 'I2'],
    ...ALONE,
    async run(stage) {
      const { system } = stage;
      // So few that the one that was lost is needed at once, and made anew.
      for (const name of WORKERS) system.configure(name, { DATABASE_MAX_CONNECTIONS: '2' });
      await restartAll(system, WORKERS);
      const orders = await placeWaiting(stage, 12, 30_000);
      await untilPast(stage, orders, ['accepted']);
      const hold = async ({ process, about }: Passing) => {
        stage.note('stall in a transaction', { process, ...about });
        await stage.sleep(IDLE_TRANSACTION_MS);
      };
      system.desk.arm('S17', hold, { times: 6, fits: ({ about }) => about['into'] === 'order_events' });
      await stage.market.cross();
      await stage.sleep(12_000);
      expectStruck(stage);
    },
  },
];
