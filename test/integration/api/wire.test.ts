import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import express from 'express';
import { createApiServer } from '../../../src/api/server.ts';
import { startTestBed, type TestBed } from './support.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed.stop());

/** Everything that the server says until it hangs up, or has said `until`. */
async function say(url: string, text: string, until?: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let heard = '';
  socket.on('data', (bytes: Buffer) => {
    heard += bytes.toString();
    if (until !== undefined && heard.includes(until)) socket.destroy();
  });
  socket.on('error', () => {});
  socket.write(text);
  await once(socket, 'close');
  return heard;
}

/** The one reply in what was heard. */
function replyOf(heard: string) {
  const [head = '', body = ''] = heard.split('\r\n\r\n');
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1];
  return { status: Number(head.split(' ')[1]), header, body: body.startsWith('{') ? JSON.parse(body) : body };
}

const HEAD = 'Host: api.test\r\nConnection: close\r\n';

test.each([
  [
    'headers over 16 kB',
    `GET /orders HTTP/1.1\r\n${HEAD}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  ['a path over 16 kB', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n${HEAD}\r\n`, 431, 'headers_too_large'],
  [
    'an expectation',
    `POST /orders HTTP/1.1\r\n${HEAD}Expect: money\r\nContent-Length: 0\r\n\r\n`,
    417,
    'expectation_failed',
  ],
  ['no HTTP', 'hello\r\n\r\n', 400, 'validation_failed'],
  ['a method that nobody knows', `GRAB / HTTP/1.1\r\n${HEAD}\r\n`, 400, 'validation_failed'],
  ['a header without a name', `GET / HTTP/1.1\r\n${HEAD}: x\r\n\r\n`, 400, 'validation_failed'],
  ['no host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'validation_failed'],
  ['an address that is none', `GET http://[ HTTP/1.1\r\n${HEAD}\r\n`, 400, 'validation_failed'],
  ['an address without an end', `GET http://[::1/orders HTTP/1.1\r\n${HEAD}\r\n`, 400, 'validation_failed'],
  [
    'two lengths',
    `POST /orders HTTP/1.1\r\n${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    400,
    'validation_failed',
  ],
  [
    'a body in chunks that are none',
    `POST /orders HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
    400,
    'validation_failed',
  ],
  ['the server itself', `OPTIONS * HTTP/1.1\r\n${HEAD}\r\n`, 404, 'route_not_found'],
] as const)('%s is answered by a problem', async (_what, text, status, code) => {
  const reply = replyOf(await say(bed.api.url, text));
  expect(reply).toMatchObject({
    status,
    body: {
      status,
      code,
      type: `urn:conduitpay:problem:${code}`,
      title: expect.any(String),
      detail: expect.any(String),
    },
  });
  expect(reply.header('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(reply.body.request_id).toBe(reply.header('x-request-id'));
  expect(reply.header('x-powered-by')).toBeUndefined();
});

test('a client that waits to be told to continue is told', async () => {
  const head = `POST /orders HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`;
  expect(await say(bed.api.url, `${head}{}`)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 400 /);
});

test.each(['/health/live', '/orders'])('%s is answered whatever a client says that it has', async (path) => {
  const reply = replyOf(await say(bed.api.url, `GET ${path} HTTP/1.1\r\n${HEAD}If-None-Match: *\r\n\r\n`));
  expect(reply.status).not.toBe(304);
  expect(reply.body).toBeInstanceOf(Object);
});

test('no page says what it is made with, and each forbids to guess its type', async () => {
  for (const path of ['/health/live', '/health/ready', '/nothing']) {
    const { headers } = await bed.api.request('GET', path);
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
});

async function withServer(server: Server, work: (url: string) => Promise<void>): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    await work(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('rubbish behind a request that still waits for its answer is not answered: the client would take it for that one', async () => {
  const app = express().post('/slow', (_req, res) => {
    res.once('close', () => {});
  });
  await withServer(createApiServer(app), async (url) => {
    expect(await say(url, 'POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nrubbish\r\n\r\n')).toBe('');
  });
  // One that has its answer is done with.
  const quick = express().get('/', (_req, res) => {
    res.json({});
  });
  await withServer(createApiServer(quick), async (url) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.write('rubbish\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(replyOf(bytes.toString())).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    socket.destroy();
  });
});

test('a request that does not come whole in time is 408', async () => {
  const server = createApiServer(express());
  server.once('connection', (socket) => {
    // What Node says when its own timers find it, which look twice a minute.
    const late = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    socket.once('data', () => server.emit('clientError', late, socket));
  });
  await withServer(server, async (url) => {
    expect(replyOf(await say(url, 'GET / HTTP/1.1\r\nHost'))).toMatchObject({
      status: 408,
      body: { code: 'request_timeout' },
    });
  });
});

test('one who is answered before its body has come, and cannot be told, ends nobody but itself', async () => {
  const api = await bed.startApi({ answerDeadlineMs: 300, maxConnections: 1 });
  // The only connection is taken, so that readiness has no answer for two seconds, and what is answered behind it cannot leave.
  const taken = await api.db.reserve();
  const ready = 'GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n';
  const noBody = 'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n';
  const untold = say(api.url, ready + noBody, '415 ');
  // Its deadline is the later one: once it is told, that of the other has passed.
  const late = await say(api.url, `POST /webhooks/conduit HTTP/1.1\r\n${HEAD}Content-Length: 10\r\n\r\n{`);
  expect(replyOf(late)).toMatchObject({ status: 408, body: { code: 'request_timeout' } });
  expect(await untold).toMatch(/^HTTP\/1\.1 503 .*HTTP\/1\.1 415 /s);
  taken.release();
});
