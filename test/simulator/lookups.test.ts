import { afterEach, expect, test } from '@jest/globals';
import type { LookupTwist } from '../../simulator/faults/twists.ts';
import { PAIR, type Running, start, stopAll, until, untilStatus } from './support.ts';

afterEach(stopAll);

const HELD = { knobs: { settlementHeld: true } };
const LIST = '/orders?clientReferenceId=look:g1';

async function arm({ control }: Running, operation: 'orders.list' | 'orders.get', lookup: LookupTwist): Promise<void> {
  await control.armFault({ match: { operation }, action: { lookup } });
}

async function idsIn({ api }: Running, path: string): Promise<string[]> {
  return (await api.call('GET', path)).body.data.map(({ id }) => id);
}

/** A moment that is old enough for a look at it to be still of it when it arrives; one that is not is repeated. */
async function anOldMoment(): Promise<number> {
  const atMs = Date.now();
  await until(() => Date.now() > atMs + 30);
  return atMs;
}

/** Makes the next look at `look:g1` find two; returns the ids of the order and of its twin. */
async function aPair(running: Running, twins: LookupTwist['twins'] = true): Promise<[string, string]> {
  const { id } = (await running.api.create({ reference: 'look:g1' })).body;
  await arm(running, 'orders.list', { twins });
  const [twin = ''] = (await idsIn(running, LIST)).filter((one) => one !== id);
  return [id, twin];
}

test('orders are found by reference, status and page', async () => {
  const { api, control } = await start();
  for (let n = 1; n <= 5; n += 1) await api.create({ reference: `list:g${n}` });
  const first = (await api.call('GET', '/orders?limit=2')).body;
  expect(first.data.map((order) => order.clientReferenceId)).toEqual(['list:g5', 'list:g4']);
  expect(first.meta).toMatchObject({ mode: 'cursor', total: 5, previousCursor: null });
  const second = (await api.call('GET', `/orders?limit=2&cursor=${first.meta.nextCursor}`)).body;
  expect(second.data.map((order) => order.clientReferenceId)).toEqual(['list:g3', 'list:g2']);
  const last = (await api.call('GET', `/orders?limit=2&cursor=${second.meta.nextCursor}`)).body;
  expect([last.data.length, last.meta.nextCursor]).toEqual([1, null]);
  const back = (await api.call('GET', `/orders?limit=2&direction=backward&cursor=${second.meta.previousCursor}`)).body;
  expect(back.data).toEqual(first.data);

  const one = (await api.call('GET', '/orders?clientReferenceId=list:g3')).body;
  expect(one.data).toHaveLength(1);
  await api.cancel(one.data[0].id);
  expect((await api.call('GET', '/orders?status[]=cancelled')).body.meta.total).toBe(1);
  expect((await api.call('GET', '/orders?clientReferenceId=nobody')).body.data).toEqual([]);
  expect((await api.call('GET', '/orders?cursor=nonsense')).body.type).toBe('INVALID_CURSOR');
  expect((await api.call('GET', '/orders?limit=101')).body.type).toBe('VALIDATION_ERROR');
  expect((await api.call('GET', '/orders?colour=red')).body.errors[0].pointer).toBe('/colour');
  expect((await api.call('GET', '/transactions')).body.errors[0].pointer).toBe('/type');
  expect((await control.requestCounts({ operation: 'quotes.create' }))['quotes.create']).toBe(5);
  expect((await control.requests({ operation: 'quotes.create' })).map((one) => one.pair)).toEqual(Array(5).fill(PAIR));
});

test('orders are found by their pair', async () => {
  const { api } = await start();
  const { id } = (await api.create()).body;
  const list = async (pair: string) => (await api.call('GET', `/orders?pairId=${pair}`)).body.data.map((one) => one.id);
  expect(await list(PAIR)).toEqual([id]);
  expect(await list('USD-EUR')).toEqual([]);
});

test('a look-up can lag, show an old state or ignore its filter', async () => {
  const running = await start(HELD);
  const { api } = running;
  const { id } = (await api.create({ reference: 'look:g1' })).body;
  const other = (await api.create({ reference: 'other:g1' })).body.id;

  await arm(running, 'orders.list', { lagMs: 60_000 });
  expect(await idsIn(running, LIST)).toEqual([]);
  await arm(running, 'orders.get', { lagMs: 60_000 });
  expect((await api.get(id)).body.type).toBe('ORDER_NOT_FOUND');
  await arm(running, 'orders.list', { ignoreFilter: true });
  expect(await idsIn(running, LIST)).toEqual([other, id]);

  const beforeMs = await anOldMoment();
  await api.execute(id);
  await until(async () => {
    await arm(running, 'orders.get', { staleMs: Date.now() - beforeMs });
    return (await api.get(id)).body.executionTrigger === undefined;
  });
  expect((await api.get(id)).body.executionTrigger).toBe('client');
  await arm(running, 'orders.get', { absent: true });
  expect((await api.get(id)).status).toBe(404);
});

