import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { setUserAccounts } from '../../../src/db/users.ts';
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
  bed = await startTestBed({ rateRefreshMs: 1 });
  ({ api } = bed);
  user = await addTestUser(api.db);
});
afterAll(() => bed.stop());

let before: Record<string, number>;
beforeEach(async () => {
  before = await countRows(api.db);
});

async function expectProblem(
  request: { key?: string | null; body?: unknown; headers?: Record<string, string> },
  expected: { status: number; code: string; pointers?: string[] },
): Promise<void> {
  const reply = await api.request('POST', '/orders', { key: user.key, ...request });
  const { status, headers, body } = reply;
  expect({
    status,
    code: body.code,
    pointers: (body.errors ?? []).map((it: { pointer: string }) => it.pointer),
  }).toEqual({
    pointers: [],
    ...expected,
  });
  expect(headers.get('content-type')).toContain('application/problem+json');
  expect(body).toMatchObject({
    type: `urn:conduitpay:problem:${expected.code}`,
    status,
    title: expect.any(String),
    detail: expect.any(String),
    request_id: headers.get('x-request-id'),
  });
  expect(await countRows(api.db)).toEqual(before);
}

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const DAY_MS = 86_400_000;
const FIELDS = Object.keys(orderBody(''));

describe('a field that is wrong in itself is 400 with a pointer to it:', () => {
  test.each(FIELDS)('%s is missing', async (field) => {
    const { [field]: _left, ...body } = orderBody(user.id);
    await expectProblem({ body }, { status: 400, code: 'validation_failed', pointers: [`/${field}`] });
  });

  test.each(FIELDS)('%s is of the wrong type', async (field) => {
    const body = orderBody(user.id, { [field]: field.startsWith('from') ? 5 : [] });
    await expectProblem({ body }, { status: 400, code: 'validation_failed', pointers: [`/${field}`] });
  });

  test.each([
    ['amount', '0'],
    ['amount', '0.000000'],
    ['amount', '-1'],
    ['amount', '+1'],
    ['amount', '1e3'],
    ['amount', '01.00'],
    ['amount', '.5'],
    ['amount', '5.'],
    ['amount', '1,000.00'],
    ['amount', ' 1'],
    ['amount', ''],
    ['amount', 'NaN'],
    ['amount', 'Infinity'],
    ['amount', '0x10'],
    ['amount', '20.0000001'],
    ['amount', '20.0000000'],
    ['amount', `1${'0'.repeat(70)}`],
    ['amount', 20],
    ['target_rate', '0'],
    ['target_rate', '-0.92'],
    ['target_rate', 'NaN'],
    ['target_rate', 'a lot'],
    ['target_rate', '9.2e-1'],
    ['target_rate', `0.${'1'.repeat(19)}`],
    ['target_rate', '1000000000000'],
    ['target_rate', 0.92],
    ['direction', '>'],
    ['direction', '='],
    ['direction', '>=<='],
    ['idempotency_key', ''],
    ['idempotency_key', 'k'.repeat(129)],
    ['idempotency_key', 'a b'],
    ['idempotency_key', 'schlüssel'],
    ['idempotency_key', 'a/b'],
    ['idempotency_key', 'a\n'],
    ['user_id', 'me'],
    ['user_id', 'f8a3e3a9567841e98123abcdef987654'],
    ['expires_at', 'tomorrow'],
    ['expires_at', '2031-01-01'],
    ['expires_at', '2031-01-01T10:00:00'],
    ['expires_at', '2031-01-01T10:00:00+01:00'],
    ['expires_at', '2031-01-01T10:00Z'],
    ['expires_at', '2031-02-30T10:00:00Z'],
    ['expires_at', '2031-01-01T25:00:00Z'],
    ['expires_at', '2031-01-01T24:00:00Z'],
    ['expires_at', 1924992000],
  ])('%s: %j', async (field, value) => {
    await expectProblem(
      { body: orderBody(user.id, { [field]: value }) },
      { status: 400, code: 'validation_failed', pointers: [`/${field}`] },
    );
  });

  test('a field that does not exist, whatever its name', async () => {
    const body = { ...orderBody(user.id), 'a/b~c': 1, constructor: 2 };
    const text = JSON.stringify(body).replace('{', '{"__proto__":{"amount":"1"},');
    await expectProblem({ body }, { status: 400, code: 'validation_failed', pointers: ['/a~1b~0c', '/constructor'] });
    await expectProblem(
      { body: text },
      { status: 400, code: 'validation_failed', pointers: ['/__proto__', '/a~1b~0c', '/constructor'] },
    );
  });

  test('several at once are all pointed to', async () => {
    const body = orderBody(user.id, { amount: '-1', direction: '<', from_currency: 'XRP', more: true });
    await expectProblem(
      { body },
      { status: 400, code: 'validation_failed', pointers: ['/amount', '/direction', '/more', '/from_currency'] },
    );
  });

  test.each([[[]], ['null'], ['"text"'], ['5']])('a body that is no object: %j', async (body) => {
    const reply = await api.request('POST', '/orders', { key: user.key, body });
    expect(reply.status).toBe(400);
    expect(['validation_failed', 'malformed_json']).toContain(reply.body.code);
  });
});

