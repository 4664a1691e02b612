import { afterEach, expect, test } from '@jest/globals';
import { idOf, READ_ONLY_KEY, start, stopAll, USDC, USDT } from './support.ts';

afterEach(stopAll);

const QUOTE = { source: USDT, destination: USDC, lockSide: 'source', amount: '20' };

test('a missing, foreign or unknown key is 401 and a write with a read-only key is 403', async () => {
  const { api } = await start();
  const with_ = (key: string) => api.call('POST', '/quotes', { body: QUOTE, headers: { 'x-api-key': key } });
  const missing = await with_('');
  expect([missing.status, missing.body.type]).toEqual([401, 'API_KEY_MISSING']);
  expect((await with_(`ck_live_${'a1'.repeat(32)}`)).body.type).toBe('API_KEY_INVALID');
  expect((await with_(`ck_sandbox_${'c3'.repeat(32)}`)).body.type).toBe('API_KEY_INVALID');
  const readOnly = await with_(READ_ONLY_KEY);
  expect([readOnly.status, readOnly.body.type]).toEqual([403, 'API_KEY_READ_ONLY']);
  expect((await api.call('GET', '/orders', { headers: { 'x-api-key': READ_ONLY_KEY } })).status).toBe(200);
  expect((await api.call('GET', '/nowhere', { headers: { 'x-api-key': '' } })).status).toBe(401);
});

test('a refusal has every field of the documented problem, and matches on its type', async () => {
  const { api } = await start();
  const { status, headers, body } = await api.call('GET', `/orders/${idOf('ord', 'nobody')}`);
  expect([status, headers.get('content-type')]).toEqual([404, 'application/json']);
  expect(body).toEqual({
    type: 'ORDER_NOT_FOUND',
    title: expect.any(String),
    status: 404,
    detail: expect.any(String),
    resolution: expect.any(String),
    docs: 'https://conduit-v2.mintlify.app/errors#order-not-found',
    instance: `/v2/orders/${idOf('ord', 'nobody')}`,
    timestamp: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    correlationId: headers.get('x-correlation-id'),
  });
});

