import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { loadOrderSnapshot, type OrderSnapshot } from '../../../src/db/order-snapshots.ts';
import { testRedisUrl } from '../../support/redis.ts';
import { writeVersion } from '../../support/versions.ts';
import { takeTo } from './states.ts';
import {
  addTestKey,
  addTestUser,
  orderBody,
  startTestBed,
  type TestApi,
  type TestBed,
  type TestUser,
} from './support.ts';

let bed: TestBed;
let api: TestApi;
let user: TestUser;
let redis: Redis;

beforeAll(async () => {
  bed = await startTestBed();
  ({ api } = bed);
  user = await addTestUser(api.db);
  redis = new Redis(testRedisUrl());
});
afterAll(async () => {
  redis.disconnect();
  await bed.stop();
});

async function anOrder(): Promise<string> {
  const { body } = await api.request('POST', '/orders', { key: user.key, body: orderBody(user.id) });
  return body.order_id;
}
const show = (id: string, key = user.key) => api.request('GET', `/orders/${id}`, { key });

async function snapshotOf(id: string): Promise<OrderSnapshot> {
  const snapshot = await loadOrderSnapshot(api.db, id);
  if (!snapshot) throw new Error(`no order ${id}`);
  return snapshot;
}

test('a read shows what Redis holds for thirty seconds, as long as it has the version of the row', async () => {
  const id = await anOrder();
  await api.db`update orders set next_check_at = '2031-01-01T00:00:00Z' where order_id = ${id}`;
  expect((await show(id)).body.next_check_at).not.toBe('2031-01-01T00:00:00.000Z');
  const ttl = await redis.pttl(`order:cache:${id}`);
  expect(ttl).toBeGreaterThan(25_000);
  expect(ttl).toBeLessThanOrEqual(30_000);
});

test('what is not in Redis is read from the row, and kept', async () => {
  const id = await anOrder();
  await redis.del(`order:cache:${id}`);
  expect(await show(id)).toMatchObject({ status: 200, body: { order_id: id, status: 'accepted' } });
  expect(await redis.exists(`order:cache:${id}`)).toBe(1);
});

test('an order that somebody else changed is shown at once, whether or not the cache was told', async () => {
  const id = await anOrder();
  await takeTo(api.db, id, 'watching');
  expect((await show(id)).body).toMatchObject({ status: 'watching', version: 2 });
});

test('the cache never shows an older version after a newer one', async () => {
  const id = await anOrder();
  const versions = [await snapshotOf(id)];
  for (const status of ['watching', 'executing', 'executed'] as const) {
    if (status === 'watching') await takeTo(api.db, id, status);
    else await writeVersion(api.db, { set: api.db`status = status`, where: api.db`order_id = ${id}` });
    versions.push(await snapshotOf(id));
  }
  const late = [...versions, ...versions].sort(() => Math.random() - 0.5);
  let newest = 0;
  for (const snapshot of late) {
    await api.orderCache.write(snapshot);
    newest = Math.max(newest, snapshot.version);
    expect((await api.orderCache.read(id))?.version).toBe(newest);
  }
  await Promise.all([...late, ...late].map((snapshot) => api.orderCache.write(snapshot)));
  expect((await show(id)).body.version).toBe(versions.length);
});

test('rubbish in the cache is not an answer', async () => {
  const id = await anOrder();
  await redis.hset(`order:cache:${id}`, 'order:1', '{"half":');
  expect(await show(id)).toMatchObject({ status: 200, body: { order_id: id } });
  await redis.del(`order:cache:${id}`);
  await redis.set(`order:cache:${id}`, 'of another kind');
  expect(await show(id)).toMatchObject({ status: 200, body: { order_id: id } });
});

test('a cached order is still only its user’s', async () => {
  const id = await anOrder();
  await show(id);
  const other = await addTestUser(api.db);
  expect(await show(id, other.key)).toMatchObject({ status: 404, body: { code: 'order_not_found' } });
});

test('a revoked key is refused from the next request on, whatever is cached', async () => {
  const id = await anOrder();
  const key = await addTestKey(api.db, user.id);
  expect((await show(id, key)).status).toBe(200);
  await api.db`update api_keys set revoked_at = app_now() where prefix = ${key.slice(0, 8)} and user_id = ${user.id}`;
  expect((await show(id, key)).status).toBe(401);
});

test('an executed order shows what was locked and settled, at the decimals of its assets', async () => {
  const id = await anOrder();
  await takeTo(api.db, id, 'executed');
  await api.orderCache.refresh(id);
  expect((await show(id)).body).toMatchObject({
    status: 'executed',
    locked_debit: '20.000000',
    locked_recipient: '18.410000',
    settled_debit: '20.000000',
    settled_recipient: '18.410000',
    all_in_rate: '0.920500000000000000',
    conduit_order_id: `ord_${id.slice(0, 8)}`,
    conduit_transaction_id: expect.stringMatching(/^txn_/),
    next_check_at: null,
    closed_at: expect.stringMatching(/\.\d{3}Z$/),
  });
});

test('events come in pages, in order, with nothing between two pages lost', async () => {
  const id = await anOrder();
  for (let count = 2; count <= 7; count += 1) {
    await writeVersion(api.db, { set: api.db`status = 'watching'`, where: api.db`order_id = ${id}` });
  }
  const numbers: number[] = [];
  let after = 0;
  for (let pages = 0; pages < 10; pages += 1) {
    const { body } = await api.request('GET', `/orders/${id}/events?limit=3&after=${after}`, { key: user.key });
    expect(body.order_id).toBe(id);
    numbers.push(...body.events.map((it: { number: number }) => it.number));
    if (body.next_after === null) break;
    after = body.next_after;
  }
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7]);
  const { body } = await api.request('GET', `/orders/${id}/events`, { key: user.key });
  expect(body.events[0]).toMatchObject({
    number: 1,
    event: 'accepted',
    status: 'accepted',
    actor: 'api',
    attempt: null,
    occurred_at: expect.stringMatching(/\.\d{3}Z$/),
  });
});

test('of an event a customer sees what is theirs, and not who did it or in which words', async () => {
  const id = await anOrder();
  await writeVersion(api.db, { set: api.db`status = 'watching'`, where: api.db`order_id = ${id}` });
  const detail = { by: 'jane', reason: 'their account is gone', rate: '0.92' };
  await api.db`update order_events set detail = ${api.db.json(detail)} where order_id = ${id} and number = 2`;
  const { body } = await api.request('GET', `/orders/${id}/events`, { key: user.key });
  expect(body.events[0].detail).toMatchObject({ quote_id: expect.any(String), quoted_rate: expect.any(String) });
  expect(body.events[1].detail).toEqual({ rate: '0.92' });
});

test('the health pages answer, and every reply carries the request’s id', async () => {
  expect((await api.request('GET', '/health/live')).status).toBe(200);
  expect((await api.request('GET', '/health/ready')).status).toBe(200);
  const headers = { 'x-request-id': 'mine-1' };
  const reply = await api.request('GET', `/orders/${randomUUID()}`, { key: user.key, headers });
  expect([reply.headers.get('x-request-id'), reply.body.request_id]).toEqual(['mine-1', 'mine-1']);
  const strange = await api.request('GET', '/nothing', { headers: { 'x-request-id': 'a b"c' } });
  expect(strange.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('latency is measured by route, not by path', async () => {
  await show(await anOrder());
  const text = await api.metrics.registry.metrics();
  expect(text).toMatch(/http_request_seconds_count\{[^}]*route="\/orders\/:id",method="GET",status="200"/);
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
});
