import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { eventually } from '../../support/eventually.ts';
import { testRedisUrl } from '../../support/redis.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { takeTo } from './states.ts';
import {
  addTestUser,
  countRows,
  orderBody,
  startTestBed,
  type TestApi,
  type TestBed,
  type TestUser,
} from './support.ts';

// Processes start in here, each of which takes a second on a busy machine.
jest.setTimeout(30_000);

let bed: TestBed;
let user: TestUser;
/** Past every proxy. */
let direct: Database;
const proxies: TcpProxy[] = [];

beforeAll(async () => {
  bed = await startTestBed();
  direct = connectDatabase({ url: bed.database.url, applicationName: 'test', maxConnections: 2 });
  user = await addTestUser(direct);
});
afterAll(async () => {
  await direct.end();
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await bed.stop();
});

async function through(url: string): Promise<{ proxy: TcpProxy; url: string }> {
  const behind = new URL(url);
  const proxy = await startTcpProxy(`${behind.hostname}:${behind.port}`);
  proxies.push(proxy);
  behind.host = proxy.address;
  return { proxy, url: behind.href };
}

const create = (api: TestApi, body = orderBody(user.id)) => api.request('POST', '/orders', { key: user.key, body });
const show = (api: TestApi, id: string) => api.request('GET', `/orders/${id}`, { key: user.key });
const cancel = (api: TestApi, id: string) => api.request('POST', `/orders/${id}/cancel`, { key: user.key });

async function timed<T>(work: Promise<T>): Promise<{ result: T; ms: number }> {
  const startedAt = performance.now();
  return { result: await work, ms: performance.now() - startedAt };
}

