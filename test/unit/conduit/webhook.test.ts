import { createHmac } from 'node:crypto';
import { expect, jest, test } from '@jest/globals';
import { createOrderBody } from '../../../src/clients/conduit/body.ts';
import { assertKeyFitsHost } from '../../../src/clients/conduit/key-host.ts';
import { parseWebhookEvent, verifyWebhook } from '../../../src/clients/conduit/webhook.ts';

const SECRET = `whsec_${'1'.repeat(64)}`;
const OLD_SECRET = `whsec_${'2'.repeat(64)}`;
const BODY = Buffer.from('{"id":"evt_1",  "type":"order.succeeded"}');
const T = 1_900_000_000;
const NOW = T * 1_000;

function sign(body: Buffer, secret = SECRET, t: number | string = T): string {
  return createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex');
}

const verify = (body: Buffer, header: string | undefined, secrets: readonly string[], nowMs: number) =>
  verifyWebhook(body, header, secrets, async () => nowMs);

const GOOD = `t=${T},v1=${sign(BODY)}`;

test('a signature over the raw bytes under the whole secret is good', async () => {
  expect(await verify(BODY, GOOD, [SECRET], NOW)).toBe('ok');
  // A vector made outside of this code: openssl dgst -sha256 -hmac whsec_abc over '1.{}'.
  const digest = '07301c55760783275ad3b893a15abe1d07b70c8e96b12a204061b23840f0b05b';
  expect(await verify(Buffer.from('{}'), `t=1,v1=${digest}`, ['whsec_abc'], 1_000)).toBe('ok');
});

test('bytes that were parsed and printed again are other bytes', async () => {
  const printed = Buffer.from(JSON.stringify(JSON.parse(BODY.toString())));
  expect(await verify(printed, GOOD, [SECRET], NOW)).toBe('mismatch');
  const notUtf8 = Buffer.from([0xff, 0xfe, 0x00]);
  expect(await verify(notUtf8, `t=${T},v1=${sign(notUtf8)}`, [SECRET], NOW)).toBe('ok');
});

test('either side may rotate: any signature under any secret', async () => {
  const header = `t=${T},v1=${sign(BODY, OLD_SECRET)},v1=${sign(BODY)}`;
  expect(await verify(BODY, header, [SECRET], NOW)).toBe('ok');
  expect(await verify(BODY, header, [OLD_SECRET], NOW)).toBe('ok');
  expect(await verify(BODY, GOOD, [OLD_SECRET, SECRET], NOW)).toBe('ok');
  expect(await verify(BODY, GOOD, [OLD_SECRET], NOW)).toBe('mismatch');
  expect(await verify(BODY, GOOD, [SECRET.replace('whsec_', '')], NOW)).toBe('mismatch');
});

test.each([
  [-301, 'stale'],
  [-300, 'ok'],
  [300, 'ok'],
  [301, 'stale'],
])('a signature %d s away is %s', async (seconds, verdict) => {
  expect(await verify(BODY, GOOD, [SECRET], NOW + seconds * 1_000)).toBe(verdict);
});

test('a moved time, an empty secret and no secret at all are refused', async () => {
  expect(await verify(BODY, GOOD.replace(`t=${T}`, `t=${T + 1}`), [SECRET], NOW)).toBe('mismatch');
  expect(await verify(BODY, `t=${T},v1=${sign(BODY, '')}`, [''], NOW)).toBe('mismatch');
  expect(await verify(BODY, GOOD, [], NOW)).toBe('mismatch');
});

test.each([
  [undefined, 'missing'],
  ['', 'missing'],
  [`v1=${sign(BODY)}`, 'malformed'],
  [`t=${T}`, 'malformed'],
  [`t=${T},v1=`, 'malformed'],
  [`t=${T},v1=${sign(BODY).slice(2)}`, 'malformed'],
  [`t=${T},v0=${sign(BODY)}`, 'malformed'],
  [`t=${T},t=${T},v1=${sign(BODY)}`, 'malformed'],
  [`t=1e9,v1=${sign(BODY, SECRET, '1e9')}`, 'malformed'],
  [`t=-${T},v1=${sign(BODY, SECRET, `-${T}`)}`, 'malformed'],
  [`sha256=${sign(BODY)}`, 'malformed'],
  [`t=${T}${`,v1=${sign(BODY)}`.repeat(50)}`, 'malformed'],
])('the header %s is %s', async (header, verdict) => {
  expect(await verify(BODY, header, [SECRET], NOW)).toBe(verdict);
});

