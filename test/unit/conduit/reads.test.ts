import { expect, test } from '@jest/globals';
import type { QuoteRequest } from '../../../src/domain/quote.ts';
import {
  type Answer,
  cleanUp,
  clientOf,
  json,
  ORDER_ID,
  orderBody,
  problem,
  REFERENCE,
  startConduit,
  without,
} from './support.ts';

cleanUp();

const REQUEST: QuoteRequest = {
  from: { currency: 'USDT', network: 'ethereum' },
  to: { currency: 'EUR', network: null },
  amount: '20.00',
};

const EUR = { code: 'EUR', amount: '18.40' };
const USDT = { code: 'USDT', chain: 'ethereum', amount: '20.000000' };

function option(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'qop_1',
    rail: null,
    rate: { endUserRate: '0.9246231155', referenceRate: '0.92694046', totalSpreadBps: '25' },
    fees: [{ type: 'fixed', charge: 'conversion', owner: 'conduit', assetAmount: { ...USDT, amount: '0.100000' } }],
    sourceAmount: { ...USDT, amount: '19.900000' },
    destinationAmount: EUR,
    recipientAmount: EUR,
    totalDebit: USDT,
    ...changes,
  };
}

function quote(...options: unknown[]): Record<string, unknown> {
  const times = { createdAt: '2030-01-01T00:00:00.000Z', expiresAt: '2030-01-01T00:05:00.000Z' };
  return { id: 'qte_1', lockSide: 'source', amount: USDT, ...times, options };
}

async function start(answer: Answer) {
  const conduit = await startConduit(answer);
  return { conduit, ...clientOf(conduit.baseUrl) };
}

async function quoted(status: number, body: unknown, headers: Record<string, string> = {}) {
  const { client } = await start((res) => json(res, status, body, { date: '', ...headers }));
  return client.requestQuote(REQUEST);
}

test('a quote is asked for by the source amount, without a key, and read as the domain wants it', async () => {
  const { conduit, client } = await start((res) =>
    json(res, 201, quote(option(), option({ id: 'qop_2', rate: null }))),
  );

  const reply = await client.requestQuote(REQUEST);

  const [request] = conduit.seen;
  expect([request?.method, request?.url]).toEqual(['POST', '/v2/quotes']);
  expect(JSON.parse(request?.body ?? '')).toEqual({
    source: { code: 'USDT', chain: 'ethereum' },
    destination: { code: 'EUR' },
    lockSide: 'source',
    amount: '20.00',
  });
  expect(request?.headers).not.toHaveProperty('idempotency-key');
  expect(reply).toEqual({
    kind: 'quoted',
    serverDate: expect.any(Number),
    options: [
      {
        quoteId: 'qte_1',
        optionId: 'qop_1',
        createdAt: Date.UTC(2030, 0, 1),
        expiresAt: Date.UTC(2030, 0, 1, 0, 5),
        echo: { lockSide: 'source', amount: '20.000000', from: null, to: null },
        referenceRate: '0.92694046',
        endUserRate: '0.9246231155',
        spreadBps: '25',
        fees: [{ currency: 'USDT', network: 'ethereum', amount: '0.100000' }],
        sourceAmount: { currency: 'USDT', network: 'ethereum', amount: '19.900000' },
        destinationAmount: { currency: 'EUR', network: null, amount: '18.40' },
        recipientAmount: { currency: 'EUR', network: null, amount: '18.40' },
        totalDebit: { currency: 'USDT', network: 'ethereum', amount: '20.000000' },
      },
    ],
  });
});