describe('a field that is given twice is 400, even with the same value:', () => {
  const twice = (again: string) => JSON.stringify(orderBody(user.id)).replace(/\}$/, `,${again}}`);

  test.each([
    ['another amount', '"amount":"1000.00"', ['/amount']],
    ['the same direction', '"direction":">="', ['/direction']],
    ['in other letters', String.raw`"\u0061mount":"1000.00"`, ['/amount']],
    ['two fields', '"amount":"1","target_rate":"1","amount":"2"', ['/amount', '/target_rate']],
  ])('%s', async (_name, again, pointers) => {
    await expectProblem({ body: twice(again) }, { status: 400, code: 'validation_failed', pointers });
  });
});

describe('assets:', () => {
  test.each([
    ['an unknown currency', { from_currency: 'XRP' }, ['/from_currency']],
    ['a currency in small letters', { to_currency: 'usdc' }, ['/to_currency']],
    ['a name that every object has', { from_currency: 'constructor' }, ['/from_currency']],
    ['an unknown network', { to_network: 'bitcoin' }, ['/to_network']],
    ['a currency on a network that it is not on', { to_currency: 'SOL' }, ['/to_network']],
    ['a crypto currency without a network', { from_network: null }, ['/from_network']],
    ['a fiat currency with a network', { to_currency: 'EUR' }, ['/to_network']],
    ['both sides wrong', { from_currency: 'XRP', to_network: 'moon' }, ['/from_currency', '/to_network']],
  ])('%s is 400', async (_name, fields, pointers) => {
    await expectProblem({ body: orderBody(user.id, fields) }, { status: 400, code: 'unsupported_asset', pointers });
  });

  test('the same asset and network on both sides is 400', async () => {
    const pointers = ['/to_currency', '/to_network'];
    await expectProblem(
      { body: orderBody(user.id, { to_currency: 'USDT' }) },
      { status: 400, code: 'same_asset', pointers },
    );
  });

  test('the decimals are those of the asset that is paid', async () => {
    const fields = { from_currency: 'USD', from_network: null, amount: '20.001' };
    await expectProblem(
      { body: orderBody(user.id, fields) },
      { status: 400, code: 'validation_failed', pointers: ['/amount'] },
    );
  });

  test('a user without an active account for a side is 422, with a pointer to that side', async () => {
    const someone = await addTestUser(api.db);
    before = await countRows(api.db);
    const place = (fields: object, pointers: string[]) =>
      expectProblem(
        { key: someone.key, body: orderBody(someone.id, { ...fields }) },
        { status: 422, code: 'account_missing', pointers },
      );
    await place({ to_network: 'base' }, ['/to_currency']);
    await place({ from_network: 'base', to_network: 'base' }, ['/from_currency', '/to_currency']);
    await api.db`update conduit_accounts set active = false where user_id = ${someone.id} and asset = 'USDT.ethereum'`;
    await place({}, ['/from_currency']);
  });

  test('an order that would be paid into the account that it comes from is 422', async () => {
    const someone = await addTestUser(api.db);
    const wallet = `wlt_${randomUUID().replaceAll('-', '').slice(0, 22)}`;
    const accounts = ['USDT.ethereum', 'USDC.ethereum'].map((asset) => ({ asset, accountId: wallet }));
    await setUserAccounts(api.db, { userId: someone.id, customerId: null, accounts });
    before = await countRows(api.db);
    await expectProblem(
      { key: someone.key, body: orderBody(someone.id) },
      { status: 422, code: 'same_account', pointers: ['/to_currency'] },
    );
  });

  test('a user that nobody knows has no account either', async () => {
    const key = await addTestKey(api.db, null);
    await expectProblem(
      { key, body: orderBody(randomUUID()) },
      { status: 422, code: 'account_missing', pointers: ['/from_currency', '/to_currency'] },
    );
  });
});

