import { afterEach, expect, test } from '@jest/globals';
import { type Api, start, stopAll, until, untilStatus } from './support.ts';

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
  const told = { operation: 'orders.execute', outcome: 'kept_from_effect', status: 503, code: 'SERVICE_UNAVAILABLE' };
  expect(await control.ledger({ event: 'request.answered', orderId: id })).toContainEqual(
    expect.objectContaining(told),
  );
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

test('429 comes with Retry-After and the headers of the limit or without, and its body never says less than a second', async () => {
  const { api, control } = await start();
  const limited = async (retryAfterSeconds: number | null) => {
    await control.armFault({ match: { operation: 'quotes.create' }, action: { rateLimited: { retryAfterSeconds } } });
    const { status, headers, body } = await api.quote();
    const [limit, left, reset] = ['limit', 'remaining', 'reset'].map((name) => headers.get(`x-ratelimit-${name}`));
    const resetInMs = reset === null ? 0 : Number(reset) * 1000 - Date.now();
    expect(resetInMs).toBeLessThanOrEqual(1000 * (body.retryAfterSeconds ?? 0));
    return [status, headers.get('retry-after'), body.retryAfterSeconds, limit, left, resetInMs > 0];
  };
  expect(await limited(7)).toEqual([429, '7', 7, '10', '0', true]);
  expect((await limited(0)).slice(0, 5)).toEqual([429, '0', 1, '10', '0']);
  expect(await limited(null)).toEqual([429, null, undefined, null, null, false]);
  await control.setKnobs({ requestsPerSecond: 50 });
  expect((await limited(7)).slice(3, 5)).toEqual(['50', '0']);
  expect((await api.quote()).status).toBe(201);
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

test('a request may never be answered; one that had its effect has its reply under its key', async () => {
  const { api, control } = await start(HELD);
  const id = await newOrder(api);
  for (const hang of ['before', 'after'] as const) {
    await control.armFault({ match: { operation: 'orders.execute', orderId: id }, action: { hang } });
    const silence = new Promise((done) => setTimeout(() => done('silence'), 150));
    const impatient = new AbortController();
    const options = { key: hang, signal: impatient.signal };
    const call = api.call('POST', `/orders/${id}/execute`, options).catch(() => 'gone');
    expect(await Promise.race([call, silence])).toBe('silence');
    expect((await api.get(id)).body.executionTrigger).toBe(hang === 'after' ? 'client' : undefined);
    impatient.abort();
    expect(await call).toBe('gone');
  }
  expect((await api.execute(id, 'after')).status).toBe(202);
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

test('an order can execute by itself although its owner asked for the opposite', async () => {
  const { api, control } = await start();
  await control.armFault({ match: { operation: 'orders.create' }, action: { autoExecuteDespiteFalse: true } });
  const { status, body } = await api.create();
  expect([status, body.autoExecute]).toEqual([202, true]);
  expect(await untilStatus(api, body.id, 'succeeded')).toMatchObject({ executionTrigger: 'auto' });
  expect((await api.create()).body.autoExecute).toBe(false);
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
  const strikes = async (seed = 7, reseed = seed): Promise<number[]> => {
    const { api, control } = await start({ seed });
    if (reseed !== seed) await control.seed(reseed);
    await control.armFault({ match: { operation: 'quotes.create', probability: 0.5 }, action: { rateLimited: {} } });
    const statuses: number[] = [];
    for (let n = 0; n < 40; n += 1) statuses.push((await api.quote()).status);
    return statuses;
  };
  const first = await strikes();
  expect(await strikes()).toEqual(first);
  expect(await strikes(8, 7)).toEqual(first);
  const struck = first.filter((status) => status === 429).length;
  expect(struck).toBeGreaterThan(8);
  expect(struck).toBeLessThan(32);
});
