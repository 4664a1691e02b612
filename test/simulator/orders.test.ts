import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { idOf, start, stopAll, USDC, USDT, until, untilStatus } from './support.ts';

afterEach(stopAll);

const HOUR_MS = 3_600_000;

test('an order is pending and unclaimed, then claimed, then succeeded with one completed transaction', async () => {
  const { api } = await start();
  const created = await api.create({ reference: 'happy:g1' });
  expect(created.status).toBe(202);
  expect(created.body).toMatchObject({
    status: 'pending',
    type: 'conversion',
    lockSide: 'source',
    autoExecute: false,
    clientReferenceId: 'happy:g1',
    linkedTransactionIds: [],
    customerId: null,
  });
  expect(created.body.id).toMatch(/^ord_[0-9A-Za-z]{22}$/);
  expect(created.body).not.toHaveProperty('executionTrigger');
  expect(Date.parse(created.body.lockExpiresAt) - Date.parse(created.body.createdAt)).toBe(2 * HOUR_MS);

  const executed = await api.execute(created.body.id);
  expect([executed.status, executed.body.status, executed.body.executionTrigger]).toEqual([202, 'pending', 'client']);

  const order = await untilStatus(api, created.body.id, 'succeeded');
  expect(order.linkedTransactionIds).toHaveLength(1);
  const transaction = (await api.call('GET', `/transactions/${order.linkedTransactionIds[0]}`)).body;
  expect(transaction).toMatchObject({
    type: 'conversion',
    status: 'completed',
    linkedOrderId: order.id,
    hasRfi: false,
  });
  expect(transaction.destination).toMatchObject({ assetAmount: order.destinationAsset });
  expect(transaction).not.toHaveProperty('stage');
});

test('of 50 concurrent creates on one option exactly one makes an order', async () => {
  const { api, control } = await start();
  const optionId = (await api.option()).id;
  const answers = await Promise.all(Array.from({ length: 50 }, () => api.create({ optionId })));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  const codes = answers.filter(({ status }) => status !== 202).map(({ status, body }) => `${status} ${body.type}`);
  expect(new Set(codes)).toEqual(new Set(['409 QUOTE_ALREADY_USED']));
  expect(await control.ledger({ event: 'order.created' })).toHaveLength(1);
});

test('of 20 concurrent creates with one reference and different options exactly one makes an order', async () => {
  const { api, control } = await start();
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.create({ reference: 'twin:g1' })));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  const codes = answers.filter(({ status }) => status !== 202).map(({ body }) => body.type);
  expect(new Set(codes)).toEqual(new Set(['DUPLICATE_CLIENT_REFERENCE_ID']));
  await control.setKnobs({ duplicateReferenceCode: 'CONFLICT' });
  expect((await api.create({ reference: 'twin:g1' })).body.type).toBe('CONFLICT');
});

