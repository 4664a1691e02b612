import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { runProductCommand } from '../../stack/product.ts';
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
afterEach(() => world.simulator.clearFaults());

async function pauses(): Promise<readonly { scope: string; reason: string }[]> {
  return world.db<{ scope: string; reason: string }[]>`select scope, reason from pauses`;
}

test('a key that Conduit refuses pauses everything, fails no order, and a successful probe lifts the pause', async () => {
  await world.simulator.armFault({
    match: { operation: 'orders.create', times: 1 },
    action: { problem: { code: 'API_KEY_INVALID', status: 401, when: 'before' } },
  });
  const order = await world.place();
  await eventually('the pause', async () => (await pauses()).some(({ scope }) => scope === 'all'));
  expect(await world.api.read(order.order_id)).toMatchObject({ status: 'watching', reason: 'paused' });
  await world.temporal.client.schedule.getHandle('orphans').trigger();
  expect(await world.ended(order.order_id, 60_000)).toMatchObject({ status: 'executed' });
  expect(await pauses()).toEqual([]);
});

test('an absurd rate moves nothing: the pair is paused until a person resumes it', async () => {
  await world.simulator.setRate(PAIR, '0.9150');
  const order = await world.place();
  await eventually('a good rate on record', async () => {
    const [row] = await world.db<
      { n: number }[]
    >`select count(*)::int as n from rate_observations where pair = ${PAIR}`;
    return row && row.n > 0;
  });
  await world.simulator.setRate(PAIR, '93');
  await eventually('the pause', async () => (await pauses()).some(({ scope }) => scope === `pair:${PAIR}`));
  expect(await world.claims(order.order_id)).toBe(0);
  await world.simulator.setRate(PAIR, '0.93');
  await runProductCommand('admin', ['resume', '--scope', `pair:${PAIR}`], world.env);
  expect(await world.ended(order.order_id)).toMatchObject({ status: 'executed' });
});

test('a rate that a person has judged right stands after resume, however far it is from the one before', async () => {
  // A pair of its own: the rates of the other tests would be far from this one's.
  const pair = 'USDC.ethereum-USDT.ethereum';
  await world.simulator.setRate(pair, '0.9150');
  const order = await world.place({ from_currency: 'USDC', to_currency: 'USDT', target_rate: '5.5', amount: '30.00' });
  await eventually('a good rate on record', async () => {
    const [row] = await world.db<
      { n: number }[]
    >`select count(*)::int as n from rate_observations where pair = ${pair}`;
    return row && row.n > 0;
  });
  await world.simulator.setRate(pair, '9.5');
  await eventually('the pause', async () => (await pauses()).some(({ scope }) => scope === `pair:${pair}`));
  await runProductCommand('admin', ['resume', '--scope', `pair:${pair}`], world.env);
  expect(await world.ended(order.order_id)).toMatchObject({ status: 'executed' });
});

test('after a 429 nobody calls Conduit before its Retry-After', async () => {
  await world.simulator.setRate(PAIR, '0.9150');
  const order = await world.place();
  await world.simulator.armFault({
    match: { operation: 'quotes.create', times: 1 },
    action: { rateLimited: { retryAfterSeconds: 4 } },
  });
  await world.simulator.setRate(PAIR, '0.93');
  const closedUntil = await eventually('the gate to close', async () => {
    const [gate] = await world.db<
      { closedUntil: number }[]
    >`select closed_until from provider_gate where closed_until > app_now()`;
    return gate?.closedUntil;
  });
  expect(await world.ended(order.order_id)).toMatchObject({ status: 'executed' });
  const early = await world.simulator.requests({ sinceMs: closedUntil - 3_000, untilMs: closedUntil - 50 });
  expect(early).toEqual([]);
});

test('an order that somebody else cancels at Conduit ends failed, and nobody tries again', async () => {
  const [row] = await world.db<{ accountId: string }[]>`
    select account_id from conduit_accounts where user_id = ${world.userId} and asset = 'USDT.ethereum'`;
  const account = row?.accountId ?? '';
  await world.simulator.setBalance(account, 'USDT.ethereum', '1');
  const order = await world.place();
  await eventually(
    'the order to wait for funds',
    async () => (await world.api.read(order.order_id)).reason === 'insufficient_funds',
  );
  await world.simulator.cancelAsOther(`${order.order_id}:g1`);
  expect(await world.ended(order.order_id)).toMatchObject({ status: 'failed', reason: 'cancelled_by_provider' });
  await world.simulator.setBalance(account, 'USDT.ethereum', null);
});

test('a look-up that lags behind a lost create never leads to a second order', async () => {
  await world.simulator.armFault(
    { match: { operation: 'orders.create', times: 1 }, action: { drop: 'after' } },
    { match: { operation: 'orders.list', times: 'always' }, action: { lookup: { lagMs: 6_000 } } },
  );
  const order = await world.place();
  expect(await world.ended(order.order_id, 60_000)).toMatchObject({ status: 'executed' });
  const created = (await world.ledger(order.order_id)).filter(({ event }) => event === 'order.created');
  expect(created).toHaveLength(1);
  expect(await world.claims(order.order_id)).toBe(1);
});

test('while Conduit is down an order waits; when it is back it executes', async () => {
  await world.simulator.setRate(PAIR, '0.9150');
  const order = await world.place();
  await eventually('the order to be watched', async () => (await world.api.read(order.order_id)).status === 'watching');
  await world.simulator.armFault({ match: { times: 'always' }, action: { drop: 'before' } });
  await world.simulator.setRate(PAIR, '0.93');
  // A stored quote serves new orders for one interval; after it there is none.
  const refused = await eventually('a refusal', async () => {
    const answer = await world.api.place(world.request({ target_rate: '1.5' }));
    return answer.status === 503 && answer;
  });
  expect(refused).toMatchObject({ body: { code: 'quote_unavailable' } });
  expect((await world.api.read(order.order_id)).status).toBe('watching');
  await world.simulator.clearFaults();
  expect(await world.ended(order.order_id)).toMatchObject({ status: 'executed' });
});
