import { afterEach, expect, test } from '@jest/globals';
import {
  type Api,
  idOf,
  matchingSignatures,
  type Received,
  receiver,
  start,
  stopAll,
  until,
  untilStatus,
} from './support.ts';

afterEach(stopAll);

async function register(api: Api, url: string, extra: object = {}) {
  const { status, body } = await api.call('POST', '/webhooks/endpoints', { body: { url, ...extra } });
  expect(status).toBe(201);
  return body as { id: string; secret: string };
}

async function runOrder(api: Api, reference?: string) {
  const { body } = await api.create(reference === undefined ? {} : { reference });
  await api.execute(body.id);
  return untilStatus(api, body.id, 'succeeded');
}

function types(received: Received[]): string[] {
  return received.map(({ event }) => event.type);
}

const HAPPY = ['order.created', 'transaction.created', 'transaction.completed', 'order.succeeded'];

test('a happy order tells its story in sequence, each event signed over its raw bytes with the whole secret', async () => {
  const { api } = await start();
  const hook = await receiver();
  const { secret } = await register(api, hook.url);
  expect(secret).toMatch(/^whsec_[0-9a-f]{64}$/);
  const order = await runOrder(api, 'story:g1');
  await until(() => hook.received.length === 4);
  expect(types(hook.received)).toEqual(HAPPY);
  for (const one of hook.received) {
    expect(matchingSignatures(one, secret)).toBe(1);
    expect(matchingSignatures(one, secret.slice('whsec_'.length))).toBe(0);
    expect(one.event).toMatchObject({
      mode: 'sandbox',
      apiVersion: '2',
      id: expect.stringMatching(/^evt_[0-9A-Za-z]{22}$/),
    });
    expect(one.headers['x-conduit-event']).toBe(one.event.type);
    expect(one.headers['x-conduit-delivery-id']).toMatch(/^wdl_/);
  }
  expect(hook.received[3]?.event.data).toEqual({ orderId: order.id, customerId: null, clientReferenceId: 'story:g1' });
  expect(hook.received[1]?.event.data.transactionId).toBe(order.linkedTransactionIds[0]);
});

test('a failure carries its reason and a cancel its own', async () => {
  const { api, control } = await start();
  const hook = await receiver();
  await register(api, hook.url, {
    subscription: { mode: 'selected', eventTypes: ['order.failed', 'order.cancelled'] },
  });
  const failing = (await api.create()).body;
  await control.failOrder(failing.id, { code: 'provider_rejected', message: 'no' });
  await api.execute(failing.id);
  await api.cancel((await api.create()).body.id);
  await until(() => hook.received.length === 2);
  const data = Object.fromEntries(hook.received.map(({ event }) => [event.type, event.data]));
  expect(data['order.failed']).toMatchObject({ reasonCode: 'provider_rejected', failureMessage: 'no' });
  expect(data['order.cancelled']).toMatchObject({ cancellationReason: 'client_cancelled' });
});

test('a delivery is tried five times on its schedule and then given up; a retry by hand is one more', async () => {
  const { api, control } = await start({
    timeScale: 100,
    knobs: { settlementHeld: true, webhookRetryMs: [0, 500, 1_000, 2_000, 4_000] },
  });
  const hook = await receiver(() => 500);
  await register(api, hook.url);
  await api.create();
  const delivery = await until(async () => (await control.deliveries()).find(({ status }) => status === 'failed'));
  expect(hook.received).toHaveLength(5);
  expect(new Set(hook.received.map(({ event }) => event.id)).size).toBe(1);
  const tries = delivery.log.map(({ at }) => Date.parse(at));
  expect((tries[4] ?? 0) - (tries[0] ?? 0)).toBeGreaterThanOrEqual(74);
  expect((await api.call('POST', `/webhooks/deliveries/${delivery.id}/retry`)).status).toBe(202);
  await until(() => hook.received.length === 6);
});

test('a failed try is followed by a good one, with a fresh signature', async () => {
  const { api, control } = await start({ timeScale: 100, knobs: { settlementHeld: true } });
  const hook = await receiver((_, count) => (count === 1 ? 503 : 200));
  const { secret } = await register(api, hook.url);
  await api.create();
  await until(async () => (await control.deliveries()).find(({ status }) => status === 'succeeded'));
  expect(hook.received.map((one) => matchingSignatures(one, secret))).toEqual([1, 1]);
});

