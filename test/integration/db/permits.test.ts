import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { cancelOrder } from '../../../src/db/cancel.ts';
import { inTransaction } from '../../../src/db/client.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { addPause } from '../../../src/db/pauses.ts';
import { type MoneyOperation, type Permit, takePermit } from '../../../src/db/permits.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { storeSendReply } from '../../../src/db/send-replies.ts';
import type { Seen } from '../../../src/domain/order.ts';
import { writeVersion } from '../../support/versions.ts';
import {
  allowForgetting,
  anAttempt,
  aWatchedOrder,
  makeCreated,
  openTestDb,
  orderOf,
  seenOf,
  type TestDb,
  TIMING,
} from './support.ts';

jest.setTimeout(30_000);

type Obstacle = readonly [string, (order: OrderRow) => PromiseLike<unknown>];

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
  await allowForgetting(test_);
});
afterAll(() => test_.stop());

function permit(order: OrderRow, seen: Seen, operation: MoneyOperation, keyNumber = 1): Promise<Permit | null> {
  return takePermit(test_.db, { orderId: order.id, seen, operation, keyNumber, makeBody: () => '{}' }, TIMING);
}

async function anOrderReadyToExecute() {
  const order = await aWatchedOrder(test_.db);
  const attempt = await anAttempt(test_.db, order);
  await makeCreated(test_.db, order, attempt);
  return { order, attempt };
}

test('of twenty hands with one plan, exactly one gets the permit', async () => {
  const { order } = await anOrderReadyToExecute();
  const seen = await seenOf(test_.db, order.id);
  const permits = await Promise.all(Array.from({ length: 20 }, () => permit(order, seen, 'execute')));
  expect(permits.filter(Boolean)).toHaveLength(1);
  const sends = await test_.db`select 1 from conduit_sends where order_id = ${order.id}`;
  expect(sends).toHaveLength(1);
  expect(await orderOf(test_.db, order.id)).toMatchObject({ status: 'executing' });
});

test('a cancel and an execute permit at once: exactly one wins, fifty times', async () => {
  let cancelled = 0;
  for (let round = 0; round < 50; round += 1) {
    const { order } = await anOrderReadyToExecute();
    const seen = await seenOf(test_.db, order.id);
    // Each side gets its head starts, so that both win now and then.
    const headStart = (isMine: boolean) => new Promise((resolve) => setTimeout(resolve, isMine ? 0 : round % 10));
    const [answer, granted] = await Promise.all([
      headStart(round % 2 === 0).then(() => cancelOrder(test_.db, order.id, 'api', TIMING)),
      headStart(round % 2 === 1).then(() => permit(order, seen, 'execute')),
    ]);
    expect(answer?.answer).toBe(granted ? 'too_late' : 'cancelled');
    if (!granted) cancelled += 1;
    expect((await orderOf(test_.db, order.id)).status).toBe(granted ? 'executing' : 'cancelled');
  }
  expect(cancelled).toBeGreaterThan(0);
  expect(cancelled).toBeLessThan(50);
});

/** What stands in the way of a create and of an execute alike. */
const OBSTACLES: Obstacle[] = [
  ['a pause on all', () => pause('all')],
  ['a pause on the pair', (o) => pause(`pair:${o.pair}`)],
  ['a pause on the source account', (o) => pause(`account:${o.sourceAccount}`)],
  ['a pause on the destination account', (o) => pause(`account:${o.destinationAccount}`)],
  [
    'a source account that is no longer active',
    (o) => sql`update conduit_accounts set active = false where account_id = ${o.sourceAccount}`,
  ],
  [
    'a destination account that is no longer active',
    (o) => sql`update conduit_accounts set active = false where account_id = ${o.destinationAccount}`,
  ],
  ['a refused cancel', (o) => sql`update orders set cancel_refused_at = app_now() where order_id = ${o.id}`],
  [
    'an expiry nearer than the margin',
    (o) => sql`update orders set expires_at = app_now() + interval '14 seconds' where order_id = ${o.id}`,
  ],
  ['a target above the rate by now', (o) => sql`update orders set target_rate = 0.924 where order_id = ${o.id}`],
  ['a closed gate', () => sql`update provider_gate set closed_until = app_now() + interval '1 minute'`],
];

/** Each leaves all the other conditions true, so that the one it is about has to refuse by itself. */
const CREATE_OBSTACLES: Obstacle[] = [
  ...OBSTACLES,
  ['an option that ends within its margin', attemptWith("option_expires_at = app_now() + interval '29 seconds'")],
  ['a quoted debit that is not the amount', attemptWith('quoted_debit = 19.99')],
  ['an order that exists at Conduit', attemptWith("conduit_order_id = 'ord_known_' || order_id")],
  ['an attempt that is no longer prepared', attemptWith("status = 'executing', version = version + 1")],
  [
    'an order that is not watching',
    (o) => writeVersion(test_.db, { set: sql`status = 'executing'`, where: sql`order_id = ${o.id}` }),
  ],
];

