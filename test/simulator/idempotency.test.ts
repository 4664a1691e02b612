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

test('a key is in progress until its reply is under way, also after the effect and when the caller has gone', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const { id } = (await api.create()).body;
  await control.armFault({ match: { operation: 'orders.execute' }, action: { delay: { afterMs: 200 } } });
  const impatient = new AbortController();
  const path = `/orders/${id}/execute`;
  const first = api.call('POST', path, { key: 'slow', signal: impatient.signal }).catch(() => 'gone');
  await until(async () => (await api.get(id)).body.executionTrigger === 'client');
  impatient.abort();
  expect(await first).toBe('gone');
  expect((await api.execute(id, 'slow')).body.type).toBe('IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS');
  const replayed = await until(async () => {
    const { status, body } = await api.execute(id, 'slow');
    return status === 202 && body;
  });
  expect(replayed.executionTrigger).toBe('client');
  expect(await control.ledger({ event: 'order.claimed' })).toHaveLength(1);
});

test('a request that hangs before its effect holds its key for good, although its caller has gone', async () => {
  const { api, control } = await start();
  const { id } = (await api.create()).body;
  await control.armFault({ match: { operation: 'orders.execute' }, action: { hang: 'before' } });
  const impatient = new AbortController();
  const hung = api
    .call('POST', `/orders/${id}/execute`, { key: 'stuck', signal: impatient.signal })
    .catch(() => 'gone');
  await until(async () => (await control.ledger({ event: 'request.answered', orderId: id })).length === 2);
  impatient.abort();
  expect(await hung).toBe('gone');
  for (const _again of [1, 2]) {
    expect((await api.execute(id, 'stuck')).body.type).toBe('IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS');
  }
  expect((await api.get(id)).body).not.toHaveProperty('executionTrigger');
  expect((await api.execute(id, 'another')).status).toBe(202);
});

test('a request that was slow and then dropped before its effect gives its key back', async () => {
  const { api, control } = await start();
  const { id } = (await api.create()).body;
  const action = { delay: { beforeMs: 100 }, drop: 'before' as const };
  await control.armFault({ match: { operation: 'orders.execute' }, action });
  const dropped = api.execute(id, 'slow').catch(() => 'cut');
  await until(async () => (await control.requestCounts())['orders.execute'] === 1);
  expect((await api.execute(id, 'slow')).body.type).toBe('IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS');
  expect(await dropped).toBe('cut');
  expect((await api.execute(id, 'slow')).status).toBe(202);
});

test.each(['before', 'after'] as const)(
  'where all replies are kept, a 500 %s the effect is what its key says from then on',
  async (when) => {
    const problemContentType = 'application/problem+json';
    const { api, control } = await start({
      knobs: { idempotencyKeeps: 'all', settlementHeld: true, problemContentType },
    });
    const { id } = (await api.create()).body;
    const trigger = when === 'after' ? 'client' : undefined;
    const action = { problem: { code: 'INTERNAL_ERROR', when } };
    await control.armFault({ match: { operation: 'orders.execute' }, action });
    const failed = await api.execute(id, 'kept');
    expect([failed.status, failed.body.type]).toEqual([500, 'INTERNAL_ERROR']);
    const again = await api.execute(id, 'kept');
    expect([again.status, again.text]).toEqual([500, failed.text]);
    expect(again.headers.get('content-type')).toBe(problemContentType);
    expect((await api.get(id)).body.executionTrigger).toBe(trigger);

    await control.armFault({ match: { operation: 'orders.execute' }, action: { rateLimited: {} } });
    const [limited, after] = [await api.execute(id, 'limited'), await api.execute(id, 'limited')];
    // A limit stands before the key: its 429 is not kept.
    expect([limited.status, after.status]).toEqual([429, when === 'after' ? 409 : 202]);
  },
);

test.each(['before', 'after'] as const)('where only successes are kept, a 500 %s the effect is not', async (when) => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const { id } = (await api.create()).body;
  const action = { problem: { code: 'INTERNAL_ERROR', when } };
  await control.armFault({ match: { operation: 'orders.execute', times: 2 }, action });
  const statuses = [];
  for (let n = 0; n < 3; n += 1) statuses.push((await api.execute(id, 'one')).status);
  expect(statuses).toEqual([500, 500, 202]);
  expect(await control.ledger({ event: 'order.claimed' })).toHaveLength(1);
});

test('a fault on a repeated request does not change the reply that its key keeps', async () => {
  const { api, control } = await start({ knobs: { idempotencyKeeps: 'all', settlementHeld: true } });
  const { id } = (await api.create()).body;
  const first = await api.execute(id, 'done');
  for (const when of ['before', 'after'] as const) {
    const action = { problem: { code: 'SERVICE_UNAVAILABLE', when } };
    await control.armFault({ match: { operation: 'orders.execute' }, action });
    expect((await api.execute(id, 'done')).status).toBe(503);
    expect((await api.execute(id, 'done')).text).toBe(first.text);
  }
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
