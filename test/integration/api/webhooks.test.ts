import { createHmac, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { takeTo } from './states.ts';
import {
  addTestUser,
  orderBody,
  startTestBed,
  type TestApi,
  type TestBed,
  type TestUser,
  WEBHOOK_SECRET,
} from './support.ts';

const OLD_SECRET = `whsec_${'f'.repeat(64)}`;
const NOW = Date.now();

let bed: TestBed;
let api: TestApi;
let user: TestUser;

beforeAll(async () => {
  bed = await startTestBed({ webhookSecrets: [OLD_SECRET, WEBHOOK_SECRET], now: () => NOW });
  ({ api } = bed);
  user = await addTestUser(api.db);
});
afterAll(() => bed.stop());

async function anOrder(): Promise<string> {
  const { body } = await api.request('POST', '/orders', { key: user.key, body: orderBody(user.id) });
  return body.order_id;
}

interface Event {
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

const anEvent = (data: Record<string, unknown>, type = 'order.succeeded'): Event & Record<string, unknown> => ({
  id: `evt_${randomUUID().replaceAll('-', '').slice(0, 22)}`,
  type,
  mode: 'sandbox',
  apiVersion: '2',
  createdAt: new Date(NOW).toISOString(),
  data,
});

interface Signing {
  readonly secrets?: readonly string[];
  readonly ageS?: number;
  readonly signature?: string | null;
}

function deliver(body: unknown, { secrets = [WEBHOOK_SECRET], ageS = 0, signature }: Signing = {}, on: TestApi = api) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const t = Math.floor(NOW / 1_000) - ageS;
  const signatures = secrets.map((secret) => `v1=${createHmac('sha256', secret).update(`${t}.${text}`).digest('hex')}`);
  const header = signature === undefined ? [`t=${t}`, ...signatures].join(',') : signature;
  return on.request('POST', '/webhooks/conduit', {
    body: text,
    headers: header === null ? {} : { 'x-conduit-signature': header },
  });
}

const stored = (eventId: string) => api.db`
  select i.type, i.order_id, i.body, (select jsonb_agg(payload) from outbox
    where topic = 'conduit-events' and payload ->> 'event_id' = i.event_id) as messages
  from inbox i where event_id = ${eventId}`;

test('an event of an order of ours is stored with its message before the 200', async () => {
  const id = await anOrder();
  const event = anEvent({ orderId: 'ord_x', clientReferenceId: `${id}:g1` });
  expect((await deliver(event)).status).toBe(200);
  expect(await stored(event.id)).toEqual([
    { type: 'order.succeeded', orderId: id, body: event, messages: [{ v: 1, order_id: id, event_id: event.id }] },
  ]);
});

test('an event that only echoes our own request is stored and wakes nobody', async () => {
  const id = await anOrder();
  const event = anEvent({ orderId: 'ord_x', clientReferenceId: `${id}:g1` }, 'order.created');
  expect((await deliver(event)).status).toBe(200);
  expect(await stored(event.id)).toEqual([{ type: 'order.created', orderId: id, body: event, messages: null }]);
});

test('an event that comes twice, or twenty times at once, is stored and told once', async () => {
  const id = await anOrder();
  const event = anEvent({ clientReferenceId: `${id}:g1` });
  const replies = await Promise.all(Array.from({ length: 20 }, () => deliver(event)));
  replies.push(await deliver(event));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  const rows = await stored(event.id);
  expect(rows).toHaveLength(1);
  expect(rows[0]?.['messages']).toHaveLength(1);
});

test('an event without our reference finds its order by the provider’s ids', async () => {
  const id = await anOrder();
  await takeTo(api.db, id, 'executed');
  const [attempt] =
    await api.db`select conduit_order_id, conduit_transaction_id from transactions where order_id = ${id}`;
  for (const data of [{ orderId: attempt?.['conduitOrderId'] }, { transactionId: attempt?.['conduitTransactionId'] }]) {
    const event = anEvent(data);
    expect((await deliver(event)).status).toBe(200);
    expect(await stored(event.id)).toMatchObject([{ orderId: id, messages: [{ order_id: id }] }]);
  }
});

test('an event of somebody else’s order is stored without an order, and tells nobody', async () => {
  for (const data of [
    { clientReferenceId: `${randomUUID()}:g1` },
    { clientReferenceId: 'payroll-2031' },
    { orderId: 'ord_unknown', transactionId: 'txn_unknown' },
    {},
  ]) {
    const event = anEvent(data);
    expect((await deliver(event)).status).toBe(200);
    expect(await stored(event.id)).toMatchObject([{ orderId: null, messages: null }]);
  }
});

test('while a secret is being rotated either signature will do, and two as well', async () => {
  const id = await anOrder();
  for (const secrets of [
    [OLD_SECRET],
    [WEBHOOK_SECRET],
    [`whsec_${'0'.repeat(64)}`, OLD_SECRET],
    [OLD_SECRET, WEBHOOK_SECRET],
  ]) {
    expect((await deliver(anEvent({ clientReferenceId: `${id}:g1` }), { secrets })).status).toBe(200);
  }
});

test('a forged, unsigned, old or early event is 401 and not stored', async () => {
  const id = await anOrder();
  const event = anEvent({ clientReferenceId: `${id}:g1` });
  const attacks: Signing[] = [
    { secrets: [`whsec_${'1'.repeat(64)}`] },
    { secrets: [''] },
    { signature: null },
    { signature: '' },
    { signature: 'v1=00' },
    { signature: `t=${Math.floor(NOW / 1_000)}` },
    { ageS: 301 },
    { ageS: -301 },
  ];
  for (const attack of attacks) {
    expect(await deliver(event, attack)).toMatchObject({ status: 401, body: { code: 'invalid_signature' } });
  }
  expect(await stored(event.id)).toEqual([]);
  expect((await deliver(event, { ageS: 300 })).status).toBe(200);
});

test('a signature is over the bytes as they came: the same JSON in other bytes is forged', async () => {
  const id = await anOrder();
  const event = anEvent({ clientReferenceId: `${id}:g1` });
  const t = Math.floor(NOW / 1_000);
  const v1 = createHmac('sha256', WEBHOOK_SECRET)
    .update(`${t}.${JSON.stringify(event)}`)
    .digest('hex');
  const reply = await deliver(JSON.stringify(event, null, 1), { signature: `t=${t},v1=${v1}` });
  expect(reply.status).toBe(401);
});

test('a delivery that is compressed is 415, whichever of its bytes were signed', async () => {
  const event = anEvent({});
  const t = Math.floor(NOW / 1_000);
  const bytes = gzipSync(JSON.stringify(event));
  for (const signed of [bytes, Buffer.from(JSON.stringify(event))]) {
    const v1 = createHmac('sha256', WEBHOOK_SECRET).update(`${t}.`).update(signed).digest('hex');
    const reply = await fetch(`${api.url}/webhooks/conduit`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip', 'x-conduit-signature': `t=${t},v1=${v1}` },
      body: bytes,
    });
    expect([reply.status, await reply.json()]).toMatchObject([415, { code: 'unsupported_media_type' }]);
  }
  expect(await stored(event.id)).toEqual([]);
});

