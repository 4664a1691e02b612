import { afterEach, expect, test } from '@jest/globals';
import { type Api, PAIR, start, stopAll, USDC, USDT, until, untilStatus } from './support.ts';

afterEach(stopAll);

const HELD = { knobs: { settlementHeld: true } };

async function newOrder(api: Api, reference?: string): Promise<string> {
  return (await api.create(reference === undefined ? {} : { reference })).body.id;
}

test('a reply dropped after the effect leaves the effect, and the same key brings the reply back', async () => {
  const { api, control } = await start(HELD);
  const id = await newOrder(api);
  await control.armFault({ match: { operation: 'orders.execute', orderId: id }, action: { drop: 'after' } });
  await expect(api.execute(id, 'lost')).rejects.toThrow('fetch failed');
  expect(await control.ledger({ event: 'order.claimed', orderId: id })).toHaveLength(1);
  expect((await api.execute(id, 'lost')).status).toBe(202);
  expect(await control.ledger({ event: 'order.claimed', orderId: id })).toHaveLength(1);
  const answers = await control.ledger({ event: 'request.answered', orderId: id });
  expect(answers.slice(-2)).toMatchObject([
    { outcome: 'done', faults: ['drop'], key: 'lost' },
    { outcome: 'replayed', faults: [], key: 'lost' },
  ]);
});

test('a create dropped after its effect is found by its reference', async () => {
  const { api, control } = await start();
  await control.armFault({ match: { operation: 'orders.create', reference: 'lost:g1' }, action: { drop: 'after' } });
  await expect(api.create({ reference: 'lost:g1' })).rejects.toThrow('fetch failed');
  const { data } = (await api.call('GET', '/orders?clientReferenceId=lost:g1')).body;
  expect(data).toMatchObject([{ status: 'pending', clientReferenceId: 'lost:g1' }]);
});

test('a request dropped before the effect has none, and is in the ledger all the same', async () => {
  const { api, control } = await start();
  const id = await newOrder(api);
  await control.armFault({ match: { operation: 'orders.execute' }, action: { drop: 'before' } });
  await expect(api.execute(id)).rejects.toThrow('fetch failed');
  expect((await api.get(id)).body).not.toHaveProperty('executionTrigger');
  const [received] = await control.ledger({ event: 'request.received', orderId: id });
  expect(received).toMatchObject({ operation: 'orders.execute' });
  const [answered] = await control.ledger({ event: 'request.answered', orderId: id, afterSeq: received?.seq ?? 0 });
  expect(answered).toMatchObject({ outcome: 'kept_from_effect', status: null, faults: ['drop'] });
});

test('any error code can be answered before or after the effect', async () => {
  const { api, control } = await start(HELD);
  const id = await newOrder(api);
  await control.armFault(
    { match: { operation: 'orders.execute' }, action: { problem: { code: 'SERVICE_UNAVAILABLE' } } },
    {
      match: { operation: 'orders.execute' },
      action: { problem: { code: 'INTERNAL_ERROR', status: 502, when: 'after' } },
    },
  );
  const before = await api.execute(id, 'same');
  expect([before.status, before.body.type]).toEqual([503, 'SERVICE_UNAVAILABLE']);
  expect((await api.get(id)).body).not.toHaveProperty('executionTrigger');
  const after = await api.execute(id, 'same');
  expect([after.status, after.body.type]).toEqual([502, 'INTERNAL_ERROR']);
  expect((await api.get(id)).body.executionTrigger).toBe('client');
});

test('a gateway page, a truncated body, a reset in mid-body and a patched body reach the caller as such', async () => {
  const { api, control } = await start(HELD);
  const strike = async (action: object) => {
    const id = await newOrder(api);
    await control.armFault({ match: { operation: 'orders.execute' }, action });
    return api.execute(id);
  };
  const page = await strike({ html: { status: 200 } });
  expect([page.status, page.headers.get('content-type'), page.text.slice(0, 6)]).toEqual([200, 'text/html', '<html>']);
  await expect(strike({ truncate: 'end' })).rejects.toThrow(/JSON/);
  await expect(strike({ truncate: 'reset' })).rejects.toThrow(/terminated|fetch failed/);
  const patched = await strike({ patch: { '/status': 'succeeded', '/destinationAsset/amount': '99.000000' } });
  expect(patched.body).toMatchObject({ status: 'succeeded', destinationAsset: { amount: '99.000000' } });
  expect(await control.ledger({ event: 'order.claimed' })).toHaveLength(4);
});