test('after a rotation both secrets sign until the grace is over', async () => {
  const { api, control } = await start();
  const hook = await receiver();
  const { id, secret } = await register(api, hook.url);
  const rotated = (await api.call('POST', `/webhooks/endpoints/${id}/rotate`, { key: 'rotate-1' })).body;
  expect(rotated.secret).not.toBe(secret);
  await api.create();
  const [both] = await until(() => hook.received.length === 1 && hook.received);
  expect(both && [matchingSignatures(both, secret), matchingSignatures(both, rotated.secret)]).toEqual([1, 1]);
  await control.setClock(25 * 3_600_000);
  await api.create();
  await until(() => hook.received.length >= 2);
  const last = hook.received.at(-1);
  expect(last && [matchingSignatures(last, secret), matchingSignatures(last, rotated.secret)]).toEqual([0, 1]);
});

test('an endpoint shows its secret once, and can be changed and deleted', async () => {
  const { api } = await start();
  const hook = await receiver();
  const { id } = await register(api, 'http://127.0.0.1:9/old');
  expect((await api.call('GET', `/webhooks/endpoints/${id}`)).body).not.toHaveProperty('secret');
  await api.call('PATCH', `/webhooks/endpoints/${id}`, { body: { url: hook.url } });
  await api.create();
  await until(() => hook.received.length === 1);
  expect((await api.call('DELETE', `/webhooks/endpoints/${id}`)).status).toBe(204);
  expect((await api.call('GET', '/webhooks/endpoints')).body.data).toEqual([]);
  await api.create();
  expect((await api.call('GET', '/webhooks/event-types')).body.data).toContain('order.succeeded');
  expect(hook.received).toHaveLength(1);
});

const PRIVATE =
  'localhost api 127.0.0.1 0x7f.1 10.0.0.1 172.31.9.9 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 printer.local';
const PRIVATE_URLS = [...PRIVATE.split(' '), '[::1]', '[::ffff:10.0.0.1]', '[fd12::1]', '[fe80::1]'].map(
  (host) => `https://${host}/hook`,
);

test('an endpoint is HTTPS to a public host; plain HTTP, to this machine too, needs a flag', async () => {
  const [strict, lenient] = [(await start({ allowHttpWebhooks: false })).api, (await start()).api];
  const answers = (api: Api, urls: string[]) =>
    Promise.all(urls.map(async (url) => (await api.call('POST', '/webhooks/endpoints', { body: { url } })).status));
  const plain = ['http://127.0.0.1:9/hook', 'http://localhost/hook', 'http://api:8080/hook', 'http://example.com/hook'];
  expect(new Set(await answers(strict, plain))).toEqual(new Set([400]));
  expect(new Set(await answers(lenient, plain))).toEqual(new Set([201]));
  for (const api of [strict, lenient]) {
    expect(new Set(await answers(api, [...PRIVATE_URLS, 'ftp://example.com/', 'nonsense']))).toEqual(new Set([400]));
    expect(await answers(api, ['https://example.com/hook', 'https://172.32.0.1/', 'https://[2a00::1]/'])).toEqual([
      201, 201, 201,
    ]);
  }
  const { body } = await register(strict, 'https://example.com/a').then(({ id }) =>
    strict.call('PATCH', `/webhooks/endpoints/${id}`, { body: { url: 'http://127.0.0.1/' } }),
  );
  expect(body.errors[0].pointer).toBe('/url');
});

test('an endpoint may ask for the event types that there are, and for no other', async () => {
  const { api } = await start();
  const select = (...eventTypes: string[]) =>
    api.call('POST', '/webhooks/endpoints', {
      body: { url: 'https://example.com/hook', subscription: { mode: 'selected', eventTypes } },
    });
  expect((await select('order.failed', 'transaction.quorum_met', 'rfi.created')).status).toBe(201);
  const { status, body } = await select('order.failed', 'order.expired');
  expect([status, body.errors[0].pointer]).toEqual([400, '/subscription/eventTypes/1']);
  expect(body.errors[0].allowedValues).toContain('order.cancelled');
  for (const type of ['payout.created', 'transaction.settled', 'quote.created', '']) {
    expect((await select(type)).status).toBe(400);
  }
});

