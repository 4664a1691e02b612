import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { type Api, idOf, start, stopAll, USDC, USDT, until } from './support.ts';

afterEach(stopAll);

/** Creates without a quote, the one create body that has an amount in it. */
function explicit(api: Api, amount: string, key: string, reference = 'explicit:g1') {
  const source = { type: 'wallet', id: idOf('wlt', 'source'), asset: USDT };
  const destination = { type: 'wallet', id: idOf('wlt', 'destination'), asset: USDC };
  const body = { source, destination, lockSide: 'source', amount, clientReferenceId: reference };
  return api.call('POST', '/orders', { body, key });
}

test('a create, an execute and a cancel repeated with their key get the first reply and have one effect', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const [optionId, key] = [(await api.option()).id, randomUUID()];
  const created = await api.create({ optionId, reference: 'replay:g1', key });
  const again = await api.create({ optionId, reference: 'replay:g1', key });
  expect([again.status, again.text]).toEqual([created.status, created.text]);

  const executed = await api.execute(created.body.id, 'execute-key');
  await control.settle(created.body.id);
  const repeated = await api.execute(created.body.id, 'execute-key');
  expect([repeated.status, repeated.text]).toEqual([202, executed.text]);

  const other = (await api.create()).body;
  expect((await api.cancel(other.id, 'cancel-key')).text).toBe((await api.cancel(other.id, 'cancel-key')).text);
  expect(await control.ledger({ event: 'order.claimed' })).toHaveLength(1);
  const answers = await control.ledger({ event: 'request.answered', reference: 'replay:g1' });
  expect(answers.map((entry) => entry.event === 'request.answered' && entry.outcome)).toEqual([
    'done',
    'replayed',
    'done',
    'replayed',
  ]);
});

test('a key with another body, or on another path, is a conflict', async () => {
  const { api } = await start();
  const key = randomUUID();
  const first = (await api.create({ key })).body;
  expect((await api.create({ key })).body.type).toBe('IDEMPOTENCY_KEY_CONFLICT');
  const other = await api.execute(first.id, key);
  expect([other.status, other.body.type]).toEqual([409, 'IDEMPOTENCY_KEY_CONFLICT']);
});

test('with keys scoped by path one key serves two paths', async () => {
  const { api } = await start({ knobs: { idempotencyScope: 'path', settlementHeld: true } });
  const key = randomUUID();
  const first = (await api.create({ key })).body;
  expect((await api.execute(first.id, key)).status).toBe(202);
});

test('amounts are compared in canonical form, and the order of the fields does not count', async () => {
  const { api, control } = await start();
  const key = randomUUID();
  const first = await explicit(api, '20', key);
  expect(first.status).toBe(202);
  expect((await explicit(api, '20.00', key)).text).toBe(first.text);
  expect((await explicit(api, '20.000000', key)).text).toBe(first.text);
  expect((await explicit(api, '20.01', key)).body.type).toBe('IDEMPOTENCY_KEY_CONFLICT');
  const { source, destination, lockSide, amount, clientReferenceId } = {
    source: { asset: { chain: 'ethereum', code: 'USDT' }, id: idOf('wlt', 'source'), type: 'wallet' },
    destination: { asset: { chain: 'ethereum', code: 'USDC' }, id: idOf('wlt', 'destination'), type: 'wallet' },
    lockSide: 'source',
    amount: '20.0',
    clientReferenceId: 'explicit:g1',
  };
  const shuffled = { clientReferenceId, amount, lockSide, destination, source };
  expect((await api.call('POST', '/orders', { body: shuffled, key })).text).toBe(first.text);
  expect(await control.ledger({ event: 'order.created' })).toHaveLength(1);
});

test('a refusal does not use the key up, unless the simulator is told to keep refusals', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const source = idOf('wlt', 'source');
  const { id } = (await api.create()).body;
  await control.setBalance(source, 'USDT.ethereum', '0');
  expect((await api.execute(id, 'same')).status).toBe(422);
  await control.setBalance(source, 'USDT.ethereum', null);
  expect((await api.execute(id, 'same')).status).toBe(202);

  await control.setKnobs({ idempotencyKeeps: 'all' });
  const second = (await api.create()).body;
  await control.setBalance(source, 'USDT.ethereum', '0');
  expect((await api.execute(second.id, 'kept')).status).toBe(422);
  await control.setBalance(source, 'USDT.ethereum', null);
  expect((await api.execute(second.id, 'kept')).body.type).toBe('INSUFFICIENT_FUNDS');
});

test('a request whose twin is still under way is told so, and later gets its reply', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const { id } = (await api.create()).body;
  await control.armFault({ match: { operation: 'orders.execute' }, action: { delay: { beforeMs: 150 } } });
  const slow = api.execute(id, 'busy');
  await until(async () => (await control.requestCounts())['orders.execute'] === 1);
  const busy = await api.execute(id, 'busy');
  expect([busy.status, busy.body.type]).toEqual([409, 'IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS']);
  const first = await slow;
  expect(first.status).toBe(202);
  expect((await api.execute(id, 'busy')).text).toBe(first.text);
});

test('after the window a key is forgotten: its repeat is a new request, and meets the claim', async () => {
  const { api, control } = await start({ timeScale: 10, knobs: { idempotencyWindowMs: 50_000, settlementHeld: true } });
  const { id } = (await api.create()).body;
  expect((await api.execute(id, 'short')).status).toBe(202);
  await control.setClock(4_900);
  expect((await api.execute(id, 'short')).status).toBe(202);
  await control.setClock(5_100);
  expect((await api.execute(id, 'short')).body.type).toBe('ORDER_NOT_EXECUTABLE');
});

test('a key is required on money calls, refused on quotes, and well-formed', async () => {
  const { api } = await start();
  const { id } = (await api.create()).body;
  expect((await api.call('POST', `/orders/${id}/execute`)).body.type).toBe('IDEMPOTENCY_KEY_REQUIRED');
  expect((await api.call('POST', `/orders/${id}/cancel`)).body.type).toBe('IDEMPOTENCY_KEY_REQUIRED');
  expect((await api.call('POST', '/orders', { body: {} })).body.type).toBe('IDEMPOTENCY_KEY_REQUIRED');
  expect((await api.execute(id, 'white space')).body.type).toBe('IDEMPOTENCY_KEY_INVALID');
  expect((await api.execute(id, 'x'.repeat(129))).body.type).toBe('IDEMPOTENCY_KEY_INVALID');
  const body = { source: USDT, destination: USDC, lockSide: 'source', amount: '20' };
  const quote = await api.call('POST', '/quotes', { body, key: 'any' });
  expect([quote.status, quote.body.type]).toEqual([400, 'VALIDATION_ERROR']);
  let nested: unknown = {};
  for (let depth = 0; depth < 30; depth += 1) nested = { nested };
  const deep = await api.call('POST', '/orders', { body: nested, key: 'deep' });
  expect(deep.body.type).toBe('IDEMPOTENCY_BODY_TOO_NESTED');
});