test('429 comes with Retry-After or without', async () => {
  const { api, control } = await start();
  await control.armFault(
    { match: { operation: 'quotes.create' }, action: { rateLimited: { retryAfterSeconds: 7 } } },
    { match: { operation: 'quotes.create' }, action: { rateLimited: { retryAfterSeconds: null } } },
  );
  const [first, second, third] = [await api.quote(), await api.quote(), await api.quote()];
  expect([first.status, first.headers.get('retry-after'), first.body.retryAfterSeconds]).toEqual([429, '7', 7]);
  expect([second.status, second.headers.get('retry-after')]).toEqual([429, null]);
  expect(third.status).toBe(201);
});

test('a delay holds a request on its way, before its effect, or before its reply', async () => {
  const { api, control } = await start(HELD);
  const [first, second, third] = [await newOrder(api), await newOrder(api), await newOrder(api)];
  await control.armFault(
    { match: { orderId: first }, action: { delay: { arrivalMs: 200 } } },
    { match: { orderId: second }, action: { delay: { beforeMs: [200, 250] } } },
    { match: { orderId: third }, action: { delay: { afterMs: 200 } } },
  );
  const startedMs = Date.now();
  const calls = [first, second, third].map((id) => api.execute(id).then(() => Date.now() - startedMs));
  await until(async () => (await control.requestCounts())['orders.execute'] === 2);
  await until(async () => (await control.order(third)).order.executionTrigger === 'client');
  expect((await control.order(second)).order).not.toHaveProperty('executionTrigger');
  for (const elapsed of await Promise.all(calls)) expect(elapsed).toBeGreaterThanOrEqual(195);
  for (const id of [first, second]) expect((await control.order(id)).order.executionTrigger).toBe('client');
});

test('a request may never be answered', async () => {
  const { api, control } = await start(HELD);
  const id = await newOrder(api);
  for (const hang of ['before', 'after'] as const) {
    await control.armFault({ match: { operation: 'orders.execute', orderId: id }, action: { hang } });
    const silence = new Promise((done) => setTimeout(() => done('silence'), 150));
    const call = api.execute(id).catch(() => 'cut at the end');
    expect(await Promise.race([call, silence])).toBe('silence');
    expect((await api.get(id)).body.executionTrigger).toBe(hang === 'after' ? 'client' : undefined);
  }
});

test('an order can be locked worse than its option was quoted', async () => {
  const { api, control } = await start();
  const option = await api.option();
  await control.armFault({ match: { operation: 'orders.create' }, action: { worseLock: { bps: 1 } } });
  const order = (await api.create({ optionId: option.id })).body;
  expect(Number(order.destinationAsset.amount)).toBeLessThan(Number(option.recipientAmount.amount));
  expect(order.totalDebit).toEqual(option.totalDebit);
});

test('a look-up can lag, show an old state, ignore its filter or find two', async () => {
  const { api, control } = await start(HELD);
  const id = await newOrder(api, 'look:g1');
  await newOrder(api, 'other:g1');
  const list = async () => (await api.call('GET', '/orders?clientReferenceId=look:g1')).body.data;
  const arm = (lookup: object, operation: 'orders.list' | 'orders.get' = 'orders.list') =>
    control.armFault({ match: { operation }, action: { lookup } });

  await arm({ lagMs: 60_000 });
  expect(await list()).toEqual([]);
  await arm({ lagMs: 60_000 }, 'orders.get');
  expect((await api.get(id)).body.type).toBe('ORDER_NOT_FOUND');
  await arm({ ignoreFilter: true });
  expect(new Set((await list()).map((order) => order.clientReferenceId))).toEqual(new Set(['look:g1', 'other:g1']));
  await arm({ twins: true });
  const twins = await list();
  expect(new Set(twins.map((order) => order.id)).size).toBe(2);
  expect(twins.map((order) => order.clientReferenceId)).toEqual(['look:g1', 'look:g1']);

  const beforeMs = Date.now();
  await until(() => Date.now() > beforeMs + 2);
  await api.execute(id);
  await arm({ staleMs: Date.now() - beforeMs }, 'orders.get');
  expect((await api.get(id)).body).not.toHaveProperty('executionTrigger');
  expect((await api.get(id)).body.executionTrigger).toBe('client');
  await arm({ absent: true }, 'orders.get');
  expect((await api.get(id)).status).toBe(404);
});