test('of 30 concurrent executes with different keys exactly one claims the order', async () => {
  const { api, control } = await start();
  const { id } = (await api.create()).body;
  const answers = await Promise.all(Array.from({ length: 30 }, () => api.execute(id)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  expect(new Set(answers.map(({ body }) => body.type).filter((type) => type !== 'conversion'))).toEqual(
    new Set(['ORDER_NOT_EXECUTABLE']),
  );
  expect(await control.ledger({ event: 'order.claimed', orderId: id })).toHaveLength(1);
});

test('an option and a reference stay used after the idempotency window, and a used option is never called expired', async () => {
  const { api, control } = await start();
  const optionId = (await api.option()).id;
  const key = randomUUID();
  await api.create({ optionId, reference: 'once:g1', key });
  await control.setClock(31 * 24 * HOUR_MS);
  expect((await api.create({ optionId, reference: 'once:g1', key })).body.type).toBe('QUOTE_ALREADY_USED');
  expect((await api.create({ reference: 'once:g1', key })).body.type).toBe('DUPLICATE_CLIENT_REFERENCE_ID');
});

test('an option can be redeemed for five minutes and not a moment longer', async () => {
  const { api, control } = await start();
  const [early, late] = [(await api.quote()).body, (await api.quote()).body];
  expect(Date.parse(late.expiresAt) - Date.parse(late.createdAt)).toBe(300_000);
  await control.setClock(290_000);
  expect((await api.create({ optionId: early.options[0].id })).status).toBe(202);
  await control.setClock(300_000);
  const refused = await api.create({ optionId: late.options[0].id });
  expect([refused.status, refused.body.type]).toEqual([409, 'QUOTE_EXPIRED']);
  expect((await api.create({ optionId: idOf('qop', 'nobody') })).body.type).toBe('QUOTE_NOT_FOUND');
});

test('an unclaimed order is refused after its lock and cancelled as expired by the sweep', async () => {
  const { api, control } = await start({ knobs: { lockSweepMs: 4 * HOUR_MS } });
  const { id } = (await api.create()).body;
  await control.setClock(2 * HOUR_MS);
  const refused = await api.execute(id);
  expect([refused.status, refused.body.type]).toEqual([409, 'ORDER_EXPIRED']);
  expect((await api.get(id)).body.status).toBe('pending');
  await control.setClock(4 * HOUR_MS);
  expect(await untilStatus(api, id, 'cancelled')).toMatchObject({ cancellationReason: 'expired' });
  expect((await api.execute(id)).body.type).toBe('ORDER_NOT_EXECUTABLE');
});

test('a claimed order outlives its lock', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const { id } = (await api.create()).body;
  await api.execute(id);
  await control.setClock(3 * HOUR_MS);
  await until(async () => (await api.get(id)).body.linkedTransactionIds.length === 1);
  expect((await api.get(id)).body).toMatchObject({ status: 'pending', executionTrigger: 'client' });
  await control.setKnobs({ settlementHeld: false });
  await untilStatus(api, id, 'succeeded');
});

test('without funds execute answers 422 and leaves the order pending and unclaimed; with funds a new key claims it', async () => {
  const { api, control } = await start();
  await control.setBalance(idOf('wlt', 'source'), 'USDT.ethereum', '19.999999');
  const { id } = (await api.create()).body;
  const refused = await api.execute(id);
  expect([refused.status, refused.body.type]).toEqual([422, 'INSUFFICIENT_FUNDS']);
  expect((await api.get(id)).body).toMatchObject({ status: 'pending' });
  expect((await api.get(id)).body).not.toHaveProperty('executionTrigger');
  await control.setBalance(idOf('wlt', 'source'), 'USDT.ethereum', '20');
  expect((await api.execute(id)).status).toBe(202);
  const wallet = (await api.call('GET', `/wallets/${idOf('wlt', 'source')}`)).body;
  expect(wallet.balances[0].available).toEqual({ ...USDT, amount: '0.000000' });
});

test('a success credits the destination and a failure gives the debit back', async () => {
  const { api, control } = await start();
  await control.setBalance(idOf('wlt', 'source'), 'USDT.ethereum', '40');
  await control.setBalance(idOf('wlt', 'destination'), 'USDC.ethereum', '0');
  const lucky = (await api.create()).body;
  await api.execute(lucky.id);
  await untilStatus(api, lucky.id, 'succeeded');
  const unlucky = (await api.create()).body;
  await control.failOrder(unlucky.id, { code: 'provider_unavailable' });
  await api.execute(unlucky.id);
  await untilStatus(api, unlucky.id, 'failed');
  const available = async (name: string) =>
    (await api.call('GET', `/wallets/${idOf('wlt', name)}`)).body.balances.map((one) => one.available);
  expect(await available('source')).toContainEqual({ ...USDT, amount: '20.000000' });
  expect(await available('destination')).toContainEqual({ ...USDC, amount: lucky.destinationAsset.amount });
});

test('cancel ends a pending order, agrees when repeated, and is refused once funds move', async () => {
  const { api } = await start({ knobs: { settlementHeld: true } });
  const first = (await api.create()).body;
  const cancelled = await api.cancel(first.id);
  expect([cancelled.status, cancelled.body.cancellationReason]).toEqual([200, 'client_cancelled']);
  expect((await api.cancel(first.id)).status).toBe(200);
  expect((await api.execute(first.id)).body.type).toBe('ORDER_NOT_EXECUTABLE');

  const second = (await api.create()).body;
  await api.execute(second.id);
  const refused = await api.cancel(second.id);
  expect([refused.status, refused.body.type]).toEqual([409, 'ORDER_NOT_CANCELLABLE']);
});

test('of a cancel and an execute at the same moment exactly one wins', async () => {
  const { api } = await start({ knobs: { settlementHeld: true } });
  for (let round = 0; round < 10; round += 1) {
    const { id } = (await api.create()).body;
    const [cancelled, executed] = await Promise.all([api.cancel(id), api.execute(id)]);
    expect([cancelled.status === 200, executed.status === 202].filter(Boolean)).toHaveLength(1);
  }
});

test('an order can fail with its linked transactions in any states', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const { id } = (await api.create({ reference: 'partial:g1' })).body;
  await api.execute(id);
  await control.failOrder('partial:g1', {
    code: 'internal_error',
    message: 'odd',
    transactions: ['completed', 'failed'],
  });
  const order = (await api.get(id)).body;
  expect(order).toMatchObject({ status: 'failed', failureCode: 'internal_error', failureMessage: 'odd' });
  const statuses = await Promise.all(
    order.linkedTransactionIds.map(async (txn: string) => (await api.call('GET', `/transactions/${txn}`)).body.status),
  );
  expect(statuses).toEqual(['completed', 'failed']);

  const bare = (await api.create()).body;
  await control.failOrder(bare.id, { code: 'insufficient_funds', transactions: [] });
  await control.setKnobs({ settlementHeld: false });
  await api.execute(bare.id);
  expect(await untilStatus(api, bare.id, 'failed')).toMatchObject({ linkedTransactionIds: [] });
});

