import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { OrderStatus } from '../../../src/domain/order.ts';
import { addAttempt, takeTo } from './states.ts';
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

beforeAll(async () => {
  bed = await startTestBed();
  ({ api } = bed);
  user = await addTestUser(api.db);
});
afterAll(() => bed.stop());

async function anOrder(status: OrderStatus = 'accepted'): Promise<string> {
  const { body } = await api.request('POST', '/orders', { key: user.key, body: orderBody(user.id) });
  await takeTo(api.db, body.order_id, status);
  return body.order_id;
}
const cancel = (id: string, key: string | null = user.key) => api.request('POST', `/orders/${id}/cancel`, { key });
const eventsOf = async (id: string) => {
  const { body } = await api.request('GET', `/orders/${id}/events`, { key: user.key });
  return body.events.map((it: { event: string }) => it.event);
};
const changesOf = (id: string) =>
  api.db`select payload from outbox where topic = 'order-changes' and payload ->> 'order_id' = ${id}`;

test.each(['accepted', 'watching'] as const)(
  'an order that is %s is cancelled: 200, with its event and its message',
  async (status) => {
    const id = await anOrder(status);
    const { status: code, body } = await cancel(id);
    expect({ code, status: body.status, closed: body.closed_at !== null }).toEqual({
      code: 200,
      status: 'cancelled',
      closed: true,
    });
    expect(await eventsOf(id)).toEqual([...new Set(['accepted', status]), 'cancelled']);
    expect(await changesOf(id)).toEqual([{ payload: { v: 1, order_id: id, version: body.version, actor: 'api' } }]);
  },
);

test('an order with a prepared attempt is cancelled with it', async () => {
  const id = await anOrder('watching');
  await addAttempt(api.db, id, 'prepared');
  expect(await cancel(id)).toMatchObject({ status: 200, body: { status: 'cancelled', all_in_rate: null } });
  const [attempt] = await api.db`select status, closed_by from transactions where order_id = ${id}`;
  expect(attempt).toEqual({ status: 'cancelled', closedBy: 'fence' });
});

test('an order that is executing is too late to cancel: 409, and the refusal is kept', async () => {
  const id = await anOrder('executing');
  for (let count = 0; count < 2; count += 1) {
    const { status, headers, body } = await cancel(id);
    expect({ status, code: body.code, order: body.order_status }).toEqual({
      status: 409,
      code: 'too_late',
      order: 'executing',
    });
    expect(headers.get('content-type')).toContain('application/problem+json');
  }
  const { body } = await api.request('GET', `/orders/${id}`, { key: user.key });
  expect(body).toMatchObject({ status: 'executing', cancel_refused_at: expect.stringMatching(/Z$/) });
  expect(await changesOf(id)).toHaveLength(1);
});

test('a refused cancel brings the next look-up forward, and makes none that is overdue look as if it were due just now', async () => {
  const lookup = async (at: string, id: string) => {
    await api.db`update transactions set next_lookup_at = app_now() + ${at}::interval where order_id = ${id}`;
    expect((await cancel(id)).body.code).toBe('too_late');
    const [row] = await api.db<{ inSeconds: number }[]>`
      select extract(epoch from next_lookup_at - app_now())::float8 as in_seconds from transactions where order_id = ${id}`;
    return row?.inSeconds ?? Number.NaN;
  };
  const id = await anOrder('executing');
  expect(await lookup('-1 hour', id)).toBeLessThan(-3_500);
  const soon = await lookup('1 hour', id);
  expect(soon).toBeLessThanOrEqual(0);
  expect(soon).toBeGreaterThan(-60);
});

test('an order that is cancelled already is answered 200 again', async () => {
  const id = await anOrder();
  const first = await cancel(id);
  expect(await cancel(id)).toMatchObject({ status: 200, body: { status: 'cancelled', version: first.body.version } });
});

test.each(['executed', 'expired', 'failed'] as const)(
  'an order that has ended %s stays so: 409 already_terminal',
  async (status) => {
    const id = await anOrder(status);
    expect(await cancel(id)).toMatchObject({ status: 409, body: { code: 'already_terminal', order_status: status } });
  },
);

test('ten cancels of one order at once agree, and it is counted once', async () => {
  const alone = await bed.startApi();
  const id = await anOrder('watching');
  const replies = await Promise.all(
    Array.from({ length: 10 }, () => alone.request('POST', `/orders/${id}/cancel`, { key: user.key })),
  );
  expect(replies.map(({ status, body }) => [status, body.status, body.version])).toEqual(
    Array(10).fill([200, 'cancelled', replies[0]?.body.version]),
  );
  expect(await eventsOf(id)).toEqual(['accepted', 'watching', 'cancelled']);
  expect(await changesOf(id)).toHaveLength(1);
  expect(await alone.metrics.registry.metrics()).toMatch(/^orders_total\{outcome="cancelled",service="api"\} 1$/m);
});

test('a cancel that waits too long for the order’s lock is 503 with Retry-After, and changes nothing', async () => {
  const id = await anOrder('watching');
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isLocked = () => {};
  const locked = new Promise<void>((resolve) => {
    isLocked = resolve;
  });
  const holder = api.db.begin(async (tx) => {
    await tx`set local idle_in_transaction_session_timeout = 0`;
    await tx`select 1 from orders where order_id = ${id} for update`;
    isLocked();
    await held;
  });
  await locked;
  const { status, headers, body } = await cancel(id);
  release();
  await holder;
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'storage_unavailable' });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await cancel(id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
});

test('another user’s order and an unknown one get the same 404, and are not touched', async () => {
  const id = await anOrder();
  const other = await addTestUser(api.db);
  for (const [method, path] of [
    ['POST', '/cancel'],
    ['GET', ''],
    ['GET', '/events'],
  ] as const) {
    const theirs = await api.request(method, `/orders/${id}${path}`, { key: other.key });
    const unknown = await api.request(method, `/orders/${randomUUID()}${path}`, { key: other.key });
    const { request_id: _a, ...problem } = theirs.body;
    const { request_id: _b, ...same } = unknown.body;
    expect({ status: theirs.status, code: problem.code }).toEqual({ status: 404, code: 'order_not_found' });
    expect(problem).toEqual(same);
  }
  expect(await api.request('GET', `/orders/${id}`, { key: user.key })).toMatchObject({ body: { status: 'accepted' } });
  const service = await addTestKey(api.db, null);
  expect(await cancel(id, service)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
});

test('a cancel without a key is 401', async () => {
  expect(await cancel(await anOrder(), null)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
});
