import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  addTestKey,
  addTestUser,
  countRows,
  orderBody,
  startTestBed,
  type TestApi,
  type TestBed,
  type TestUser,
} from './support.ts';

let bed: TestBed;
let api: TestApi;
let user: TestUser;

beforeAll(async () => {
  bed = await startTestBed();
  ({ api } = bed);
  user = await addTestUser(api.db);
});
afterAll(() => bed.stop());

const create = (body: unknown, key: string | null = user.key, path = '/orders') =>
  api.request('POST', path, { key, body });

test('an accepted order is answered whole, with its place and without an account id', async () => {
  const body = orderBody(user.id);
  const { status, headers, body: order } = await create(body);
  expect(status).toBe(201);
  expect(headers.get('location')).toBe(`/orders/${order.order_id}`);
  expect(headers.get('idempotency-replayed')).toBeNull();
  expect(order).toMatchObject({
    ...body,
    amount: '20.000000',
    id: order.order_id,
    status: 'accepted',
    version: 1,
    attempts: 0,
    floor_rate: null,
    all_in_rate: null,
    conduit_order_id: null,
    closed_at: null,
  });
  expect(order.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  // The rate at which 20 USDT bring 18.40 USDC after 0.10 and 25 basis points: half a unit of the last decimal early, never late.
  expect(Number(order.trigger_rate)).toBeCloseTo(0.926940427, 7);
  for (const account of user.accounts) expect(JSON.stringify(order)).not.toContain(account);
});

test('an accepted order has its first event, its message and a first look in a day, from one transaction', async () => {
  const { body } = await create(orderBody(user.id));
  const rows = await api.db`
    select e.number, e.event, e.status, e.actor, e.occurred_at between o.created_at - interval '1 s' and o.created_at + interval '1 s' as together,
      look_due_at - o.created_at between interval '22 h' and interval '26 h' as looks_in_a_day,
      (select jsonb_agg(payload) from outbox where topic = 'order-checks' and payload ->> 'order_id' = o.order_id::text) as messages
    from orders o join order_events e using (order_id) where order_id = ${body.order_id}`;
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    number: 1,
    event: 'accepted',
    actor: 'api',
    together: true,
    looksInADay: true,
    messages: [{ v: 1, order_id: body.order_id }],
  });
});

test('the other path, with and without its slash, makes orders as well', async () => {
  for (const path of ['/conditional-transfers/', '/conditional-transfers', '/orders/']) {
    expect((await create(orderBody(user.id), user.key, path)).status).toBe(201);
  }
});

test('a <= order keeps a floor 5 % under its target', async () => {
  const { status, body } = await create(orderBody(user.id, { direction: '<=', target_rate: '0.91' }));
  expect(status).toBe(201);
  expect(body.floor_rate).toBe('0.864500000000000000');
});