test('odd decimals pass as they are, for the domain to judge, but a JSON number is no quote', async () => {
  const odd = await quoted(201, quote(option({ recipientAmount: { ...EUR, amount: 'NaN' } })));
  expect(odd).toMatchObject({ kind: 'quoted', options: [{ recipientAmount: { amount: 'NaN' } }] });
  const malformed = { kind: 'unavailable', code: 'MALFORMED_REPLY' };
  const rate = { endUserRate: '0.92', referenceRate: 0.92, totalSpreadBps: '25' };
  expect(await quoted(201, quote(option({ rate })))).toEqual(malformed);
  expect(await quoted(201, quote(option({ totalDebit: { ...USDT, amount: 20 } })))).toEqual(malformed);
  expect(await quoted(201, quote(without(option(), 'recipientAmount')))).toEqual(malformed);
  expect(await quoted(201, { ...quote(option()), expiresAt: 'soon' })).toEqual(malformed);
});

test('a refused quote keeps what it means apart from a look that merely failed', async () => {
  const refused = (cls: string, status: number, code: string) => ({ kind: 'refused', cls, status, code });
  expect(await quoted(422, problem('UNSUPPORTED_PAIR', 422))).toEqual(refused('final', 422, 'UNSUPPORTED_PAIR'));
  expect(await quoted(401, problem('API_KEY_INVALID', 401))).toEqual(refused('ours_all', 401, 'API_KEY_INVALID'));
  expect(await quoted(400, problem('VALIDATION_ERROR', 400))).toEqual(refused('failed_look', 400, 'VALIDATION_ERROR'));
  const down = { kind: 'unavailable', code: 'RATE_UNAVAILABLE_AFTER_HOURS' };
  expect(await quoted(503, problem('RATE_UNAVAILABLE_AFTER_HOURS', 503))).toEqual(down);
  expect(await quoted(403, { message: 'Forbidden' })).toEqual({ kind: 'unavailable', code: 'MALFORMED_REPLY' });
  expect(await quoted(302, {})).toEqual({ kind: 'unavailable', code: 'REDIRECT' });
});

test('a read that is asked for patience says for how long, whoever asks', async () => {
  const limited = (retryAfterMs: number) => ({ kind: 'rate_limited', retryAfterMs });
  expect(await quoted(429, problem('RATE_LIMITED', 429), { 'retry-after': '3' })).toEqual(limited(3_000));
  expect(await quoted(429, problem('RATE_LIMITED', 429, { retryAfterSeconds: 4 }))).toEqual(limited(4_000));
  expect(await quoted(429, { message: 'slow down' })).toEqual(limited(5_000));
});

test('an order is found under its id, absent by a 404 of Conduit alone, and otherwise not known', async () => {
  const answers: Record<string, [number, unknown]> = {
    [ORDER_ID]: [200, orderBody()],
    ord_other: [200, orderBody()],
    ord_none: [404, problem('ORDER_NOT_FOUND', 404)],
    ord_gateway: [404, { message: 'no route' }],
    ord_secret: [403, problem('API_KEY_READ_ONLY', 403)],
    ord_odd: [200, orderBody({ id: 'ord_odd', status: 'processing' })],
  };
  const { client, calls, logged } = await start((res, _req, { url }) => {
    const [status, body] = answers[url.replace('/v2/orders/', '')] ?? [500, {}];
    json(res, status, body, { date: 'Tue, 01 Jan 2030 00:00:00 GMT' });
  });

  const serverDate = Date.UTC(2030, 0, 1);
  expect(await client.getOrder(ORDER_ID)).toMatchObject({
    kind: 'found',
    order: { id: ORDER_ID, status: 'pending' },
    raw: orderBody(),
    serverDate,
  });
  expect(await client.getOrder('ord_none')).toEqual({ kind: 'absent', serverDate });
  expect(await client.getOrder('ord_gateway')).toEqual({ kind: 'unavailable', code: 'MALFORMED_REPLY' });
  expect(await client.getOrder('ord_secret')).toEqual({ kind: 'unavailable', code: 'API_KEY_READ_ONLY' });
  expect(await client.getOrder('ord_other')).toEqual({ kind: 'unavailable', code: 'MALFORMED_REPLY' });
  expect(await client.getOrder('ord_odd')).toEqual({ kind: 'unavailable', code: 'MALFORMED_REPLY' });
  const classes = ['read', 'refused', 'unavailable', 'refused', 'unavailable', 'unavailable'];
  expect(calls).toEqual(classes.map((cls) => ['order_get', cls]));
  expect(logged[0]?.level).toBe('debug');
});