test('without a secret every event is refused', async () => {
  const closed = await bed.startApi({ webhookSecrets: [], now: () => NOW });
  expect((await deliver(anEvent({}), { secrets: [''] }, closed)).status).toBe(401);
});

test.each([
  ['no JSON', '{"id":'],
  ['no event', '{"hello":"world"}'],
  ['no text that a database can hold', `{"id":"evt_nul","type":"order.succeeded","data":{"note":"\\u0000"}}`],
  ['half a character', `{"id":"evt_half","type":"order.succeeded","data":{"note":"\\ud800"}}`],
  ['nothing', ''],
  [
    'deeper than anything of theirs',
    `{"id":"evt_deep","type":"order.succeeded","data":{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`,
  ],
])('a signed body that is %s is 400 and not stored', async (_name, body) => {
  const [before] = await api.db`select count(*)::int as count from inbox`;
  const reply = await deliver(body);
  expect(reply.status).toBe(400);
  const [after] = await api.db`select count(*)::int as count from inbox`;
  expect(after).toEqual(before);
});

test('a body over 256 kB is 413, one just below is read', async () => {
  const id = await anOrder();
  const event = anEvent({ clientReferenceId: `${id}:g1` });
  expect((await deliver({ ...event, note: 'x'.repeat(256 * 1024) })).status).toBe(413);
  expect((await deliver({ ...event, note: 'x'.repeat(255 * 1024) })).status).toBe(200);
});

test('a transaction that fails after its order was executed changes nothing, and somebody is told', async () => {
  const alone = await bed.startApi({ now: () => NOW });
  const id = await anOrder();
  await takeTo(alone.db, id, 'executed');
  const alerts = async () =>
    /^alerts_total\{alert="transaction_after_success",service="api"\} (\d+)$/m.exec(
      await alone.metrics.registry.metrics(),
    )?.[1];
  await deliver(anEvent({ clientReferenceId: `${id}:g1` }, 'transaction.completed'), {}, alone);
  expect(await alerts()).toBe('0');
  const event = anEvent({ clientReferenceId: `${id}:g1` }, 'transaction.failed');
  await deliver(event, {}, alone);
  await deliver(event, {}, alone);
  expect(await alerts()).toBe('1');
  const [row] = await alone.db`select status, version from orders where order_id = ${id}`;
  expect(row?.['status']).toBe('executed');
});