describe('limits and rates:', () => {
  test.each([
    ['an amount above the maximum', { amount: '1000000.01' }, 'amount_too_large', '/amount'],
    ['an amount far above it', { amount: '9'.repeat(40) }, 'amount_too_large', '/amount'],
    ['an amount of which fees take a quarter', { amount: '0.40' }, 'amount_eaten_by_fees', '/amount'],
    ['a target ten times the quoted rate', { target_rate: '9.15' }, 'target_implausible', '/target_rate'],
    ['a target a tenth of the quoted rate', { target_rate: '0.09' }, 'target_implausible', '/target_rate'],
    [
      'a <= order whose floor the quote is under',
      { direction: '<=', target_rate: '1.2' },
      'below_floor',
      '/target_rate',
    ],
  ])('%s is 422', async (_name, fields, code, pointer) => {
    await expectProblem({ body: orderBody(user.id, fields) }, { status: 422, code, pointers: [pointer] });
  });

  test.each([
    ['in the past', -1_000],
    ['too near', 119_000],
    ['too far', 180 * DAY_MS + 60_000],
  ])('an expiry %s is 422', async (_name, ms) => {
    await expectProblem(
      { body: orderBody(user.id, { expires_at: inMs(ms) }) },
      { status: 422, code: 'expiry_out_of_range', pointers: ['/expires_at'] },
    );
  });

  test.each([
    ['UNSUPPORTED_PAIR', 'final', ['/from_currency', '/to_currency']],
    ['AMOUNT_OUT_OF_RANGE', 'final', ['/amount']],
    ['CLIENT_MARKUP_SPREAD_EXCEEDED', 'failed_look', []],
  ] as const)('what Conduit refuses to quote is 422 with its code: %s', async (code, cls, pointers) => {
    api.conduit.reply = { kind: 'refused', cls, status: 422, code };
    const body = orderBody(user.id);
    await expectProblem({ body }, { status: 422, code: 'quote_refused', pointers: [...pointers] });
    expect((await api.request('POST', '/orders', { key: user.key, body })).body.provider_code).toBe(code);
    api.conduit.reply = null;
  });

  test.each([
    ['no number', { referenceRate: 'NaN' }],
    ['other assets than asked for', { recipientAmount: { currency: 'EUR', network: null, amount: '18.00' } }],
    ['another amount than asked for', { totalDebit: { currency: 'USDT', network: 'ethereum', amount: '21.00' } }],
    ['a fee in a third asset', { fees: [{ currency: 'ETH', network: 'base', amount: '0.01' }] }],
    ['a quote of long ago', { createdAt: Date.now() - 3_600_000 }],
    ['a rate that no column holds', { referenceRate: '1000000000000' }],
  ])('a quote that cannot be used is 503: %s', async (_name, fault) => {
    const honest = await api.conduit.requestQuote({
      from: { currency: 'USDT', network: 'ethereum' },
      to: { currency: 'USDC', network: 'ethereum' },
      amount: '20.00',
    });
    if (honest.kind !== 'quoted' || !honest.options[0]) throw new Error('the fake gave no quote');
    api.conduit.reply = { ...honest, options: [{ ...honest.options[0], ...fault }] };
    await expectProblem({ body: orderBody(user.id) }, { status: 503, code: 'quote_unavailable' });
    api.conduit.reply = null;
  });

  test('amounts and targets at the edge are accepted', async () => {
    for (const fields of [
      { amount: '1000000.00' },
      { amount: '0.50' }, // 0.10 is exactly a fifth.
      { amount: '20.000000' },
      { expires_at: inMs(125_000) },
      { expires_at: inMs(180 * DAY_MS - 60_000) },
      { idempotency_key: `${randomUUID()}${'k'.repeat(92)}` },
      { idempotency_key: `A-z_0.9:${randomUUID()}` },
      { expires_at: inMs(DAY_MS).replace('Z', '123456Z') },
    ]) {
      const reply = await api.request('POST', '/orders', { key: user.key, body: orderBody(user.id, fields) });
      expect({ fields, status: reply.status, code: reply.body.code }).toEqual({ fields, status: 201, code: undefined });
    }
  });
});