/** Conduit's list as pages of the given items; the cursor is the next page's number. */
function pages(...content: unknown[][]): Answer {
  return (res, _req, { url }) => {
    const number = Number(new URL(url, 'http://conduit').searchParams.get('cursor') ?? 0);
    const nextCursor = number + 1 < content.length ? String(number + 1) : null;
    json(res, 200, { data: content[number], meta: { mode: 'cursor', nextCursor, previousCursor: null, total: 9 } });
  };
}

test('a look-up by reference follows every page, keeps exact matches only, and counts one that is shown twice once', async () => {
  const twin = orderBody({ id: 'ord_2' });
  const longer = orderBody({ id: 'ord_3', clientReferenceId: `${REFERENCE}1` });
  const unreadable = { id: 'ord_4', status: 'odd' };
  const { conduit, client } = await start(pages([longer, orderBody(), unreadable], [twin], [orderBody()]));

  const reply = await client.findOrders(REFERENCE);

  expect(reply).toMatchObject({
    kind: 'read',
    orders: [{ order: { id: ORDER_ID } }, { order: { id: 'ord_2' }, raw: twin }],
  });
  expect(conduit.seen.map(({ url }) => Object.fromEntries(new URL(url, 'http://conduit').searchParams))).toEqual([
    { clientReferenceId: REFERENCE, limit: '100' },
    { clientReferenceId: REFERENCE, limit: '100', cursor: '1' },
    { clientReferenceId: REFERENCE, limit: '100', cursor: '2' },
  ]);
  expect(reply).toHaveProperty('orders.length', 2);
});

test('"none" is said only by a whole list', async () => {
  const found = async (answer: Answer) => (await start(answer)).client.findOrders(REFERENCE);
  expect(await found(pages([]))).toMatchObject({ kind: 'read', orders: [] });
  const unavailable = { kind: 'unavailable', code: 'MALFORMED_REPLY' };
  expect(await found((res) => json(res, 200, {}))).toEqual(unavailable);
  expect(await found((res) => json(res, 200, { data: [] }))).toEqual(unavailable);
  expect(await found((res) => json(res, 200, []))).toEqual(unavailable);
  expect(await found((res) => json(res, 200, { data: [null], meta: {} }))).toEqual(unavailable);
  // Ours, and not readable: it exists, so it must not be passed over.
  expect(await found(pages([orderBody({ status: 'odd' })]))).toEqual(unavailable);
  expect(await found((res) => json(res, 404, problem('NOT_FOUND', 404)))).toEqual({
    kind: 'unavailable',
    code: 'NOT_FOUND',
  });
  expect(await found(pages([], [], [], [], [], []))).toEqual({ kind: 'unavailable', code: 'TOO_MANY_PAGES' });
});

test('a list page counts what it cannot read and hands on the cursor', async () => {
  const { conduit, client } = await start(pages([orderBody(), { id: 'ord_x' }], []));
  const filter = { createdFrom: Date.UTC(2030, 0, 1), createdTo: Date.UTC(2030, 0, 2) };
  const reply = await client.listOrders(filter);
  expect(reply).toMatchObject({ kind: 'read', orders: [{ order: { id: ORDER_ID } }], unreadable: 1, nextCursor: '1' });
  await client.listOrders({ ...filter, cursor: '1' });
  expect(Object.fromEntries(new URL(conduit.seen[1]?.url ?? '', 'http://conduit').searchParams)).toEqual({
    createdFrom: '2030-01-01T00:00:00.000Z',
    createdTo: '2030-01-02T00:00:00.000Z',
    cursor: '1',
    limit: '100',
  });
});