test('an endpoint may come with the start', async () => {
  const hook = await receiver();
  const secret = `whsec_${'d4'.repeat(32)}`;
  const { api } = await start({ webhook: { url: hook.url, secret } });
  await api.create();
  await until(() => hook.received.length === 1);
  expect(hook.received[0] && matchingSignatures(hook.received[0], secret)).toBe(1);
});

test('events can be duplicated, withheld, delayed and reordered', async () => {
  const { api, control } = await start();
  const hook = await receiver();
  await register(api, hook.url);
  await control.armFault(
    { match: { operation: 'webhook', eventType: 'order.created' }, action: { webhook: { copies: 3 } } },
    { match: { operation: 'webhook', eventType: 'transaction.created' }, action: { webhook: { never: true } } },
    { match: { operation: 'webhook', eventType: 'transaction.completed' }, action: { webhook: { reorder: true } } },
  );
  await runOrder(api);
  await until(() => hook.received.length === 5);
  expect(types(hook.received)).toEqual([...Array(3).fill('order.created'), 'order.succeeded', 'transaction.completed']);
  expect(new Set(hook.received.slice(0, 3).map(({ event }) => event.id)).size).toBe(1);
  const ledger = await until(async () => {
    const facts = await control.ledger({ event: ['webhook.emitted', 'delivery.ended'] });
    return facts.filter(({ event }) => event === 'delivery.ended').length === 4 && facts;
  });
  const swallowed = ledger.flatMap((fact) =>
    fact.event === 'delivery.ended' && fact.swallowed ? [fact.deliveryId] : [],
  );
  const told = ledger.filter(
    (fact) => fact.event === 'webhook.emitted' && swallowed.includes(fact.deliveries[0]?.id ?? ''),
  );
  expect(told).toMatchObject([{ message: { type: 'transaction.created' } }]);

  await control.armFault({
    match: { operation: 'webhook', eventType: 'order.created', reference: 'late:*' },
    action: { webhook: { delayMs: 150 } },
  });
  await runOrder(api, 'late:g1');
  await until(() => hook.received.length === 9);
  expect(types(hook.received).at(-1)).toBe('order.created');
});

test('a forged copy goes ahead of the true event and fits no secret; a skewed one fits', async () => {
  const { api, control } = await start({ knobs: { settlementHeld: true } });
  const hook = await receiver();
  const { secret } = await register(api, hook.url);
  for (const forge of ['wrong_secret', 'altered_body', 'no_signature'] as const) {
    hook.received.length = 0;
    await control.armFault({ match: { operation: 'webhook' }, action: { webhook: { forge } } });
    await api.create();
    await until(() => hook.received.length === 2);
    expect(hook.received.map((one) => matchingSignatures(one, secret))).toEqual([0, 1]);
    expect(hook.received[0]?.event.id).not.toBe(hook.received[1]?.event.id);
  }
  const sent = await control.sendWebhook({
    type: 'order.succeeded',
    data: { orderId: idOf('ord', 'x') },
    skewSeconds: -301,
  });
  expect(sent).toEqual({ status: 200 });
  const skewed = hook.received.at(-1);
  const t = Number(/t=(\d+)/.exec(skewed?.headers['x-conduit-signature'] ?? '')?.[1]);
  expect(Math.round(Date.now() / 1000) - t).toBeGreaterThanOrEqual(300);
  expect(skewed && matchingSignatures(skewed, secret)).toBe(1);
});

test('a receiver that does not answer is given up on after the timeout', async () => {
  const { api, control } = await start({ knobs: { webhookTimeoutMs: 80, webhookRetryMs: [0], settlementHeld: true } });
  await register(api, 'http://127.0.0.1:1/closed');
  await api.create();
  const delivery = await until(async () => (await control.deliveries()).find(({ status }) => status === 'failed'));
  expect(delivery.log[0]?.error).toBeDefined();
});
