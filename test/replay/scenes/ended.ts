// Orders that end expired or failed.
import { rateCrossed } from '../../../src/workflows/messages.ts';
import { orderScene } from '../scene.ts';

const FAILED = 'advanceOrder=failed:done';
const EXPIRED = 'advanceOrder=expired:done';

export const ended = [
  orderScene(
    'expired',
    'The rate stays far until the expiry: the fence, then the end.',
    ['timer', 'advanceOrder=watching:waits_for_expiry', 'timer', EXPIRED],
    (stage) => stage.watching(stage.expiringIn(14_000)),
  ),
  orderScene(
    'expired-while-created',
    'An order at Conduit waits for funds until the fence: closed, and expired when its time has come.',
    ['sendExecute=no_effect/INSUFFICIENT_FUNDS', 'advanceOrder[fence]=watching:waits_for_expiry', 'timer', EXPIRED],
    async (stage) => {
      await stage.setFunds('1');
      return stage.met(stage.expiringIn(12_000));
    },
  ),
  orderScene(
    'expired-at-the-attempt-limit',
    'Each option expires before it is redeemed: after five attempts within the hour the order only waits.',
    ['sendCreate=no_effect/QUOTE_EXPIRED', 'takeFirmLook=attempt_limit', 'timer', EXPIRED],
    async (stage) => {
      await stage.fault('orders.create', { problem: { code: 'QUOTE_EXPIRED', status: 422 } }, { times: 'always' });
      const id = await stage.met(stage.expiringIn(20_000));
      for (let nth = 1; nth <= 5; nth += 1) {
        await stage.shows(id, 'sendCreate=no_effect/QUOTE_EXPIRED', nth);
        await stage.untilWatched(id);
        // Each would wait longer than the one before.
        await stage.db`update orders set next_check_at = app_now() where order_id = ${id}`;
      }
      return id;
    },
  ),
  orderScene(
    'expired-with-two-orders-under-its-reference',
    'The list shows two orders under the reference: nothing is sent any more, look-ups go on, and the order expires.',
    ['lookUpAttempt=ambiguous', 'advanceOrder[fence]=watching:', EXPIRED],
    async (stage) => {
      await stage.fault('orders.create', { drop: 'after' });
      await stage.fault('orders.list', { lookup: { twins: true } }, { times: 'always' });
      return stage.met(stage.expiringIn(12_000));
    },
  ),
  orderScene(
    'expired-after-own-looks',
    'Days of waiting, each some seconds long: nothing happens beside the daily look.',
    ['timer', 'takeFirmLook=rate_not_met', 'timer', 'takeFirmLook=rate_not_met', 'timer', EXPIRED],
    async (stage) => {
      // A day of this world's database: whatever the look is put off to, it is due within three seconds. The sweep, whose interval did
      // not shrink with the day, leaves the order alone.
      await stage.db.unsafe(`
        create function short_day() returns trigger language plpgsql as $$ begin
          new.look_due_at := least(new.look_due_at, app_now() + interval '3 seconds');
          new.next_check_at := app_now() + interval '1 day';
          return new; end $$;
        create trigger short_day before insert or update on orders for each row execute function short_day()`);
      try {
        const id = await stage.watching(stage.expiringIn(21_000));
        await stage.finish(id);
        return id;
      } finally {
        await stage.db.unsafe('drop function short_day cascade');
      }
    },
  ),
  orderScene(
    'failed-partial-effect',
    'Conduit fails the execution after a transaction was completed: a person looks, nobody tries again.',
    ['lookUpAttempt=terminal/failed', FAILED],
    async (stage) => {
      await stage.fault('orders.execute', {
        settlement: { failure: { code: 'internal_error', transactions: ['completed'] } },
      });
      return stage.met();
    },
  ),
  orderScene(
    'failed-provider-refused',
    'Conduit refuses the create for good.',
    ['sendCreate=no_effect/TRANSACTION_BLOCKED', 'advanceOrder=failed:done'],
    async (stage) => {
      await stage.fault('orders.create', { problem: { code: 'TRANSACTION_BLOCKED', status: 422, when: 'before' } });
      return stage.met();
    },
  ),
  orderScene(
    'failed-quote-refused',
    'Conduit refuses the firm quote for good.',
    ['takeFirmLook=refused/AMOUNT_OUT_OF_RANGE', 'advanceOrder=failed:done'],
    async (stage) => {
      const id = await stage.watching();
      await stage.simulator.setKnobs({ minAmount: '21' });
      await stage.signal(id, rateCrossed);
      return id;
    },
  ),
  orderScene(
    'failed-by-provider',
    'Conduit fails the execution for a reason of which nothing is known.',
    ['lookUpAttempt=terminal/failed', FAILED],
    async (stage) => {
      await stage.fault('orders.execute', {
        settlement: { delayMs: 3_000, failure: { code: 'internal_error', transactions: ['failed'] } },
      });
      await stage.fault('webhook', { webhook: { never: true } }, { times: 'always' });
      return stage.met();
    },
  ),
  orderScene(
    'failed-cancelled-by-somebody-else',
    'Somebody else cancels the order at Conduit while it waits for funds.',
    ['sendExecute=no_effect/INSUFFICIENT_FUNDS', 'lookUpAttempt=terminal/cancelled', FAILED],
    async (stage) => {
      await stage.setFunds('1');
      const id = await stage.met();
      await stage.shows(id, 'sendExecute=no_effect/INSUFFICIENT_FUNDS');
      await stage.simulator.cancelAsOther(`${id}:g1`);
      return id;
    },
  ),
  orderScene(
    'failed-orphan-executed',
    'Conduit executes by itself what it was told not to: closed and paused here, then found claimed, and the order fails.',
    [
      'sendCreate=accepted',
      'advanceOrder[adopt_created,fence]=watching:waits_for_rate',
      'signal:orderChanged',
      'advanceOrder=failed:done',
    ],
    async (stage) => {
      await stage.fault('orders.create', { autoExecuteDespiteFalse: true });
      const id = await stage.met();
      await stage.shows(id, 'advanceOrder[adopt_created,fence]=watching:waits_for_rate');
      await stage.trigger('orphans');
      return id;
    },
  ),
];