test('linked transactions: one completed decides, one unread leaves doubt, one open stays open', async () => {
  const { conduit, client } = await start((res, _req, { url }) => {
    const id = url.replace('/v2/transactions/', '');
    const status = id.replace('txn_', '').replace('2', '');
    if (status === 'gone') return json(res, 404, problem('TRANSACTION_NOT_FOUND', 404));
    json(res, 200, { id: status === 'other' ? 'txn_x' : id, status: status === 'failed' ? 'FAILED' : status });
  });
  const effect = async (...ids: string[]) => {
    const reply = await client.getTransactions(ids.map((id) => `txn_${id}`));
    return reply.kind === 'read' ? reply.effect : reply;
  };

  expect(await effect()).toBe('none');
  expect(conduit.seen).toEqual([]);
  expect(await effect('failed', 'cancelled')).toBe('no_effect');
  expect(await effect('failed', 'processing')).toBe('open');
  expect(await effect('pending', 'completed', 'gone')).toBe('completed');
  expect(await effect('failed', 'gone')).toEqual({ kind: 'unavailable', code: 'TRANSACTION_NOT_FOUND' });
  expect(await effect('failed', 'returned')).toEqual({ kind: 'unavailable', code: 'MALFORMED_REPLY' });
  expect(await effect('other')).toEqual({ kind: 'unavailable', code: 'MALFORMED_REPLY' });
  expect(await effect(...Array.from({ length: 21 }, () => 'failed'))).toMatchObject({ kind: 'unavailable' });
});

test('an account is alive when Conduit shows it in use', async () => {
  const bodies: Record<string, [number, unknown]> = {
    '/v2/customers/cus_1/wallets/wlt_1': [200, { id: 'wlt_1', balances: [] }],
    '/v2/virtual-accounts/vac_1': [200, { id: 'vac_1', status: 'ACTIVE' }],
    '/v2/wallets/wlt_2': [200, { id: 'wlt_2', status: 'closed' }],
    '/v2/wallets/wlt_3': [404, problem('NOT_FOUND', 404)],
    '/v2/wallets/wlt_4': [503, problem('SERVICE_UNAVAILABLE', 503)],
    '/v2/wallets/wlt_5': [200, { id: 'wlt_1' }],
    '/v2/wallets/wlt_6': [403, { message: 'Forbidden' }],
  };
  const { client } = await start((res, _req, { url }) => json(res, ...(bodies[url] ?? [429, {}])));
  expect(await client.probeAccount('wlt_1', 'cus_1')).toEqual({ kind: 'alive' });
  expect(await client.probeAccount('vac_1', null)).toEqual({ kind: 'alive' });
  expect(await client.probeAccount('wlt_2', null)).toEqual({ kind: 'refused' });
  expect(await client.probeAccount('wlt_3', null)).toEqual({ kind: 'refused' });
  for (const id of ['wlt_4', 'wlt_5', 'wlt_6'])
    expect(await client.probeAccount(id, null)).toMatchObject({ kind: 'unavailable' });
  expect(await client.probeAccount('wlt_7', null)).toEqual({ kind: 'rate_limited', retryAfterMs: 5_000 });
});

test('the operator registers a webhook, and hears a refusal as an error without the secret', async () => {
  const secret = `whsec_${'a'.repeat(64)}`;
  let status = 201;
  const { client, logged } = await start((res) => {
    if (status !== 201) return json(res, status, problem('VALIDATION_ERROR', status));
    json(res, 201, { id: 'wep_1', url: 'https://a.test/', secret });
  });
  expect(await client.registerWebhook('https://a.test/')).toEqual({ id: 'wep_1', secret });
  status = 400;
  await expect(client.registerWebhook('http://a.test/')).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  expect(JSON.stringify(logged)).not.toContain('whsec_');
});
