import { expect, test } from '@jest/globals';
import {
  API_KEY,
  cancel,
  cleanUp,
  clientOf,
  create,
  execute,
  json,
  ORDER_ID,
  orderBody,
  problem,
  REFERENCE,
  startConduit,
  without,
} from './support.ts';

cleanUp();

/** What one create, execute and cancel make of the same answer. */
async function sendAll(status: number, body: unknown, headers: Record<string, string> = {}) {
  const conduit = await startConduit((res) => json(res, status, body, headers));
  const { client } = clientOf(conduit.baseUrl);
  return { create: await create(client), execute: await execute(client), cancel: await cancel(client) };
}

async function createOutcome(status: number, body: unknown, headers: Record<string, string> = {}) {
  const { outcome, code, retryAfterMs } = (await sendAll(status, body, headers)).create;
  return { outcome, code, retryAfterMs };
}

test('an accepted create carries the order as read, its raw body and the clocks and ids of the reply', async () => {
  const conduit = await startConduit((res) =>
    json(res, 202, orderBody({ aFieldOfTomorrow: 1 }), { date: 'Tue, 01 Jan 2030 00:00:00 GMT' }),
  );
  const { client } = clientOf(conduit.baseUrl);

  const result = await create(client);

  expect(result).toEqual({
    outcome: 'accepted',
    code: null,
    httpStatus: 202,
    correlationId: 'corr-1',
    retryAfterMs: null,
    raw: orderBody({ aFieldOfTomorrow: 1 }),
    serverDate: Date.UTC(2030, 0, 1),
    order: {
      id: ORDER_ID,
      reference: REFERENCE,
      status: 'pending',
      isClaimed: false,
      autoExecute: false,
      sourceAccount: null,
      destinationAccount: 'wlt_2',
      quoteOptionId: 'qop_1',
      source: { currency: 'USDT', network: 'ethereum', amount: '19.900000' },
      destination: { currency: 'USDC', network: 'ethereum', amount: '18.400000' },
      totalDebit: { currency: 'USDT', network: 'ethereum', amount: '20.000000' },
      fees: [{ currency: 'USDT', network: 'ethereum', amount: '0.100000' }],
      endUserRate: '0.9246231155',
      lockExpiresAt: Date.UTC(2030, 0, 1, 2),
      failureCode: null,
      cancellationReason: null,
      linkedTransactionIds: [],
    },
  });
});

