// Orders that wait for somebody: for funds, for Conduit to take calls again, for a pause to be lifted.
import { rateCrossed } from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { orderScene } from '../scene.ts';

const EXECUTED = 'advanceOrder=executed:done';

export const waiting = [
  orderScene(
    'executed-after-funds-arrived',
    'The source account is short: the execute is refused, and sent again under another key once the funds are there.',
    [
      'sendExecute=no_effect/INSUFFICIENT_FUNDS',
      'advanceOrder[execute_refused]=watching:',
      'sendExecute=accepted',
      EXECUTED,
    ],
    async (stage) => {
      await stage.setFunds('1');
      const id = await stage.met();
      await stage.shows(id, 'sendExecute=no_effect/INSUFFICIENT_FUNDS');
      await stage.setFunds(null);
      return id;
    },
  ),
  orderScene(
    'executed-after-busy-create',
    'The create is answered 429: the same bytes go again when Conduit takes calls.',
    ['sendCreate=no_effect/RATE_LIMITED', 'advanceOrder=watching:waits_for_retry', 'sendCreate=accepted', EXECUTED],
    async (stage) => {
      await stage.fault('orders.create', { rateLimited: { retryAfterSeconds: 2 } });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-busy-execute',
    'The execute is answered 429: the order is back at watching until Conduit takes calls.',
    ['sendExecute=no_effect/RATE_LIMITED', 'advanceOrder[execute_refused]=watching:', 'sendExecute=accepted', EXECUTED],
    async (stage) => {
      await stage.fault('orders.execute', { rateLimited: { retryAfterSeconds: 2 } });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-busy-look',
    'The firm look is answered 429; a later crossing brings the one that is met.',
    ['takeFirmLook=gate_closed', 'timer', 'advanceOrder=watching:', 'signal:rateCrossed', 'takeFirmLook=hit', EXECUTED],
    async (stage) => {
      const id = await stage.watching();
      await stage.fault('quotes.create', { rateLimited: { retryAfterSeconds: 2 } });
      await stage.signal(id, rateCrossed);
      await stage.shows(id, 'takeFirmLook=gate_closed');
      await stage.cross();
      return id;
    },
  ),
  orderScene(
    'executed-after-closed-gate',
    'The crossing comes while nobody may call Conduit: it waits with the run, and the look is taken when the gate opens.',
    ['signal:rateCrossed', 'advanceOrder=watching:waits_for_gate', 'timer', 'takeFirmLook=hit', EXECUTED],
    async (stage) => {
      const id = await stage.watching();
      await stage.fault('quotes.create', { rateLimited: { retryAfterSeconds: 3 } });
      await eventually('the gate to close', async () => {
        const closed = await stage.db`select from provider_gate where closed_until > app_now() + interval '1 second'`;
        return closed.count === 1;
      });
      await stage.cross();
      await stage.signal(id, rateCrossed);
      return id;
    },
  ),
  orderScene(
    'executed-after-busy-look-up',
    'The look-up is answered 429 while the execution is under way.',
    ['sendExecute=accepted', 'lookUpAttempt=unavailable', 'lookUpAttempt=terminal/succeeded', EXECUTED],
    async (stage) => {
      await stage.fault('orders.get', { rateLimited: { retryAfterSeconds: 2 } });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-pause-while-waiting',
    'The pair is paused when the crossing comes: the look is withheld; the pause is lifted, and the next one is met.',
    ['takeFirmLook=paused', 'advanceOrder=watching:waits_for_rate', 'takeFirmLook=hit', EXECUTED],
    async (stage) => {
      const id = await stage.watching();
      await stage.pause();
      await stage.signal(id, rateCrossed);
      await stage.shows(id, 'takeFirmLook=paused');
      await stage.cross();
      await stage.resume();
      return id;
    },
  ),
  orderScene(
    'executed-after-pause-of-an-attempt',
    'The pair is paused while a create waits to be sent again: nothing is sent until the pause is lifted.',
    ['sendCreate=no_effect/RATE_LIMITED', 'advanceOrder=watching:waits_for_pause', 'sendCreate=accepted', EXECUTED],
    async (stage) => {
      await stage.fault('orders.create', { rateLimited: { retryAfterSeconds: 4 } });
      const id = await stage.met();
      await stage.shows(id, 'sendCreate=no_effect/RATE_LIMITED');
      await stage.pause();
      await stage.says(id, 'waits for a pause');
      await stage.resume();
      return id;
    },
  ),
  orderScene(
    'executed-after-refused-key',
    'Conduit refuses our key: everything is paused, the attempt closed; the pause heals by a probe, the second attempt is executed.',
    [
      'sendCreate=no_effect/API_KEY_INVALID',
      'advanceOrder[fence]=watching:waits_for_rate',
      'takeFirmLook=hit',
      EXECUTED,
    ],
    async (stage) => {
      await stage.fault('orders.create', { problem: { code: 'API_KEY_INVALID', status: 401 } });
      const id = await stage.met();
      await stage.shows(id, 'advanceOrder[fence]=watching:waits_for_rate');
      await stage.trigger('orphans');
      return id;
    },
  ),
];
