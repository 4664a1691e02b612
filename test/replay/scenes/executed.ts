// Orders that are executed, by the shortest ways and by those on which a look, a quote or a lock comes in between.
import { rateCrossed } from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { orderScene } from '../scene.ts';
import type { Stage } from '../stage.ts';

/** Waits until the last look is long enough ago for another one. */
export async function untilLookAllowed(stage: Stage, orderId: string): Promise<void> {
  await eventually('the throttle to end', async () => (await stage.redis.exists(`order:rate:${orderId}`)) === 0);
}

/** The sweep's word, given by hand: the firm look that follows meets a rate that is far. */
export async function missedLook(stage: Stage, orderId: string, nth: number): Promise<void> {
  await untilLookAllowed(stage, orderId);
  await stage.signal(orderId, rateCrossed);
  await eventually('the look', async () => {
    const [order] = await stage.db<
      { looks: number }[]
    >`select attempts as looks from orders where order_id = ${orderId}`;
    return order && order.looks >= nth;
  });
  // The look is throttled and over when the run sleeps again.
  await stage.says(orderId, 'waits for an all-in rate');
}

export const executed = [
  orderScene(
    'executed-at-once',
    'The rate is met when the order is placed: look, create, execute, look-ups, end.',
    ['takeFirmLook=hit', 'sendCreate=accepted', 'sendExecute=accepted', 'advanceOrder=executed:done'],
    (stage) => stage.met(),
  ),
  orderScene(
    'executed-after-waiting',
    'The rate is far when the order is placed and met soon after.',
    ['takeFirmLook=hit', 'advanceOrder=executed:done'],
    async (stage) => {
      const id = await stage.watching();
      await stage.cross();
      return id;
    },
  ),
  orderScene(
    'executed-by-crossing',
    'The run sleeps; the signal of the sweep alone wakes it.',
    [
      'advanceOrder[watch]=watching:waits_for_rate',
      'signal:rateCrossed',
      'takeFirmLook=hit',
      'advanceOrder=executed:done',
    ],
    async (stage) => {
      const id = await stage.watching();
      await stage.cross();
      return id;
    },
  ),
  orderScene(
    'executed-after-missed-looks',
    'Three firm looks miss, each called for by a signal; the fourth is met.',
    [
      'takeFirmLook=rate_not_met',
      'advanceOrder=watching:waits_for_rate',
      'takeFirmLook=rate_not_met',
      'advanceOrder=watching:waits_for_rate',
      'takeFirmLook=rate_not_met',
      'takeFirmLook=hit',
      'advanceOrder=executed:done',
    ],
    async (stage) => {
      const id = await stage.watching();
      for (const nth of [1, 2, 3]) await missedLook(stage, id, nth);
      await stage.cross();
      return id;
    },
  ),
  orderScene(
    'executed-after-failed-looks',
    'The quotes of two firm looks get no answer; the third is met.',
    [
      'takeFirmLook=quote_failed/',
      'advanceOrder=watching:waits_for_rate',
      'takeFirmLook=quote_failed/',
      'takeFirmLook=hit',
    ],
    async (stage) => {
      const id = await stage.watching();
      await stage.fault('quotes.create', { drop: 'before' }, { times: 'always' });
      for (const nth of [1, 2]) {
        await stage.signal(id, rateCrossed);
        await stage.shows(id, 'takeFirmLook=quote_failed/CONNECTION_LOST', nth);
      }
      await stage.simulator.clearFaults();
      await stage.cross();
      // A failed look keeps the sweep away for some seconds.
      await stage.signal(id, rateCrossed);
      return id;
    },
  ),
  orderScene(
    'executed-by-webhook-alone',
    'Look-ups get no answer during the execution: the signal of the webhook brings the one that reads the end.',
    ['lookUpAttempt=unavailable', 'signal:conduitOrderChanged', 'lookUpAttempt=terminal/succeeded'],
    async (stage) => {
      await stage.fault('orders.execute', { settlement: { held: true } });
      await stage.fault('orders.get', { drop: 'before' }, { times: 'always' });
      const id = await stage.met();
      // The third look-up is the last before a wait of three seconds.
      await stage.shows(id, 'lookUpAttempt=unavailable', 3);
      await stage.simulator.clearFaults();
      await stage.simulator.settle(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'executed-by-look-ups-alone',
    'No webhook ever comes: timers alone bring the look-ups.',
    ['sendExecute=accepted', 'timer', 'lookUpAttempt=claimed/pending', 'timer', 'lookUpAttempt=terminal/succeeded'],
    async (stage) => {
      await stage.fault('webhook', { webhook: { never: true } }, { times: 'always' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-its-expiry',
    'Claimed in time and held past the expiry: the run stays with it until Conduit has ended it.',
    ['sendExecute=accepted', 'advanceOrder=executing:waits_for_look_up', 'advanceOrder=executed:done'],
    async (stage) => {
      await stage.fault('orders.execute', { settlement: { held: true } });
      const expiresInMs = 11_000;
      const id = await stage.met(stage.expiringIn(expiresInMs));
      await stage.untilClaimed(id);
      await eventually(
        'the expiry to pass',
        async () => {
          const overdue = await stage.db`select from orders where order_id = ${id} and expires_at < app_now()`;
          return overdue.count === 1;
        },
        2 * expiresInMs,
      );
      // One look-up more, so that the run is seen to go on.
      await stage.simulator.settle(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'executed-after-expired-quote',
    'The option has expired when it is to be redeemed: the attempt closes, the second one is executed.',
    [
      'sendCreate=no_effect/QUOTE_EXPIRED',
      'advanceOrder[fence]=watching:waits_for_rate',
      'signal:rateCrossed',
      'takeFirmLook=hit',
      'advanceOrder=executed:done',
    ],
    async (stage) => {
      await stage.fault('orders.create', { problem: { code: 'QUOTE_EXPIRED', status: 422 } });
      return stage.met();
    },
  ),
  orderScene(
    'executed-at-the-third-attempt',
    'One attempt ends with an expired option, one at Conduit without effect; the third is executed.',
    [
      'sendCreate=no_effect/QUOTE_EXPIRED',
      'lookUpAttempt=terminal/failed',
      'advanceOrder[close_without_effect]=watching:waits_for_rate',
      'advanceOrder=executed:done',
    ],
    async (stage) => {
      await stage.fault('orders.create', { problem: { code: 'QUOTE_EXPIRED', status: 422 } });
      await stage.fault('orders.execute', {
        settlement: { failure: { code: 'provider_unavailable', transactions: ['failed'] } },
      });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-worse-lock',
    'Conduit locks a worse rate than it quoted: fenced, an orphan left behind, executed at the second attempt.',
    [
      'sendCreate=accepted',
      'advanceOrder[adopt_created,fence]=watching:waits_for_rate',
      'sendExecute=accepted',
      'advanceOrder=executed:done',
    ],
    async (stage) => {
      await stage.fault('orders.create', { worseLock: { bps: 500 } });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-failed-attempt',
    'Conduit fails the execution without effect; the second attempt is executed.',
    ['lookUpAttempt=terminal/failed', 'advanceOrder=executed:done'],
    async (stage) => {
      await stage.fault('orders.execute', {
        settlement: { failure: { code: 'provider_unavailable', transactions: ['failed'] } },
      });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-unproved-failure',
    'Conduit fails the execution and shows no transaction: only a second read proves that there was no effect.',
    [
      'lookUpAttempt=terminal/failed',
      'advanceOrder=executing:waits_for_look_up',
      'lookUpAttempt=terminal/failed',
      'advanceOrder[close_without_effect]=watching:waits_for_rate',
      'advanceOrder=executed:done',
    ],
    async (stage) => {
      await stage.fault('orders.execute', {
        settlement: { failure: { code: 'provider_unavailable', transactions: [] } },
      });
      return stage.met();
    },
  ),
];