const EXECUTE_OBSTACLES: Obstacle[] = [
  ...OBSTACLES,
  ['a lock that ends within the margin', attemptWith("lock_expires_at = app_now() + interval '14 seconds'")],
  ['a lock whose end is not known', attemptWith('lock_expires_at = null')],
  ['a locked debit that is not the amount', attemptWith('locked_debit = 19.99')],
  ['a fault of the lock', attemptWith("lock_fault = 'auto_execute'")],
  ['an absent that was read', attemptWith("observed = 'absent'")],
  ['a claim that was already seen', attemptWith("observed = 'claimed'")],
  ['an end that was already seen', attemptWith("observed = 'terminal'")],
  [
    'an order that is not known at Conduit',
    attemptWith("status = 'executing', version = version + 1, conduit_order_id = null"),
  ],
];

test.each(CREATE_OBSTACLES)('no create is permitted under %s', async (_, spoil) => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  await expectRefusal(order, 'create', spoil);
});

test.each(EXECUTE_OBSTACLES)('no execute is permitted under %s', async (_, spoil) => {
  const { order } = await anOrderReadyToExecute();
  await expectRefusal(order, 'execute', spoil);
});

test("no execute is permitted before the create's order was taken over", async () => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  await expectRefusal(
    order,
    'execute',
    attemptWith(
      `conduit_order_id = 'ord_' || order_id, locked_debit = 20, locked_recipient = 18.46, locked_destination_fee = 0,
       lock_expires_at = app_now() + interval '2 hours', observed = 'pending'`,
    ),
  );
});

test('no create is permitted while money was seen to move under another attempt', async () => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  const closed = "status = 'cancelled', version = version + 1, closed_at = app_now(), closed_by = 'fence'";
  await attemptWith(`${closed}, observed = 'claimed'`)(order);
  await anAttempt(test_.db, order);
  await expectRefusal(order, 'create', async () => {});
});

// 20 USDT at 0.92 is 18.4, at the floor of 0.874 it is 17.48. A fee counts as if it were still to be taken off, and as if not.
const RATES = [
  ['>=', 'at the target', '18.400000', '0', true],
  ['>=', 'one unit short of it', '18.399999', '0', false],
  ['>=', 'at the target after a fee', '18.410000', '0.010000', true],
  ['>=', 'one unit short of it after a fee', '18.410000', '0.010001', false],
  ['<=', 'at the target', '18.400000', '0', true],
  ['<=', 'one unit above it', '18.400001', '0', false],
  ['<=', 'one unit above it before a fee', '18.400001', '0.010000', false],
  ['<=', 'at the floor', '17.480000', '0', true],
  ['<=', 'one unit under it', '17.479999', '0', false],
  ['<=', 'at the floor after a fee', '17.490000', '0.010000', true],
  ['<=', 'one unit under it after a fee', '17.490000', '0.010001', false],
] as const;

const OF_BOTH = RATES.flatMap((row) =>
  (['create', 'execute'] as const).map((operation) => [operation, ...row] as const),
);

test.each(OF_BOTH)('the permit of %s judges the rate by itself: %s, %s', async (operation, direction, _, ...judged) => {
  const [recipient, fee, isMet] = judged;
  const floor = direction === '<=' ? { floorRate: '0.874', triggerFloor: '0.87' } : {};
  const order = await aWatchedOrder(test_.db, { direction, ...floor });
  const attempt = await anAttempt(test_.db, order);
  if (operation === 'execute') await makeCreated(test_.db, order, attempt);
  const prefix = operation === 'create' ? 'quoted' : 'locked';
  await attemptWith(`${prefix}_recipient = ${recipient}, ${prefix}_destination_fee = ${fee}`)(order);
  const granted = await permit(order, await seenOf(test_.db, order.id), operation);
  expect(granted !== null).toBe(isMet);
});

test('a plan made before somebody else changed the row is superseded', async () => {
  const { order } = await anOrderReadyToExecute();
  const old = await seenOf(test_.db, order.id);
  await permit(order, old, 'execute');
  const stale = await applyRecord(
    test_.db,
    order.id,
    old,
    { kind: 'fence', to: 'watching', attemptTo: 'cancelled', reason: 'provider_busy', code: null, pause: null },
    TIMING,
  );
  expect(stale?.result).toBe('superseded');
  expect(await orderOf(test_.db, order.id)).toMatchObject({ status: 'executing' });
});

test('a fence is refused while an execute is unresolved, even with the right versions', async () => {
  const { order } = await anOrderReadyToExecute();
  await permit(order, await seenOf(test_.db, order.id), 'execute');
  const fence = {
    kind: 'fence',
    to: 'watching',
    attemptTo: 'cancelled',
    reason: 'provider_busy',
    code: null,
    pause: null,
  } as const;
  expect((await applyRecord(test_.db, order.id, await seenOf(test_.db, order.id), fence, TIMING))?.result).toBe(
    'superseded',
  );
});