describe('bodies:', () => {
  test.each([
    ['no JSON', '{"amount":', {}, 400, 'malformed_json'],
    ['no JSON object', '"text"', {}, 400, 'malformed_json'],
    [
      'of another type',
      'amount=20',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
    ],
    ['of another JSON type', '{}', { 'content-type': 'application/problem+json' }, 415, 'unsupported_media_type'],
    [
      'in another encoding',
      '{}',
      { 'content-type': 'application/json; charset=latin1' },
      415,
      'unsupported_media_type',
    ],
    ['in another Unicode', '{}', { 'content-type': 'application/json; charset=utf-16' }, 415, 'unsupported_media_type'],
    ['compressed', '{}', { 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
    ['over 16 kB', JSON.stringify({ amount: '1'.repeat(16_500) }), {}, 413, 'body_too_large'],
  ])('%s', async (_name, body, headers, status, code) => {
    await expectProblem({ body, headers }, { status, code });
  });

  test('none at all', async () => {
    await expectProblem({}, { status: 415, code: 'unsupported_media_type' });
  });
});

describe('keys:', () => {
  test('no, malformed, unknown and revoked keys get the same 401', async () => {
    const revoked = await addTestKey(api.db, user.id);
    await api.db`update api_keys set revoked_at = app_now() where prefix = ${revoked.slice(0, 8)} and user_id = ${user.id}`;
    const unknown = `cpt_${'a'.repeat(43)}`;
    for (const key of [null, 'nonsense', unknown, revoked]) {
      await expectProblem({ key, body: orderBody(user.id) }, { status: 401, code: 'unauthenticated' });
    }
    for (const authorization of ['Basic YTpi', `Basic ${user.key}`, user.key, 'Bearer', `Bearer ${user.key} more`]) {
      await expectProblem(
        { key: null, body: orderBody(user.id), headers: { authorization } },
        { status: 401, code: 'unauthenticated' },
      );
    }
  });

  test('a body for another user than the key’s is 403', async () => {
    const other = await addTestUser(api.db);
    await expectProblem({ body: orderBody(other.id) }, { status: 403, code: 'user_mismatch', pointers: ['/user_id'] });
  });
});

test('unknown paths and methods are 404', async () => {
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/orders'],
    ['DELETE', `/orders/${randomUUID()}`],
    ['GET', `/orders/${randomUUID()}/cancel`],
    ['POST', '/webhooks'],
  ] as const) {
    expect(await api.request(method, path, { key: user.key })).toMatchObject({
      status: 404,
      body: { code: 'route_not_found' },
    });
  }
});

test.each(['x', '123', `${randomUUID()}0`, '%00', "1'--"])('an order id that is not a UUID is 400: %s', async (id) => {
  for (const [method, path] of [
    ['GET', `/orders/${id}`],
    ['GET', `/orders/${id}/events`],
    ['POST', `/orders/${id}/cancel`],
  ] as const) {
    expect(await api.request(method, path, { key: user.key })).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ parameter: 'id', detail: 'must be a UUID' }] },
    });
  }
});

test.each([
  ['limit=0', ['limit']],
  ['limit=501', ['limit']],
  ['limit=', ['limit']],
  ['limit=%205%20', ['limit']],
  ['limit=5.0', ['limit']],
  ['limit=1&limit=2', ['limit']],
  ['after=', ['after']],
  ['after', ['after']],
  ['after=-1', ['after']],
  ['after=%2B1', ['after']],
  ['after=x', ['after']],
  ['after=0x10', ['after']],
  ['after=1e2', ['after']],
  ['after=2147483648', ['after']],
  ['after=99999999999', ['after']],
  ['after=true&limit=null', ['after', 'limit']],
  ['page=2', ['page']],
  ['page=2&after=x', ['after', 'page']],
])('a page of events that is asked for by ?%s is 400, with the name of each wrong parameter', async (query, names) => {
  const reply = await api.request('GET', `/orders/${randomUUID()}/events?${query}`, { key: user.key });
  expect(reply).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  const told = reply.body.errors as { parameter: string; detail: string }[];
  expect(told.map(({ parameter }) => parameter).sort()).toEqual(names);
  for (const { detail } of told)
    expect(detail).toMatch(/^(must be a whole number from \d+ to \d+, given once|is not a parameter)/);
});

test('a path that does not decode is 400, not our fault', async () => {
  const reply = await api.request('GET', '/orders/%E0%A4%A', { key: user.key });
  expect(reply).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
});