test('a look at a transaction can lag, show an old state or find nothing, for the order that it belongs to', async () => {
  const { api, control } = await start({ knobs: { settleDelayMs: 0 } });
  const [mine, other] = [(await api.create()).body.id, (await api.create()).body.id];
  for (const id of [mine, other]) await api.execute(id);
  const [first] = (await untilStatus(api, mine, 'succeeded')).linkedTransactionIds;
  const [second] = (await untilStatus(api, other, 'succeeded')).linkedTransactionIds;
  const look = async (lookup: LookupTwist, txn = first): Promise<unknown[]> => {
    await control.clearFaults();
    const action = { lookup };
    await control.armFault({ match: { operation: 'transactions.get', orderId: mine }, action });
    await control.armFault({ match: { operation: 'transactions.list' }, action });
    const listed = (await api.call('GET', '/transactions?type=conversion')).body.data.map(({ id }) => id);
    const { status, body } = await api.call('GET', `/transactions/${txn}`);
    return [status, status === 200 ? body.status : body.type, listed.length];
  };
  expect(await look({ lagMs: 0 })).toEqual([200, 'completed', 2]);
  expect(await look({ lagMs: 60_000 })).toEqual([404, 'TRANSACTION_NOT_FOUND', 0]);
  expect(await look({ absent: true })).toEqual([404, 'TRANSACTION_NOT_FOUND', 0]);
  expect(await look({ absent: true }, second)).toEqual([200, 'completed', 0]);

  const beforeMs = await anOldMoment();
  await control.setTransaction(first, { status: 'failed' });
  await until(async () => (await look({ staleMs: Date.now() - beforeMs }))[1] === 'completed');
  expect(await look({ staleMs: 0 })).toEqual([200, 'failed', 2]);
});

test('a twin is one more real order under the reference, however often it is asked for, and marked in the ledger alone', async () => {
  const running = await start(HELD);
  const { api, control } = running;
  const [id, twin] = await aPair(running);
  await arm(running, 'orders.list', { twins: true });
  expect((await idsIn(running, LIST)).sort()).toEqual([id, twin].sort());
  await arm(running, 'orders.list', { twins: { state: 'cancelled' } });
  expect((await idsIn(running, '/orders')).sort()).toEqual([id, twin].sort());
  expect((await idsIn(running, LIST)).sort()).toEqual([id, twin].sort());

  const [first, second] = [(await api.get(id)).body, (await api.get(twin)).body];
  const { quoteOptionId: _option, ...same } = first;
  expect(second).toEqual({ ...same, id: twin });
  expect(await control.ledger({ event: 'order.twinned' })).toMatchObject([
    { orderId: twin, reference: 'look:g1', twinOf: id, by: 'other' },
  ]);
  expect(await control.ledger({ event: 'order.created' })).toMatchObject([{ orderId: id }]);
  // The reference stays used, and is still the first order's at the desk.
  expect((await api.create({ reference: 'look:g1' })).body.type).toBe('DUPLICATE_CLIENT_REFERENCE_ID');
  expect((await control.order('look:g1')).order.id).toBe(id);
});

test('each of two is cancelled or executed on its own, and the ledger tells which', async () => {
  const running = await start();
  const { api, control } = running;
  const [id, twin] = await aPair(running);
  expect((await api.cancel(id)).body.status).toBe('cancelled');
  expect((await api.get(twin)).body.status).toBe('pending');
  expect((await api.cancel(twin)).body.status).toBe('cancelled');
  const cancelled = await control.ledger({ event: 'order.cancelled', reference: 'look:g1' });
  expect(cancelled).toMatchObject([{ orderId: id }, { orderId: twin, twinOf: id, by: 'client' }]);
  expect(cancelled[0]).not.toHaveProperty('twinOf');
});

test('the twin of an order that has moved on is as that order was when it was made', async () => {
  const running = await start(HELD);
  const { api } = running;
  const { body: made } = await api.create({ reference: 'look:g1' });
  await api.execute(made.id);
  await arm(running, 'orders.list', { twins: true });
  const [twin = ''] = (await idsIn(running, LIST)).filter((id) => id !== made.id);
  const { quoteOptionId: _option, ...same } = made;
  expect((await api.get(twin)).body).toEqual({ ...same, id: twin });
});

test('a twin executes, and outlives a restart', async () => {
  const first = await start(HELD);
  const [id, twin] = await aPair(first);
  await first.api.execute(twin);
  await first.simulator.crash();
  const second = await start({ ledgerFile: first.ledgerFile });
  await untilStatus(second.api, twin, 'succeeded');
  expect((await second.api.get(id)).body.status).toBe('pending');
  expect((await idsIn(second, LIST)).sort()).toEqual([id, twin].sort());
});

test.each([
  ['claimed', 'pending', 'client'],
  ['succeeded', 'succeeded', 'client'],
  ['failed', 'failed', 'client'],
  ['cancelled', 'cancelled', undefined],
] as const)('a twin can be %s when it is first seen', async (state, status, executionTrigger) => {
  const running = await start(HELD);
  const [id, twin] = await aPair(running, { state });
  const { body } = await running.api.get(twin);
  expect([body.status, body.executionTrigger]).toEqual([status, executionTrigger]);
  expect((await running.api.get(id)).body.status).toBe('pending');
});