test('an execute can be told what becomes of its order', async () => {
  const { api, control } = await start();
  const failing = await newOrder(api);
  const failure = { code: 'provider_unavailable', transactions: ['completed' as const] };
  await control.armFault({ match: { operation: 'orders.execute' }, action: { settlement: { delayMs: 20, failure } } });
  await api.execute(failing);
  const order = await untilStatus(api, failing, 'failed');
  expect(order.failureCode).toBe('provider_unavailable');
  expect((await api.call('GET', `/transactions/${order.linkedTransactionIds[0]}`)).body.status).toBe('completed');

  const held = await newOrder(api);
  await control.armFault({ match: { operation: 'orders.execute' }, action: { settlement: { held: true } } });
  await api.execute(held);
  await control.setClock(72 * 3_600_000);
  await until(async () => (await api.get(held)).body.linkedTransactionIds.length === 1);
  expect((await api.get(held)).body.status).toBe('pending');
});

test('a rate feed can be zero, negative, absurd, no number, stale or of exchanged assets', async () => {
  const { api, control } = await start();
  const quoteWith = async (badRate: 'zero' | 'negative' | 'absurd' | 'nan' | 'stale' | 'swapped') => {
    await control.armFault({ match: { operation: 'quotes.create' }, action: { badRate } });
    return (await api.quote()).body;
  };
  expect((await quoteWith('zero')).options[0]).toMatchObject({
    rate: { referenceRate: '0' },
    recipientAmount: { amount: '0.000000' },
  });
  expect((await quoteWith('negative')).options[0].rate.referenceRate).toBe('-0.915');
  expect((await quoteWith('absurd')).options[0].rate.referenceRate).toBe('915000000');
  expect((await quoteWith('nan')).options[0]).toMatchObject({
    rate: { referenceRate: 'NaN' },
    destinationAmount: { amount: 'NaN' },
  });
  const stale = await quoteWith('stale');
  expect(Date.now() - Date.parse(stale.createdAt)).toBeGreaterThanOrEqual(600_000);
  expect(await quoteWith('swapped')).toMatchObject({ sourceAssetRef: USDC, destinationAssetRef: USDT });
  expect((await api.option()).rate.referenceRate).toBe('0.915');
});

test('a pair can have no rate at all', async () => {
  const { api, control } = await start();
  await control.scriptRates(PAIR, { unavailable: 'RATE_UNAVAILABLE_AFTER_HOURS' });
  const reply = await api.quote();
  expect([reply.status, reply.body.type]).toEqual([503, 'RATE_UNAVAILABLE_AFTER_HOURS']);
});

test('rules strike in their order, from the n-th match on, so many times, and can be called off', async () => {
  const { api, control } = await start();
  const limited = { rateLimited: {} };
  await control.armFault({ match: { operation: 'quotes.create', nth: 2, times: 2 }, action: limited });
  const statuses = [];
  for (let n = 0; n < 5; n += 1) statuses.push((await api.quote()).status);
  expect(statuses).toEqual([201, 429, 429, 201, 201]);

  const [id] = await control.armFault({
    match: { operation: ['quotes.create', 'orders.list'], times: 'always' },
    action: limited,
  });
  expect((await api.quote()).status).toBe(429);
  expect((await control.faults()).find((rule) => rule.id === id)).toMatchObject({ hits: 1, seen: 1 });
  await control.clearFaults(id);
  expect((await api.quote()).status).toBe(201);
  await expect(control.armFault({ match: {}, action: { noSuchFault: 1 } as never })).rejects.toThrow('noSuchFault');
  await expect(control.armFault({ match: { operation: 'nonsense' as never }, action: limited })).rejects.toThrow('400');
});

test('a probability strikes about so often, and the same calls again under the same seed', async () => {
  const strikes = async (): Promise<number[]> => {
    const { api, control } = await start({ seed: 7 });
    await control.armFault({ match: { operation: 'quotes.create', probability: 0.5 }, action: { rateLimited: {} } });
    const statuses: number[] = [];
    for (let n = 0; n < 40; n += 1) statuses.push((await api.quote()).status);
    return statuses;
  };
  const first = await strikes();
  expect(await strikes()).toEqual(first);
  const struck = first.filter((status) => status === 429).length;
  expect(struck).toBeGreaterThan(8);
  expect(struck).toBeLessThan(32);
});
