import { createServer as createTcpServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { type Answer, cancel, cleanUp, clientOf, create, execute, json, orderBody, startConduit } from './support.ts';

cleanUp();

const ORDER = JSON.stringify(orderBody());

async function outcomesOf(answer: Answer, options: Parameters<typeof clientOf>[1] = {}) {
  const conduit = await startConduit(answer);
  const { client } = clientOf(conduit.baseUrl, options);
  const { outcome, code, httpStatus, order } = await create(client);
  const others = [(await execute(client)).outcome, (await cancel(client)).outcome];
  return { outcome, code, httpStatus, hasOrder: order !== null, others };
}

const UNKNOWN = { outcome: 'unknown', hasOrder: false, others: ['unknown', 'unknown'] };

test('nobody listens: provably no effect, since no byte could leave', async () => {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const port = typeof address === 'object' ? address?.port : 0;
  const { client, logged } = clientOf(`http://127.0.0.1:${port}/v2`);

  expect(await create(client)).toMatchObject({
    outcome: 'no_effect',
    code: 'NOT_CONNECTED',
    httpStatus: null,
    raw: null,
  });
  expect(await execute(client)).toMatchObject({ outcome: 'no_effect', code: 'NOT_CONNECTED' });
  expect(await client.getOrder('ord_1')).toEqual({ kind: 'unavailable', code: 'NOT_CONNECTED' });
  expect(logged.map(({ fields }) => fields['class'])).toEqual(['no_effect', 'no_effect', 'unavailable']);
});

test('a connection that does not stand in time is no effect: the request is never written', async () => {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  // It accepts, and never answers the TLS handshake.
  const silent = createTcpServer((socket) => {
    sockets.push(socket.on('data', (chunk) => received.push(chunk)).on('error', () => {}));
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const { client } = clientOf(`https://127.0.0.1:${port}/v2`, { connectTimeoutMs: 100 });

  expect(await create(client)).toMatchObject({ outcome: 'no_effect', code: 'NOT_CONNECTED' });
  expect(Buffer.concat(received).includes('POST')).toBe(false);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

test('a server that resets before it has read the body has perhaps acted', async () => {
  const conduit = await startConduit(
    () => {},
    (req) => req.socket.resetAndDestroy(),
  );
  const { client } = clientOf(conduit.baseUrl);
  expect(await create(client)).toMatchObject({ outcome: 'unknown', code: 'CONNECTION_LOST', httpStatus: null });
  expect(await execute(client)).toMatchObject({ outcome: 'unknown', code: 'CONNECTION_LOST' });
  expect(conduit.begun()).toBe(2); // Each send reached it once: nothing was repeated.
});

test('a reset after the request, an orderly close, and one within the reply are unknown', async () => {
  expect(await outcomesOf((_res, req) => req.socket.resetAndDestroy())).toMatchObject({
    ...UNKNOWN,
    code: 'CONNECTION_LOST',
    httpStatus: null,
  });
  expect(await outcomesOf((_res, req) => req.socket.end())).toMatchObject({ ...UNKNOWN, code: 'CONNECTION_LOST' });
  const cut: Answer = (res, req) => {
    res.writeHead(202, { 'content-type': 'application/json', 'content-length': ORDER.length });
    res.write(ORDER.slice(0, 100), () => req.socket.resetAndDestroy());
  };
  expect(await outcomesOf(cut)).toMatchObject({ ...UNKNOWN, code: 'CONNECTION_LOST', httpStatus: 202 });
});

test('a request whose connection breaks is not repeated on another one', async () => {
  const conduit = await startConduit((_res, req) => req.socket.resetAndDestroy());
  const { client } = clientOf(conduit.baseUrl);
  await create(client);
  await client.getOrder('ord_1');
  expect(conduit.seen).toHaveLength(2);
});

test('a deadline that passes with the request under way is unknown, with or without headers', async () => {
  expect(await outcomesOf(() => {}, { timeoutMs: 60 })).toMatchObject({
    ...UNKNOWN,
    code: 'TIMEOUT',
    httpStatus: null,
  });
  const dripping: Answer = (res) => {
    res.writeHead(202, { 'content-type': 'application/json' });
    const timer = setInterval(() => res.write(' '), 20);
    res.on('close', () => clearInterval(timer));
  };
  expect(await outcomesOf(dripping, { timeoutMs: 60 })).toMatchObject({
    ...UNKNOWN,
    code: 'TIMEOUT',
    httpStatus: 202,
  });
});

test('a 2xx that is cut short, is HTML, is empty or is of another type proves nothing', async () => {
  const malformed = { ...UNKNOWN, code: 'MALFORMED_REPLY', httpStatus: 202 };
  const answer =
    (body: string | Buffer, headers: Record<string, string> = {}): Answer =>
    (res) => {
      res.writeHead(202, { 'content-type': 'application/json', ...headers });
      res.end(body);
    };
  expect(await outcomesOf(answer(ORDER.slice(0, -1)))).toMatchObject(malformed);
  expect(await outcomesOf(answer('<html>Accepted</html>'))).toMatchObject(malformed);
  expect(await outcomesOf(answer(ORDER, { 'content-type': 'text/html' }))).toMatchObject(malformed);
  expect(await outcomesOf(answer(ORDER, { 'content-type': 'text/plain' }))).toMatchObject(malformed);
  expect(await outcomesOf(answer(''))).toMatchObject(malformed);
  expect(await outcomesOf(answer('null'))).toMatchObject(malformed);
  expect(await outcomesOf(answer('[]'))).toMatchObject(malformed);
  const notUtf8 = Buffer.from(JSON.stringify(orderBody({ note: 'ÿ' })), 'latin1');
  expect(await outcomesOf(answer(notUtf8))).toMatchObject(malformed);
  expect(await outcomesOf(answer(ORDER, { 'content-encoding': 'br' }))).toMatchObject(malformed);
  expect(await outcomesOf(answer(gzipSync(ORDER).subarray(0, -12), { 'content-encoding': 'gzip' }))).toMatchObject(
    malformed,
  );
});

test('a gateway page proves nothing at any status', async () => {
  for (const status of [403, 404, 429, 502, 503]) {
    const answer: Answer = (res) => res.writeHead(status, { 'content-type': 'text/html' }).end('<html>No</html>');
    expect(await outcomesOf(answer)).toMatchObject({ ...UNKNOWN, code: 'MALFORMED_REPLY', httpStatus: status });
  }
});

test('gzip is read, and so is a reply without a content type', async () => {
  const zipped: Answer = (res) =>
    res.writeHead(202, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(ORDER));
  expect(await outcomesOf(zipped)).toMatchObject({ outcome: 'accepted', hasOrder: true });
  expect(await outcomesOf((res) => res.writeHead(202).end(ORDER))).toMatchObject({ outcome: 'accepted' });
});

test('a reply beyond every bound is given up, packed or not', async () => {
  const huge = JSON.stringify(orderBody({ note: 'x'.repeat(3 * 1024 * 1024) }));
  const plain: Answer = (res) => res.writeHead(202, { 'content-type': 'application/json' }).end(huge);
  expect(await outcomesOf(plain)).toMatchObject({ ...UNKNOWN, code: 'REPLY_TOO_LARGE' });
  const bomb: Answer = (res) =>
    res.writeHead(202, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(huge));
  expect(await outcomesOf(bomb)).toMatchObject({ ...UNKNOWN, code: 'MALFORMED_REPLY' });
});

test('a redirect is not followed and proves nothing', async () => {
  const elsewhere = await startConduit((res) => json(res, 202, orderBody()));
  for (const status of [301, 307]) {
    const answer: Answer = (res) => res.writeHead(status, { location: `${elsewhere.baseUrl}/orders` }).end();
    expect(await outcomesOf(answer)).toMatchObject({ ...UNKNOWN, code: 'REDIRECT', httpStatus: status });
  }
  expect(elsewhere.seen).toEqual([]);
});

test('interim responses are passed over', async () => {
  const hinting: Answer = (res) => {
    res.writeProcessing();
    json(res, 202, orderBody());
  };
  expect(await outcomesOf(hinting)).toMatchObject({ outcome: 'accepted', httpStatus: 202 });
});

test('closing waits for the call under way', async () => {
  const conduit = await startConduit((res) => void setTimeout(() => json(res, 202, orderBody()), 50));
  const { client } = clientOf(conduit.baseUrl);
  const sent = create(client);
  await client.close();
  await client.close();
  expect((await sent).outcome).toBe('accepted');
});
