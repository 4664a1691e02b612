// Sends whose reply is lost or proves nothing: look-ups, the same key again, adoption, and the cancel at Conduit.
import { orderScene } from '../scene.ts';

const EXECUTED = 'advanceOrder=executed:done';

export const unknown = [
  orderScene(
    'executed-after-lost-create-reply',
    'The reply to the create is lost: a look-up finds the order and adopts it.',
    ['sendCreate=unknown/CONNECTION_LOST', 'lookUpAttempt=pending/pending', EXECUTED],
    async (stage) => {
      await stage.fault('orders.create', { drop: 'after' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-lost-execute-reply',
    'The reply to the execute is lost: a look-up finds the claim.',
    ['sendExecute=unknown/CONNECTION_LOST', 'lookUpAttempt=claimed/pending', EXECUTED],
    async (stage) => {
      await stage.fault('orders.execute', { drop: 'after' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-resent-execute',
    'The execute never arrives: it is sent again under the same key.',
    ['sendExecute=unknown/CONNECTION_LOST', 'advanceOrder=executing:send_execute', 'sendExecute=accepted', EXECUTED],
    async (stage) => {
      await stage.fault('orders.execute', { drop: 'before' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-resent-create',
    'The create never arrives: after a look-up that may be believed to say "absent" it is sent again under the same key.',
    ['sendCreate=unknown/CONNECTION_LOST', 'lookUpAttempt=absent', 'sendCreate=accepted', EXECUTED],
    async (stage) => {
      await stage.fault('orders.create', { drop: 'before' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-lagging-look-ups',
    'The reply to the create is cut off and the list lags: absent at first, then adopted without being sent again.',
    ['sendCreate=unknown/', 'lookUpAttempt=absent', 'lookUpAttempt=pending/pending', EXECUTED],
    async (stage) => {
      await stage.fault('orders.create', { truncate: 'reset' });
      await stage.fault('orders.list', { lookup: { lagMs: 3_000 } }, { times: 'always' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-refused-twin',
    'The reply is lost, the list lags, and Conduit has forgotten the key: what it answers to the create sent again proves that an order exists.',
    ['lookUpAttempt=absent', 'sendCreate=exists/', 'lookUpAttempt=pending/pending', EXECUTED],
    async (stage) => {
      await stage.simulator.setKnobs({ idempotencyWindowMs: 10_000 });
      await stage.fault('orders.create', { drop: 'after' });
      await stage.fault('orders.list', { lookup: { lagMs: 9_000 } }, { times: 'always' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-look-ups-without-answer',
    'The reply to the create is lost and look-ups get no answer, three times.',
    ['sendCreate=unknown/CONNECTION_LOST', 'lookUpAttempt=unavailable', 'lookUpAttempt=pending/pending', EXECUTED],
    async (stage) => {
      await stage.fault('orders.create', { drop: 'after' });
      await stage.fault('orders.list', { drop: 'before' }, { times: 3 });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-absent-claim',
    'The reply to the execute is lost and the order reads absent for a while: nothing is sent until it is seen claimed.',
    ['sendExecute=unknown/CONNECTION_LOST', 'lookUpAttempt=absent', 'lookUpAttempt=terminal/succeeded', EXECUTED],
    async (stage) => {
      await stage.fault('orders.execute', { drop: 'after' });
      await stage.fault('orders.get', { lookup: { absent: true } }, { times: 4 });
      return stage.met();
    },
  ),
  orderScene(
    'executed-by-adopted-claim',
    'The lost create made an order that executes by itself: the look-up finds it claimed, and it is recorded as ours.',
    ['sendCreate=unknown/CONNECTION_LOST', 'lookUpAttempt=claimed/pending', 'advanceOrder[adopt_claimed]=', EXECUTED],
    async (stage) => {
      await stage.fault('orders.create', { autoExecuteDespiteFalse: true, drop: 'after' });
      return stage.met();
    },
  ),
  orderScene(
    'executed-after-spent-key',
    'The execute never arrives until its key is too old to use: the order is cancelled at Conduit, the second attempt executed.',
    [
      'sendExecute=unknown/CONNECTION_LOST',
      'advanceOrder=executing:send_cancel',
      'sendCancel=accepted',
      'lookUpAttempt=terminal/cancelled',
      'advanceOrder[close_without_effect]=watching:waits_for_rate',
      EXECUTED,
    ],
    async (stage) => {
      await stage.fault('orders.execute', { drop: 'before' }, { times: 'always' });
      const id = await stage.met();
      await stage.shows(id, 'sendCancel=accepted');
      await stage.simulator.clearFaults();
      return id;
    },
  ),
  orderScene(
    'expired-after-cancelling-execution',
    'The execute never arrives and the expiry comes near: cancelled at Conduit, and expired when its time has come.',
    [
      'sendExecute=unknown/CONNECTION_LOST',
      'sendCancel=accepted',
      'lookUpAttempt=terminal/cancelled',
      'ends:completed',
    ],
    async (stage) => {
      await stage.fault('orders.execute', { drop: 'before' }, { times: 'always' });
      return stage.met(stage.expiringIn(11_000));
    },
  ),
  orderScene(
    'expired-while-create-unknown',
    'The create never arrives and look-ups get no answer until the fence: closed as it is, then expired.',
    [
      'sendCreate=unknown/CONNECTION_LOST',
      'lookUpAttempt=unavailable',
      'advanceOrder[fence]=watching:',
      'advanceOrder[expire]=',
    ],
    async (stage) => {
      await stage.fault(['orders.create', 'orders.list'], { drop: 'before' }, { times: 'always' });
      return stage.met(stage.expiringIn(12_000));
    },
  ),
  orderScene(
    'failed-after-cancelling-execution',
    'A cancel is refused while nobody knows of the execute: two cancels at Conduit, the first of them lost, and the order fails.',
    [
      'sendExecute=unknown/CONNECTION_LOST',
      'signal:orderChanged',
      'sendCancel=unknown/CONNECTION_LOST',
      'sendCancel=accepted',
      'lookUpAttempt=terminal/cancelled',
      'advanceOrder=failed:done',
    ],
    async (stage) => {
      await stage.fault('orders.execute', { drop: 'before' }, { times: 'always' });
      await stage.fault('orders.cancel', { drop: 'before' });
      const id = await stage.met();
      await stage.shows(id, 'sendExecute=unknown/CONNECTION_LOST');
      await stage.api.cancel(id);
      return id;
    },
  ),
];
