import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { createWorld, PAIR, type World } from '../support/world.ts';

jest.setTimeout(90_000);

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await Promise.all([world.start('api'), world.start('bridge'), world.start('worker')]);
});
afterAll(() => world?.stop());

beforeEach(() => world.simulator.setRate(PAIR, '0.93'));
afterEach(async () => {
  await world.simulator.clearFaults();
  await world.simulator.setKnobs({ settlementHeld: false });
});

async function eventsOf(orderId: string): Promise<string[]> {
  return (await world.api.events(orderId)).map(({ event }) => event);
}

test('an order whose rate is met executes once, at a rate that meets it', async () => {
  const order = await world.place();
  const end = await world.ended(order.order_id);
  expect(end).toMatchObject({ status: 'executed', reason: null, target_rate: expect.stringMatching(/^0\.920*$/) });
  expect(Number(end.all_in_rate)).toBeGreaterThanOrEqual(0.92);
  expect(await world.claims(order.order_id)).toBe(1);
  expect(await eventsOf(order.order_id)).toEqual([
    'accepted',
    'watching',
    'attempt_prepared',
    'create_permitted',
    'attempt_created',
    'execute_permitted',
    'executed',
  ]);
});

test('an order waits while its rate is not met and executes when the market reaches it', async () => {
  await world.simulator.setRate(PAIR, '0.9150');
  const order = await world.place();
  await eventually('three ticks of the watcher', async () => {
    const [row] = await world.db<{ n: number }[]>`
      select count(*)::int as n from rate_observations where observed_at > (select created_at from orders where order_id = ${order.order_id})`;
    return row && row.n >= 3;
  });
  expect(await world.claims(order.order_id)).toBe(0);
  await world.simulator.setRate(PAIR, '0.93');
  expect(await world.ended(order.order_id)).toMatchObject({ status: 'executed' });
});

test('a <= order fires when the rate falls to its target, not above it', async () => {
  const order = await world.place({ direction: '<=', target_rate: '0.91' });
  await world.simulator.setRate(PAIR, '0.9150');
  const end = await world.ended(order.order_id);
  expect(end.status).toBe('executed');
  expect(Number(end.all_in_rate)).toBeLessThanOrEqual(0.91);
});

test.each(['orders.create', 'orders.execute'] as const)(
  'a reply lost after the effect of %s gives one execution',
  async (operation) => {
    await world.simulator.armFault({ match: { operation, times: 1 }, action: { drop: 'after' } });
    const order = await world.place();
    expect(await world.ended(order.order_id)).toMatchObject({ status: 'executed' });
    expect(await world.claims(order.order_id)).toBe(1);
    const created = (await world.ledger(order.order_id)).filter(({ event }) => event === 'order.created');
    expect(created).toHaveLength(1);
  },
);

test.each(['orders.create', 'orders.execute'] as const)(
  'a request of %s lost before its effect is sent again and executes once',
  async (operation) => {
    await world.simulator.armFault({ match: { operation, times: 1 }, action: { drop: 'before' } });
    const order = await world.place();
    expect(await world.ended(order.order_id, 60_000)).toMatchObject({ status: 'executed' });
    expect(await world.claims(order.order_id)).toBe(1);
  },
);

test('a cancel during execution is answered 409 too_late, and the order ends executed', async () => {
  await world.simulator.setKnobs({ settlementHeld: true });
  const order = await world.place();
  await eventually('the claim', async () => (await world.claims(order.order_id)) === 1);
  const answer = await world.api.cancel(order.order_id);
  expect(answer).toMatchObject({ status: 409, body: { code: 'too_late' } });
  await world.simulator.settle(`${order.order_id}:g1`);
  const end = await world.ended(order.order_id);
  expect(end.status).toBe('executed');
  expect(await world.api.cancel(order.order_id)).toMatchObject({ status: 409, body: { code: 'already_terminal' } });
});

test('a lock worse than the quote is never executed: the order goes on watching', async () => {
  await world.simulator.armFault({
    match: { operation: 'orders.create', times: 1 },
    action: { worseLock: { bps: 500 } },
  });
  const order = await world.place();
  expect(await world.ended(order.order_id, 60_000)).toMatchObject({ status: 'executed' });
  const facts = await world.ledger(order.order_id);
  expect(facts.filter(({ event }) => event === 'order.created')).toHaveLength(2);
  expect(facts.filter(({ event }) => event === 'order.claimed')).toHaveLength(1);
  // What the refused lock left behind is cancelled by the follower of orphans, which is asked to come now.
  await world.temporal.client.schedule.getHandle('orphans').trigger();
  await eventually(
    'the orphan to be cancelled',
    async () => (await world.ledger(order.order_id)).some(({ event }) => event === 'order.cancelled'),
    50_000,
  );
});

test('missing funds are waited for, and the order executes when they are there', async () => {
  const [row] = await world.db<{ accountId: string }[]>`
    select account_id from conduit_accounts where user_id = ${world.userId} and asset = 'USDT.ethereum'`;
  const account = row?.accountId ?? '';
  await world.simulator.setBalance(account, 'USDT.ethereum', '1');
  const order = await world.place();
  await eventually('the refusal', async () => (await world.api.read(order.order_id)).reason === 'insufficient_funds');
  await world.simulator.setBalance(account, 'USDT.ethereum', null);
  expect(await world.ended(order.order_id, 60_000)).toMatchObject({ status: 'executed' });
  expect(await world.claims(order.order_id)).toBe(1);
});

test('an order that Conduit fails without effect is tried again', async () => {
  await world.simulator.armFault({
    match: { operation: 'orders.execute', times: 1 },
    action: { settlement: { failure: { code: 'provider_unavailable', transactions: ['failed'] } } },
  });
  const order = await world.place();
  expect(await world.ended(order.order_id, 60_000)).toMatchObject({ status: 'executed' });
  expect(await eventsOf(order.order_id)).toContain('attempt_closed');
});

test('an order that Conduit fails with a completed transaction ends failed (partial_effect) and is never tried again', async () => {
  await world.simulator.armFault({
    match: { operation: 'orders.execute', times: 1 },
    action: { settlement: { failure: { code: 'internal_error', transactions: ['completed'] } } },
  });
  const order = await world.place();
  expect(await world.ended(order.order_id)).toMatchObject({ status: 'failed', reason: 'partial_effect' });
});

test('FLUSHALL in mid-run changes nothing', async () => {
  await world.simulator.setRate(PAIR, '0.9150');
  const orders = await Promise.all(Array.from({ length: 8 }, () => world.place()));
  await world.simulator.setRate(PAIR, '0.93');
  let isRunning = true;
  const flushing = (async () => {
    while (isRunning) {
      await world.redis.flushall();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const ends = await Promise.all(orders.map(({ order_id }) => world.ended(order_id)));
  isRunning = false;
  await flushing;
  expect(ends.map(({ status }) => status)).toEqual(orders.map(() => 'executed'));
  for (const { order_id } of orders) expect(await world.claims(order_id)).toBe(1);
});