test('a transaction that went through can be linked to its order some time after that has failed', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const { id } = (await api.create()).body;
  await api.execute(id);
  const failure = { code: 'provider_unavailable', transactions: ['failed'] as 'failed'[] };
  await control.failOrder(id, { ...failure, appears: { status: 'completed', afterMs: 200 } });
  const statuses = async () => {
    const { linkedTransactionIds } = (await api.get(id)).body;
    return Promise.all(
      linkedTransactionIds.map(async (txn: string) => (await api.call('GET', `/transactions/${txn}`)).body.status),
    );
  };
  expect(await statuses()).toEqual(['failed']);
  await until(async () => (await statuses()).length === 2);
  expect(await statuses()).toEqual(['failed', 'completed']);
});

test('an order can be held claimed, settled by hand, and cancelled as if by somebody else', async () => {
  const { api, control } = await start();
  const held = (await api.create()).body;
  await control.holdSettlement(held.id, true);
  await api.execute(held.id);
  await until(async () => (await api.get(held.id)).body.linkedTransactionIds.length === 1);
  await control.setClock(24 * HOUR_MS);
  expect((await api.get(held.id)).body.status).toBe('pending');
  await control.settle(held.id);
  expect((await api.get(held.id)).body.status).toBe('succeeded');

  const other = (await api.create()).body;
  await control.cancelAsOther(other.id);
  expect((await api.get(other.id)).body).toMatchObject({ status: 'cancelled', cancellationReason: 'client_cancelled' });
  const [entry] = await control.ledger({ event: 'order.cancelled', orderId: other.id });
  expect(entry).toMatchObject({ by: 'other' });
  await expect(control.cancelAsOther(other.id)).rejects.toThrow('409');
});

test('an autoExecute order is claimed as soon as its source is funded, the oldest first', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  await control.setBalance(idOf('wlt', 'source'), 'USDT.ethereum', '0');
  const older = (await api.create({ extra: { autoExecute: true } })).body;
  const younger = (await api.create({ extra: { autoExecute: true } })).body;
  await control.setBalance(idOf('wlt', 'source'), 'USDT.ethereum', '25');
  expect((await api.get(older.id)).body.executionTrigger).toBe('auto');
  expect((await api.get(younger.id)).body).not.toHaveProperty('executionTrigger');
});

test('fiat is converted between virtual accounts', async () => {
  const { api } = await start();
  const body = { source: { code: 'USD' }, destination: { code: 'EUR' }, lockSide: 'source', amount: '1000' };
  const quoteOptionId = (await api.call('POST', '/quotes', { body })).body.options[0].id;
  const side = (word: string) => ({ type: 'virtual_account', id: idOf('vac', word) });
  const order = await api.create({ optionId: quoteOptionId, extra: { source: side('usd'), destination: side('eur') } });
  expect([order.status, order.body.type]).toEqual([202, 'fiat_conversion']);
  expect(order.body.totalDebit).toEqual({ code: 'USD', amount: '1000.00' });
});

test('the sandbox calls fail a conversion, end a lock and fund an account', async () => {
  const { api, control } = await start();
  const armed = (await api.create()).body;
  await api.call('POST', `/sandbox/orders/${armed.id}/simulate/conversion-failed`, { body: { reason: 'asked for' } });
  await api.execute(armed.id);
  expect(await untilStatus(api, armed.id, 'failed')).toMatchObject({ failureMessage: 'asked for' });
  const locked = (await api.create()).body;
  await api.call('POST', `/sandbox/orders/${locked.id}/simulate/rate-lock-expired`, { body: {} });
  expect((await api.get(locked.id)).body).toMatchObject({ status: 'cancelled', cancellationReason: 'expired' });
  const wallet = idOf('wlt', 'deposit');
  await control.setBalance(wallet, 'USDT.ethereum', '1');
  const path = `/sandbox/customers/${idOf('cus', 'a')}/wallets/${wallet}/deposits/simulate`;
  const funded = await api.call('POST', path, { body: { assetAmount: { ...USDT, amount: '2.5' } } });
  expect(funded.body.balances[0].available.amount).toBe('3.500000');
});