test("another send's refusal proves nothing: a new execute key waits until each send before it was refused itself", async () => {
  const { order, attempt } = await anOrderReadyToExecute();
  const first = await permit(order, await seenOf(test_.db, order.id), 'execute');
  const again = await permit(order, await seenOf(test_.db, order.id), 'execute');
  expect(first && again).toBeTruthy();
  const refuse = (sendId: string) =>
    storeSendReply(test_.db, {
      orderId: order.id,
      attempt,
      sendId,
      operation: 'execute',
      reading: null,
      reply: {
        outcome: 'no_effect',
        code: 'INSUFFICIENT_FUNDS',
        httpStatus: 422,
        correlationId: null,
        retryAfterMs: null,
        raw: null,
      },
    });
  const refused = { kind: 'execute_refused', reason: 'insufficient_funds', code: null, pause: null } as const;
  await refuse(again?.sendId ?? '');
  expect((await applyRecord(test_.db, order.id, await seenOf(test_.db, order.id), refused, TIMING))?.result).toBe(
    'superseded',
  );
  expect(await permit(order, await seenOf(test_.db, order.id), 'execute', 2)).toBeNull();
  await refuse(first?.sendId ?? '');
  expect((await applyRecord(test_.db, order.id, await seenOf(test_.db, order.id), refused, TIMING))?.result).toBe(
    'applied',
  );
  expect(await orderOf(test_.db, order.id)).toMatchObject({ status: 'watching', reason: 'insufficient_funds' });
  expect(await permit(order, await seenOf(test_.db, order.id), 'execute', 2)).not.toBeNull();
});

test('a key that the provider may have forgotten is never sent again', async () => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  expect(await permit(order, await seenOf(test_.db, order.id), 'create')).not.toBeNull();
  await sql`update conduit_sends set permitted_at = app_now() - interval '241 seconds' where order_id = ${order.id}`;
  expect(await permit(order, await seenOf(test_.db, order.id), 'create')).toBeNull();
});

test('a late 202 for an attempt that was fenced stores the order and makes it an orphan', async () => {
  const order = await aWatchedOrder(test_.db);
  const attempt = await anAttempt(test_.db, order);
  const granted = await permit(order, await seenOf(test_.db, order.id), 'create');
  expect((await cancelOrder(test_.db, order.id, 'api', TIMING))?.answer).toBe('cancelled');
  const stored = await storeSendReply(test_.db, {
    orderId: order.id,
    attempt,
    sendId: granted?.sendId ?? '',
    operation: 'create',
    reply: { outcome: 'accepted', code: null, httpStatus: 202, correlationId: null, retryAfterMs: null, raw: {} },
    reading: {
      order: {
        id: 'ord_late',
        reference: `${order.id}:g1`,
        status: 'pending',
        isClaimed: false,
        autoExecute: false,
        endUserRate: '0.9',
        sourceAccount: null,
        destinationAccount: order.destinationAccount,
        quoteOptionId: null,
        source: { currency: 'USDT', network: 'ethereum', amount: '19.9' },
        destination: { currency: 'USDC', network: 'ethereum', amount: '18.4' },
        totalDebit: { currency: 'USDT', network: 'ethereum', amount: '20' },
        fees: [],
        lockExpiresAt: Date.now(),
        failureCode: null,
        cancellationReason: null,
        linkedTransactionIds: [],
      },
      lock: {
        amounts: { debit: '20', recipient: '18.4', destinationFee: '0' },
        fault: null,
        rate: '0.9',
        expiresAt: Date.now(),
      },
      linked: null,
      raw: {},
    },
  });
  expect(stored).toBe('late');
  const [row] =
    await sql`select conduit_order_id, orphan_until, orphan_closed_at, status from transactions where order_id = ${order.id}`;
  expect(row).toMatchObject({ conduitOrderId: 'ord_late', orphanClosedAt: null, status: 'cancelled' });
  expect(row?.['orphanUntil']).not.toBeNull();
});

function sql(strings: TemplateStringsArray, ...values: (string | number)[]) {
  return test_.db(strings, ...values);
}

async function pause(scope: string): Promise<void> {
  await inTransaction(test_.db, (tx) =>
    addPause(tx, { scope: scope as 'all', reason: 'test', automatic: false, healsByProbe: false }),
  );
}

/** Changes the columns of the order's attempt behind the back of everybody. */
function attemptWith(columns: string) {
  return (order: OrderRow) =>
    test_.db`update transactions set ${test_.db.unsafe(columns)} where order_id = ${order.id}`;
}

/** The plan is of after the obstacle, so that no version gives it away; without the obstacle the permit would be given. */
async function expectRefusal(order: OrderRow, operation: MoneyOperation, spoil: Obstacle[1]): Promise<void> {
  await spoil(order);
  try {
    expect(await permit(order, await seenOf(test_.db, order.id), operation)).toBeNull();
    expect(await test_.db`select 1 from conduit_sends where order_id = ${order.id}`).toHaveLength(0);
  } finally {
    await sql`update provider_gate set closed_until = '-infinity'`;
    await sql`delete from pauses`;
  }
}