test('the clock is asked only for what is signed', async () => {
  const asked = (header: string, secret: string) => {
    const now = jest.fn(() => NOW);
    return verifyWebhook(BODY, header, [secret], now).then((verdict) => [verdict, now.mock.calls.length]);
  };
  expect(await asked(GOOD, SECRET)).toEqual(['ok', 1]);
  expect(await asked(GOOD, OLD_SECRET)).toEqual(['mismatch', 0]);
  expect(await asked(`t=${T}`, SECRET)).toEqual(['malformed', 0]);
});

test('the time goes into the digest as it was received', async () => {
  expect(await verify(BODY, `t=0${T},v1=${sign(BODY, SECRET, `0${T}`)}`, [SECRET], NOW)).toBe('ok');
});

test('an event is read as a hint: ids where they are, null where they are not', () => {
  const envelope = { id: 'evt_1', mode: 'sandbox', apiVersion: '2', createdAt: '2030-01-01T00:00:00.000Z' };
  const event = (type: string, data: unknown, more: object = {}) =>
    parseWebhookEvent(Buffer.from(JSON.stringify({ ...envelope, type, data, ...more })));

  expect(event('order.succeeded', { orderId: 'ord_1', customerId: null, clientReferenceId: 'a:g1' })).toEqual({
    id: 'evt_1',
    type: 'order.succeeded',
    conduitOrderId: 'ord_1',
    conduitTransactionId: null,
    reference: 'a:g1',
  });
  expect(event('transaction.completed', { transactionId: 'txn_1', orderId: 17 })).toMatchObject({
    conduitOrderId: null,
    conduitTransactionId: 'txn_1',
    reference: null,
  });
  expect(event('rfi.created', null, { createdAt: 'yesterday' })).toMatchObject({
    conduitOrderId: null,
  });
  expect(event('order.failed', { clientReferenceId: 'a\0b' })).toMatchObject({ reference: null });
  expect(event('order.failed', {}, { id: 5 })).toBeNull();
  expect(parseWebhookEvent(Buffer.from('{'))).toBeNull();
  expect(parseWebhookEvent(Buffer.from('[]'))).toBeNull();
});

test('the bytes of a redemption: fiat by account alone, crypto by account and asset, never executed by Conduit itself', () => {
  const usd = { accountId: 'vac_1', asset: { currency: 'USD', network: null } } as const;
  const usdc = { accountId: 'wlt_1', asset: { currency: 'USDC', network: 'ethereum' } } as const;
  expect(createOrderBody({ quoteOptionId: 'qop_1', source: usd, destination: usdc, reference: 'a:g1' })).toBe(
    '{"quoteOptionId":"qop_1","source":{"type":"virtual_account","id":"vac_1"},' +
      '"destination":{"type":"wallet","id":"wlt_1","asset":{"code":"USDC","chain":"ethereum"}},' +
      '"clientReferenceId":"a:g1","autoExecute":false}',
  );
  const odd = { ...usd, accountId: 'cus_1' };
  expect(() => createOrderBody({ quoteOptionId: 'q', source: odd, destination: usdc, reference: 'a:g1' })).toThrow(
    'cus_1',
  );
});

test('a key is kept from the host that it is not for', () => {
  const live = `ck_live_${'0'.repeat(64)}`;
  const sandbox = `ck_sandbox_${'0'.repeat(64)}`;
  const check = (url: string, key: string) => () => assertKeyFitsHost(url, key);
  expect(check('https://api.conduit.financial/v2', live)).not.toThrow();
  expect(check('https://api.sandbox.conduit.financial/v2', sandbox)).not.toThrow();
  expect(check('https://API.conduit.financial./v2', sandbox)).toThrow('ck_live_');
  expect(check('https://api.sandbox.conduit.financial/v2', live)).toThrow('ck_sandbox_');
  expect(check('http://api.conduit.financial/v2', live)).toThrow('https');
  for (const key of [live, sandbox]) expect(check('http://127.0.0.1:8090/v2', key)).not.toThrow();
  expect(check('https://api.conduit.financial/v2', sandbox)).toThrow(/^(?!.*0{64})/);
});