test('fifty creates at once with one key make one order, and all hear of it', async () => {
  const body = orderBody(user.id);
  const replies = await Promise.all(Array.from({ length: 50 }, () => create(body)));
  expect(new Set(replies.map((reply) => reply.body.order_id)).size).toBe(1);
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(49);
  expect(replies.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(49);
  const [row] = await api.db`
    select count(*)::int as orders, (select count(*)::int from outbox where payload ->> 'order_id' = ${replies[0]?.body.order_id}) as messages,
      (select count(*)::int from order_events where order_id = ${replies[0]?.body.order_id}) as events
    from orders where idempotency_key = ${String(body['idempotency_key'])}`;
  expect(row).toEqual({ orders: 1, messages: 1, events: 1 });
});

test('fifty creates at once with one key and two bodies make one order; the other body is refused', async () => {
  const body = orderBody(user.id);
  const other = { ...body, amount: '21.00' };
  const replies = await Promise.all(Array.from({ length: 50 }, (_, index) => create(index % 2 ? body : other)));
  const won = replies.find(({ status }) => status === 201);
  const isWinner = (index: number) => (index % 2 ? '20.000000' : '21.000000') === won?.body.amount;
  for (const [index, reply] of replies.entries()) {
    expect(reply.body.code ?? reply.body.order_id).toBe(
      isWinner(index) ? won?.body.order_id : 'idempotency_key_reused',
    );
  }
});

test('a repeat in other words is the same request; another amount, rate, time or side is not', async () => {
  const body = orderBody(user.id, { expires_at: '2036-01-01T00:00:00Z' });
  const limits = { maxExpiryMs: 20 * 365 * 86_400_000 };
  const patient = await bed.startApi({ limits });
  const again = (fields: object) => patient.request('POST', '/orders', { key: user.key, body: { ...body, ...fields } });
  const first = await again({});
  expect(first.status).toBe(201);
  for (const same of [
    {},
    { amount: '20', target_rate: '0.92' },
    { expires_at: '2036-01-01T00:00:00.000Z' },
    { user_id: user.id.toUpperCase() },
  ]) {
    expect(await again(same)).toMatchObject({ status: 200, body: { order_id: first.body.order_id } });
  }
  for (const other of [
    { amount: '20.000001' },
    { target_rate: '0.9200000001' },
    { expires_at: '2036-01-01T00:00:00.001Z' },
    { direction: '<=' },
    { from_currency: 'USDC', to_currency: 'USDT' },
    { to_currency: 'EUR', to_network: null },
  ]) {
    const { status, body: problem } = await again(other);
    expect({ status, code: problem.code, at: problem.errors[0].pointer }).toEqual({
      status: 422,
      code: 'idempotency_key_reused',
      at: '/idempotency_key',
    });
  }
});

test('a repeat finds its order while Conduit is down, near its expiry, without accounts and under tighter limits', async () => {
  const someone = await addTestUser(api.db);
  const body = orderBody(someone.id);
  const first = await create(body, someone.key);
  await api.db`update conduit_accounts set active = false where user_id = ${someone.id}`;
  const strict = await bed.startApi({
    limits: { minExpiryMs: 86_400_000, maxAmount: '1', maxFeeShareBps: 0 },
  });
  strict.conduit.reply = { kind: 'unavailable', code: 'TIMEOUT' };
  const again = await strict.request('POST', '/orders', { key: someone.key, body });
  expect(again).toMatchObject({ status: 200, body: { order_id: first.body.order_id, status: 'accepted' } });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(strict.conduit.asked).toHaveLength(0);
});

test('a repeat answers the order as it is now', async () => {
  const body = orderBody(user.id);
  const { body: order } = await create(body);
  await api.request('POST', `/orders/${order.order_id}/cancel`, { key: user.key });
  const other = await bed.startApi();
  const again = await other.request('POST', '/orders', { key: user.key, body });
  expect(again.body).toMatchObject({ order_id: order.order_id, status: 'cancelled', version: 2 });
  expect(other.conduit.asked).toHaveLength(0);
});

test('a create whose twin won while it was being refused answers the twin’s order', async () => {
  const body = orderBody(user.id, { amount: '777.00' });
  const other = await bed.startApi();
  let release = () => {};
  other.conduit.hold = new Promise((resolve) => {
    release = resolve;
  });
  other.conduit.reply = { kind: 'unavailable', code: 'TIMEOUT' };
  const slow = other.request('POST', '/orders', { key: user.key, body });
  while (other.conduit.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const won = await create(body);
  release();
  expect(await slow).toMatchObject({ status: 200, body: { order_id: won.body.order_id } });
});

test('two users may use the same key for orders of their own', async () => {
  const [a, b] = [await addTestUser(api.db), await addTestUser(api.db)];
  const idempotency_key = randomUUID();
  const one = await create(orderBody(a.id, { idempotency_key }), a.key);
  const two = await create(orderBody(b.id, { idempotency_key }), b.key);
  expect([one.status, two.status]).toEqual([201, 201]);
  expect(one.body.order_id).not.toBe(two.body.order_id);
});

test('a service’s key places orders for any user', async () => {
  const key = await addTestKey(api.db, null);
  expect((await create(orderBody(user.id), key)).status).toBe(201);
});

test('a burst of creates spends one quote, and arms borrowed ones earlier', async () => {
  const burst = await bed.startApi();
  const amounts = ['20.00', '15.00', '30.00', '28.99', '16.00'];
  const replies = await Promise.all(
    [...amounts, ...amounts].map((amount) =>
      burst.request('POST', '/orders', { key: user.key, body: orderBody(user.id, { amount }) }),
    ),
  );
  expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(201));
  expect(burst.conduit.asked).toHaveLength(1);
  const asked = burst.conduit.asked[0]?.amount;
  for (const { body } of replies) {
    // What a quote of its own would have said: the borrowed trigger lies before it.
    const own = await ownTrigger(body.amount);
    if (body.amount === `${asked}0000`) continue;
    expect(Number(body.trigger_rate)).toBeLessThan(own);
    expect(Number(body.trigger_rate)).toBeGreaterThan(own * 0.98);
  }
  const far = orderBody(user.id, { amount: '500.00' });
  await burst.request('POST', '/orders', { key: user.key, body: far });
  expect(burst.conduit.asked).toHaveLength(2);
});

async function ownTrigger(amount: string): Promise<number> {
  const alone = await bed.startApi();
  const { body } = await alone.request('POST', '/orders', { key: user.key, body: orderBody(user.id, { amount }) });
  return Number(body.trigger_rate);
}

test('an order that a borrowed quote would refuse is judged by one of its own', async () => {
  const alone = await bed.startApi();
  const place = (amount: string) =>
    alone.request('POST', '/orders', { key: user.key, body: orderBody(user.id, { amount }) });
  expect((await place('0.80')).status).toBe(201);
  // Half the amount, twice the share of the fee: 0.10 of 0.40 is a quarter.
  expect(await place('0.40')).toMatchObject({ status: 422, body: { code: 'amount_eaten_by_fees' } });
  expect(alone.conduit.asked.map(({ amount }) => amount)).toEqual(['0.80', '0.40']);
});

test('while Conduit gives no quote nothing is stored and the client is told when to come back', async () => {
  const before = await countRows(api.db);
  const alone = await bed.startApi();
  const place = () => alone.request('POST', '/orders', { key: user.key, body: orderBody(user.id) });
  for (const reply of [
    { kind: 'unavailable', code: 'TIMEOUT' } as const,
    { kind: 'refused', cls: 'ours_all', status: 401, code: 'API_KEY_INVALID' } as const,
    { kind: 'quoted', options: [], serverDate: null } as const,
  ]) {
    alone.conduit.reply = reply;
    const { status, headers, body } = await place();
    expect({ status, code: body.code }).toEqual({ status: 503, code: 'quote_unavailable' });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(await countRows(api.db)).toEqual(before);
});

test('a rate that is absurd beside the pair’s last good one is Conduit’s fault, not the target’s: 503', async () => {
  const alone = await bed.startApi();
  const body = orderBody(user.id, { from_currency: 'USD', from_network: null, to_currency: 'EUR', to_network: null });
  const place = () => alone.request('POST', '/orders', { key: user.key, body });
  const observe = (age: string) => alone.db`
    insert into rate_observations (pair, observed_at, reference_rate, end_user_rate, spread_bps, fixed_fee, quote_id)
    values ('USD-EUR', app_now() - ${age}::interval, 0.915, 0.913, 25, 0.1, 'qte_good')`;
  const before = await countRows(api.db);
  alone.conduit.rate = '915000000';
  // Nobody knows better, or what was known is too old: the target is held against what Conduit says.
  expect(await place()).toMatchObject({ status: 422, body: { code: 'target_implausible' } });
  await observe('31 days');
  expect(await place()).toMatchObject({ status: 422, body: { code: 'target_implausible' } });
  await observe('29 days');
  const { status, headers, body: problem } = await place();
  expect({ status, code: problem.code }).toEqual({ status: 503, code: 'quote_unavailable' });
  expect(problem.detail).toContain('absurd_rate');
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await countRows(api.db)).toEqual(before);
  alone.conduit.rate = '0.9150';
  expect((await place()).status).toBe(201);
});

test('a 429 closes the gate for every process: no further call is made until its time has passed', async () => {
  const [one, two] = [await bed.startApi(), await bed.startApi()];
  const place = (on: TestApi) => on.request('POST', '/orders', { key: user.key, body: orderBody(user.id) });
  one.conduit.reply = { kind: 'rate_limited', retryAfterMs: 40_000 };
  for (const on of [one, one, two]) {
    const { status, headers, body } = await place(on);
    expect({ status, code: body.code }).toEqual({ status: 503, code: 'quote_unavailable' });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(30);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(40);
  }
  expect(one.conduit.asked.length + two.conduit.asked.length).toBe(1);
  await api.db`update provider_gate set closed_until = app_now()`;
  expect((await place(two)).status).toBe(201);
});

test('an expiry that is over when its quote has come is out of range', async () => {
  const alone = await bed.startApi({ limits: { minExpiryMs: 0 } });
  let release = () => {};
  alone.conduit.hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  const expires = new Date(Date.now() + 1_500);
  const placing = alone.request('POST', '/orders', {
    key: user.key,
    body: orderBody(user.id, { expires_at: expires.toISOString() }),
  });
  setTimeout(release, 1_700);
  expect(await placing).toMatchObject({ status: 422, body: { code: 'expiry_out_of_range' } });
});

test('created orders are counted once each, repeats not', async () => {
  const alone = await bed.startApi();
  const body = orderBody(user.id);
  for (let count = 0; count < 3; count += 1) await alone.request('POST', '/orders', { key: user.key, body });
  expect(await alone.metrics.registry.metrics()).toMatch(/^orders_total\{outcome="created",service="api"\} 1$/m);
});