test('every response has a correlation id of its own and echoes the client one', async () => {
  const { api, url } = await start();
  const reply = await api.call('GET', '/orders', { headers: { 'x-client-correlation-id': 'mine-1' } });
  expect(reply.headers.get('x-client-correlation-id')).toBe('mine-1');
  expect(reply.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect((await fetch(`${url}/health/live`)).headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
});

test('a body is checked strictly, with a pointer to each wrong field', async () => {
  const { api } = await start();
  const fault = async (body: object) => (await api.call('POST', '/quotes', { body })).body;
  const unknown = await fault({ ...QUOTE, customerId: 'x', source: { ...USDT, colour: 'red' } });
  expect(unknown.type).toBe('VALIDATION_ERROR');
  expect(unknown.errors.map((one) => one.pointer).sort()).toEqual(['/customerId', '/source/colour']);
  const missing = await fault({ source: USDT, destination: USDC });
  expect(missing.errors.map((one) => one.pointer).sort()).toEqual(['/amount', '/lockSide']);
  expect((await fault({ ...QUOTE, lockSide: 'both' })).errors[0].allowedValues).toEqual(['source', 'destination']);
  expect((await fault({ ...QUOTE, source: { code: 'USDT' } })).errors[0].pointer).toBe('/source/chain');
  expect((await fault({ ...QUOTE, source: { code: 'USD', chain: 'base' } })).errors[0].pointer).toBe('/source/chain');
  const key = 'strict';
  const redeemed = await api.create({ key, extra: { amount: '1' } });
  expect([redeemed.status, redeemed.body.errors[0].pointer]).toEqual([400, '/amount']);
});

test.each(['-1', '+1', '01', '1.', '.5', '1e3', '1.1234567', '', 'NaN', ' 1'])(
  'the amount %p is refused',
  async (amount) => {
    const { api } = await start();
    const reply = await api.quote(amount);
    expect([reply.status, reply.body.type, reply.body.errors[0].pointer]).toEqual([400, 'VALIDATION_ERROR', '/amount']);
  },
);

test('an amount out of range, one that the fee eats, an unknown pair and one asset on both sides are 422', async () => {
  const { api } = await start();
  for (const amount of ['0', '0.1', '10000000.000001']) {
    const reply = await api.quote(amount);
    expect([reply.status, reply.body.type]).toEqual([422, 'AMOUNT_OUT_OF_RANGE']);
  }
  const code = async (body: object) => (await api.call('POST', '/quotes', { body })).body.type;
  expect(await code({ ...QUOTE, destination: { code: 'EURC', chain: 'base' } })).toBe('UNSUPPORTED_PAIR');
  expect(await code({ ...QUOTE, destination: USDT })).toBe('UNSUPPORTED_PAIR');
  expect(await code({ ...QUOTE, destinationCountry: 'DE' })).toBe('FEATURE_NOT_ENABLED');
  expect(await code({ ...QUOTE, markupBps: '1.00' })).toBe('CLIENT_MARKUP_NOT_ENABLED');
});

test('a body that is not JSON is 400, of another type 415, too long 413; a malformed id is 400 and a wrong method 405', async () => {
  const { api } = await start();
  const send = (raw: string, type = 'application/json') =>
    api.call('POST', '/quotes', { raw, headers: { 'content-type': type } });
  expect((await send('{')).body.type).toBe('MALFORMED_JSON');
  expect((await send('{}', 'text/plain')).body.type).toBe('UNSUPPORTED_MEDIA_TYPE');
  expect((await send(JSON.stringify({ ...QUOTE, pad: 'x'.repeat(2_000_000) }))).status).toBe(413);
  expect((await api.get('ord_tooShort')).body.type).toBe('INVALID_OID_FORMAT');
  expect((await api.get(idOf('txn', 'wrong prefix'))).body.type).toBe('INVALID_OID_FORMAT');
  expect((await api.call('DELETE', '/orders')).body.type).toBe('METHOD_NOT_ALLOWED');
  expect((await api.call('GET', '/payouts')).body.type).toBe('NOT_FOUND');
});

test('a request limit answers 429 with its headers', async () => {
  const { api } = await start({ knobs: { requestsPerSecond: 2 } });
  const replies = await Promise.all(Array.from({ length: 10 }, () => api.call('GET', '/orders')));
  const refused = replies.find(({ status }) => status === 429);
  expect(refused?.body).toMatchObject({ type: 'RATE_LIMITED', retryAfterSeconds: 1 });
  expect(refused?.headers.get('retry-after')).toBe('1');
  expect(refused?.headers.get('x-ratelimit-limit')).toBe('2');
});

test('a caller without a good key counts against no limit, and is told of its key', async () => {
  const { api } = await start({ knobs: { requestsPerSecond: 1 } });
  const keys = ['', 'nonsense', `ck_live_${'a1'.repeat(32)}`, `ck_sandbox_${'c3'.repeat(32)}`];
  const read = (key: string) => api.call('GET', '/orders', { headers: { 'x-api-key': key } });
  const answers = await Promise.all([...keys, ...keys, ...keys].map(read));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  expect((await api.call('GET', '/orders')).status).toBe(200);
});

test('a long reply is gzipped for whoever takes gzip', async () => {
  const { api } = await start();
  await Promise.all([1, 2, 3].map(() => api.create()));
  const list = await api.call('GET', '/orders', { headers: { 'accept-encoding': 'gzip' } });
  expect(list.headers.get('content-encoding')).toBe('gzip');
  expect(list.body.data).toHaveLength(3);
});

test('the Date header follows the simulator clock and its skew', async () => {
  const { api, control } = await start();
  await control.setClock(3_600_000);
  await control.setKnobs({ dateSkewMs: 60_000 });
  const reply = await api.call('GET', '/orders');
  const ahead = Date.parse(reply.headers.get('date') ?? '') - Date.now();
  expect(ahead).toBeGreaterThan(3_655_000);
  expect(ahead).toBeLessThan(3_662_000);
});