test('the sends go out with their key and exact bytes, to their own paths', async () => {
  const conduit = await startConduit((res) => json(res, 202, orderBody()));
  const { client } = clientOf(conduit.baseUrl);

  await create(client);
  await execute(client);
  await cancel(client);

  const sent = conduit.seen.map(({ method, url, body, headers }) => [method, url, body, headers['idempotency-key']]);
  expect(sent).toEqual([
    ['POST', '/v2/orders', '{"quoteOptionId":"qop_1"}', `${REFERENCE}:create`],
    ['POST', `/v2/orders/${ORDER_ID}/execute`, '', `${REFERENCE}:execute:1`],
    ['POST', `/v2/orders/${ORDER_ID}/cancel`, '', `${REFERENCE}:cancel:1`],
  ]);
  for (const { headers } of conduit.seen) {
    expect(headers['x-api-key']).toBe(API_KEY);
    expect(headers['accept-encoding']).toBe('gzip');
    expect(headers['x-client-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
  }
  expect(conduit.seen[0]?.headers['content-type']).toBe('application/json');
  expect(conduit.seen[1]?.headers['content-length']).toBe('0');
});

test('a claim, an end and its words are read in either case', async () => {
  const claimed = await sendAll(202, orderBody({ executionTrigger: 'client' }));
  expect(claimed.execute).toMatchObject({ outcome: 'accepted', order: { isClaimed: true } });

  const failed = await sendAll(200, orderBody({ status: 'FAILED', failureCode: 'INSUFFICIENT_FUNDS' }));
  expect(failed.execute.order).toMatchObject({ status: 'failed', failureCode: 'insufficient_funds', isClaimed: false });

  const cancelled = await sendAll(200, orderBody({ status: 'cancelled', cancellationReason: 'CLIENT_CANCELLED' }));
  expect(cancelled.cancel.order).toMatchObject({ status: 'cancelled', cancellationReason: 'client_cancelled' });
});

test.each([
  'id',
  'status',
  'sourceAsset',
  'destinationAsset',
  'totalDebit',
  'fees',
  'lockExpiresAt',
  'autoExecute',
  'linkedTransactionIds',
])('a 2xx without %s proves nothing, whatever was sent', async (field) => {
  const results = await sendAll(202, without(orderBody(), field));
  for (const { outcome, code, order } of Object.values(results)) {
    expect({ outcome, code, order }).toEqual({ outcome: 'unknown', code: 'MALFORMED_REPLY', order: null });
  }
});

const USDT = { code: 'USDT', chain: 'ethereum' };
test.each([
  ['source amount', { sourceAsset: { ...USDT, amount: 19.9 } }],
  ['destination amount', { destinationAsset: { ...USDT, amount: 18.4 } }],
  ['total debit', { totalDebit: { ...USDT, amount: 20 } }],
  ['fee', { fees: [{ assetAmount: { ...USDT, amount: 0.1 } }] }],
  ['rate', { rate: { endUserRate: 0.92 } }],
  ['bare rate', { rate: 0.92 }],
])('a JSON number as %s is a malformed reply, never a number of ours', async (_name, changes) => {
  const results = await sendAll(202, orderBody(changes));
  for (const { outcome, code } of Object.values(results)) {
    expect([outcome, code]).toEqual(['unknown', 'MALFORMED_REPLY']);
  }
});

test('an order under another reference, or another order, is not the answer to the question', async () => {
  const foreign = await sendAll(202, orderBody({ clientReferenceId: `${REFERENCE}0` }));
  expect(foreign.create).toMatchObject({ outcome: 'unknown', code: 'MALFORMED_REPLY', order: null });
  expect((await sendAll(202, without(orderBody(), 'clientReferenceId'))).create.outcome).toBe('unknown');

  const other = await sendAll(202, orderBody({ id: 'ord_0000000000000000000002' }));
  expect([other.execute.outcome, other.cancel.outcome]).toEqual(['unknown', 'unknown']);
});

test('refusals are judged per operation by their type alone', async () => {
  const expired = await sendAll(409, problem('QUOTE_EXPIRED', 409));
  expect([expired.create.outcome, expired.execute.outcome, expired.cancel.outcome]).toEqual([
    'no_effect',
    'unknown',
    'unknown',
  ]);
  const funds = await sendAll(422, problem('INSUFFICIENT_FUNDS', 422));
  expect([funds.create.outcome, funds.execute.outcome]).toEqual(['unknown', 'no_effect']);
  const readOnly = await sendAll(403, problem('API_KEY_READ_ONLY', 403));
  expect([readOnly.create.outcome, readOnly.execute.outcome]).toEqual(['no_effect', 'no_effect']);
  const used = await sendAll(409, problem('QUOTE_ALREADY_USED', 409));
  expect([used.create.outcome, used.execute.outcome]).toEqual(['exists', 'unknown']);
  for (const [code, status] of [
    ['IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS', 409],
    ['ORDER_NOT_EXECUTABLE', 409],
    ['ORDER_EXPIRED', 409],
    ['ORDER_NOT_FOUND', 404],
    ['INTERNAL_ERROR', 500],
    ['A_WORD_OF_TOMORROW', 422],
  ] as const) {
    const results = await sendAll(status, problem(code, status));
    for (const { outcome, code: kept } of [results.create, results.execute]) {
      expect([outcome, kept]).toEqual(['unknown', code]);
    }
  }
});

test('a refusal is believed only as a whole problem of that status', async () => {
  const unknown = { outcome: 'unknown', code: 'MALFORMED_REPLY', retryAfterMs: null };
  expect(await createOutcome(401, { message: 'Unauthorized' })).toEqual(unknown);
  expect(await createOutcome(409, problem('QUOTE_EXPIRED', 422))).toEqual(unknown);
  expect(await createOutcome(409, { title: 'QUOTE_EXPIRED', code: 'QUOTE_EXPIRED' })).toEqual(unknown);
  expect(await createOutcome(409, problem('https://example.test/QUOTE_EXPIRED', 409))).toEqual(unknown);
  expect(await createOutcome(409, 'QUOTE_EXPIRED')).toEqual(unknown);
  // The status may be left out, and the official media type is as good as plain JSON.
  const bare = { type: 'QUOTE_EXPIRED' };
  expect(await createOutcome(409, bare)).toMatchObject({ outcome: 'no_effect', code: 'QUOTE_EXPIRED' });
  const typed = await createOutcome(409, bare, { 'content-type': 'application/problem+json; charset=utf-8' });
  expect(typed.outcome).toBe('no_effect');
});

test('a rate limit is without effect only by word and status together', async () => {
  const limited = await createOutcome(429, problem('RATE_LIMITED', 429), { 'retry-after': '7' });
  expect(limited).toEqual({ outcome: 'no_effect', code: 'RATE_LIMITED', retryAfterMs: 7_000 });
  expect((await createOutcome(429, problem('VALIDATION_ERROR', 429))).outcome).toBe('unknown');
  expect((await createOutcome(403, problem('RATE_LIMITED', 403))).outcome).toBe('unknown');
  expect((await createOutcome(429, { message: 'slow down' }, { 'retry-after': '7' })).outcome).toBe('unknown');
});

test.each([
  ['seconds', { 'retry-after': '30' }, {}, 30_000],
  ['a date against the server clock', { 'retry-after': 'Tue, 01 Jan 2030 00:01:30 GMT' }, {}, 90_000],
  ['a date gone by', { 'retry-after': 'Mon, 31 Dec 2029 00:00:00 GMT' }, {}, 1_000],
  ['the body', {}, { retryAfterSeconds: 12 }, 12_000],
  ['the header before the body', { 'retry-after': '30' }, { retryAfterSeconds: 12 }, 30_000],
  ['at most an hour', { 'retry-after': '999999999999999999999' }, {}, 3_600_000],
  ['at least a second', { 'retry-after': '0' }, {}, 1_000],
  ['nothing said', {}, {}, null],
  ['nonsense', { 'retry-after': 'soon 12' }, {}, null],
])('Retry-After: %s', async (_name, headers: Record<string, string>, changes, expected) => {
  const date = { date: 'Tue, 01 Jan 2030 00:00:00 GMT' };
  const result = await createOutcome(429, problem('RATE_LIMITED', 429, changes), { ...date, ...headers });
  expect(result.retryAfterMs).toBe(expected);
});

test('only "too many" and "not now" say when to send again', async () => {
  const wait = { 'retry-after': '30' };
  expect(await createOutcome(503, problem('SERVICE_UNAVAILABLE', 503), wait)).toMatchObject({ retryAfterMs: 30_000 });
  expect(await createOutcome(500, problem('INTERNAL_ERROR', 500), wait)).toMatchObject({ retryAfterMs: null });
  expect(await createOutcome(202, orderBody(), wait)).toMatchObject({ outcome: 'accepted', retryAfterMs: null });
});

test('what may be stored is bounded and fit for PostgreSQL, also when the reply is not', async () => {
  const big = await sendAll(202, orderBody({ note: 'x'.repeat(20_000) }));
  expect(big.create).toMatchObject({ outcome: 'accepted', raw: { omitted: 'too_large' } });
  const nul = await sendAll(202, orderBody({ note: 'a\0b' }));
  expect(nul.create).toMatchObject({ outcome: 'accepted', raw: { omitted: 'not_storable' } });
  const surrogate = await sendAll(422, problem('INSUFFICIENT_FUNDS', 422, { detail: '\ud800' }));
  expect(surrogate.execute).toMatchObject({ outcome: 'no_effect', raw: { omitted: 'not_storable' } });
  const html = await sendAll(202, orderBody(), { 'content-type': 'text/html' });
  expect(html.create.raw).toMatchObject({ omitted: 'not_json' });
});

test('every call leaves one line and one measure, without key or body', async () => {
  const conduit = await startConduit((res) => json(res, 422, problem('INSUFFICIENT_FUNDS', 422)));
  const { client, logged, calls } = clientOf(conduit.baseUrl);

  await execute(client);

  expect(calls).toEqual([['order_execute', 'no_effect']]);
  expect(logged).toEqual([
    {
      level: 'info',
      fields: {
        event: 'conduit_called',
        endpoint: 'order_execute',
        class: 'no_effect',
        code: 'INSUFFICIENT_FUNDS',
        status: 422,
        duration_ms: expect.any(Number),
        correlation_id: 'corr-1',
        client_correlation_id: conduit.seen[0]?.headers['x-client-correlation-id'],
      },
    },
  ]);
  expect(JSON.stringify(logged)).not.toMatch(/ck_sandbox|A detail/);
});