test('while PostgreSQL is down everything is 503 with Retry-After, soon; when it is back all goes on', async () => {
  const { proxy, url } = await through(bed.database.url);
  const api = await bed.startApi({ databaseUrl: url });
  const { body: order } = await create(api);
  const before = await countRows(direct);
  await proxy.cut();
  const body = orderBody(user.id);
  for (let round = 0; round < 3; round += 1) {
    for (const request of [
      () => create(api, body),
      () => show(api, order.order_id),
      () => cancel(api, order.order_id),
    ]) {
      const { result, ms } = await timed(request());
      expect({ status: result.status, code: result.body.code }).toEqual({ status: 503, code: 'storage_unavailable' });
      expect(Number(result.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(ms).toBeLessThan(3_000);
    }
  }
  expect((await api.request('GET', '/health/ready')).status).toBe(503);
  expect((await api.request('GET', '/health/live')).status).toBe(200);
  expect(await countRows(direct)).toEqual(before);

  await proxy.heal();
  await eventually(
    'the API to be ready',
    async () => (await api.request('GET', '/health/ready')).status === 200,
    5_000,
  );
  expect((await create(api, body)).status).toBe(201);
  expect((await show(api, order.order_id)).status).toBe(200);
});

test('however long PostgreSQL has been away, an answer comes soon', async () => {
  const { proxy, url } = await through(bed.database.url);
  const api = await bed.startApi({ databaseUrl: url, maxConnections: 1 });
  await proxy.cut();
  for (let count = 0; count < 12; count += 1) {
    const { result, ms } = await timed(create(api));
    expect(result.status).toBe(503);
    expect(ms).toBeLessThan(1_500);
  }
});

test('a create whose commit was not heard of is 503, and its repeat finds the order', async () => {
  // The commit itself takes a second here, so that the connection can be cut in the midst of it.
  await direct.unsafe(`
    create function slow_commit() returns trigger language plpgsql as
      'begin if new.amount = 31.415926 then perform pg_sleep(1); end if; return null; end';
    create constraint trigger slow_commit after insert on orders deferrable initially deferred
      for each row execute function slow_commit();`);
  const { proxy, url } = await through(bed.database.url);
  const api = await bed.startApi({ databaseUrl: url });
  const body = orderBody(user.id, { amount: '31.415926' });
  const reply = create(api, body);
  await eventually(
    'the commit to begin',
    async () =>
      (await direct`select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`)
        .length > 0,
    5_000,
  );
  await proxy.cut();
  const { status, headers, body: problem } = await reply;
  expect({ status, code: problem.code }).toEqual({ status: 503, code: 'storage_unavailable' });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  await proxy.heal();

  const idempotencyKey = String(body['idempotency_key']);
  const [order] = await eventually('the commit to be through', async () => {
    const rows = await direct<
      { orderId: string }[]
    >`select order_id from orders where idempotency_key = ${idempotencyKey}`;
    return rows.length === 1 ? rows : null;
  });
  expect(await create(api, body)).toMatchObject({ status: 200, body: { order_id: order?.orderId } });
  const [row] =
    await direct`select count(*)::int as messages from outbox where payload ->> 'order_id' = ${order?.orderId ?? ''}`;
  expect(row?.['messages']).toBe(1);
});

test('while Redis is down create, read, cancel and repeat work', async () => {
  const { proxy, url } = await through(testRedisUrl());
  const api = await bed.startApi({ redisUrl: url });
  const seen = await create(api);
  await proxy.cut();
  const body = orderBody(user.id);
  const { body: order, status } = await create(api, body);
  expect(status).toBe(201);
  expect(await create(api, body)).toMatchObject({ status: 200, body: { order_id: order.order_id } });
  expect(await show(api, seen.body.order_id)).toMatchObject({ status: 200, body: { status: 'accepted' } });
  expect(await cancel(api, order.order_id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  expect(await show(api, order.order_id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  expect((await api.request('GET', '/health/ready')).status).toBe(200);

  await proxy.heal();
  await eventually(
    'the cache to be in use again',
    async () => {
      await show(api, seen.body.order_id);
      return (await api.orderCache.read(seen.body.order_id)) !== null;
    },
    10_000,
  );
});

test('a cancel that was confirmed while Redis was down is not contradicted by what Redis kept', async () => {
  const { proxy, url } = await through(testRedisUrl());
  const api = await bed.startApi({ redisUrl: url });
  const { body: order } = await create(api);
  const id: string = order.order_id;
  await takeTo(direct, id, 'watching');
  await eventually('the cache to hold it', async () => {
    await api.orderCache.refresh(id);
    return (await api.orderCache.read(id))?.status === 'watching';
  });
  await proxy.cut();
  expect(await cancel(api, id)).toMatchObject({ status: 200, body: { status: 'cancelled', version: 3 } });
  await proxy.heal();
  await eventually('Redis to be asked again', async () => (await api.orderCache.read(id)) !== null, 10_000);
  expect(await show(api, id)).toMatchObject({ status: 200, body: { status: 'cancelled', version: 3 } });
});

test('a Redis that hangs costs a few time-outs, and then nothing', async () => {
  const proxy = await startMutableProxy(testRedisUrl());
  const api = await bed.startApi({ redisUrl: proxy.url });
  const { body: order } = await create(api);
  await eventually('the cache to be in use', async () => {
    await show(api, order.order_id);
    return (await api.orderCache.read(order.order_id)) !== null;
  });
  proxy.mute();
  const reads: number[] = [];
  for (let count = 0; count < 20; count += 1) {
    const { result, ms } = await timed(show(api, order.order_id));
    expect(result.status).toBe(200);
    reads.push(ms);
  }
  const waited = reads.filter((ms) => ms > 90);
  expect(waited.length).toBeGreaterThan(0);
  expect(waited.length).toBeLessThan(6);
  expect(Math.max(...reads)).toBeLessThan(1_000);
  await proxy.close();
});

test('a request that a dependency hangs is answered 503 at its deadline, and what comes later is dropped', async () => {
  const api = await bed.startApi({ answerDeadlineMs: 300 });
  let release = () => {};
  api.conduit.hold = new Promise((resolve) => {
    release = resolve;
  });
  const body = orderBody(user.id);
  const { status, headers, body: problem } = await create(api, body);
  expect({ status, code: problem.code }).toEqual({ status: 503, code: 'storage_unavailable' });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  release();
  await eventually('the late order', async () => (await create(api, body)).status === 200);
});

test('a client that does not send its body in time is told so, and the connection ends', async () => {
  const api = await bed.startApi({ answerDeadlineMs: 300 });
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  const head = [
    'POST /orders HTTP/1.1',
    'Host: a',
    `Authorization: Bearer ${user.key}`,
    'Content-Type: application/json',
  ];
  socket.write(`${[...head, 'Content-Length: 100'].join('\r\n')}\r\n\r\n{"am`);
  const said = (await socket.setEncoding('utf8').toArray()).join('');
  expect(said).toMatch(/^HTTP\/1\.1 408 /);
  expect(said).toMatch(/\r\nConnection: close\r\n/i);
  expect(said).toContain('"code":"request_timeout"');
});

test('FLUSHALL costs nothing but a read of the row', async () => {
  const api = await bed.startApi();
  const { body: order } = await create(api);
  await api.redis.run(null, (redis) => redis.flushdb());
  expect(await show(api, order.order_id)).toMatchObject({ status: 200, body: { order_id: order.order_id } });
});

test('while Conduit is down reads and cancels work', async () => {
  const api = await bed.startApi();
  const { body: order } = await create(api);
  api.conduit.reply = { kind: 'unavailable', code: 'TIMEOUT' };
  expect((await create(api, orderBody(user.id, { amount: '5000.00' }))).status).toBe(503);
  expect((await show(api, order.order_id)).status).toBe(200);
  expect(await cancel(api, order.order_id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
});

/** A way to a server that can be made to swallow everything, as a server that hangs. */
async function startMutableProxy(target: string) {
  const url = new URL(target);
  const { hostname, port } = url;
  const sockets = new Set<Socket>();
  let isMute = false;
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port) });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
      socket.on('data', (bytes) => {
        if (!isMute) other.write(bytes);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return {
    url: url.href,
    mute() {
      isMute = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
