import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { headerOf, readReplies, requestBytes, shoot } from '../../../chaos/security/raw-http.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nhi';

test('replies are read whole, one after another, with every header', () => {
  const { replies, rest } = readReplies(`HTTP/1.1 100 Continue\r\n\r\n${OK}${OK}HTTP/1.1 4`);
  expect(replies.map(({ status, body }) => [status, body])).toEqual([
    [200, 'hi'],
    [200, 'hi'],
  ]);
  expect(replies[0]?.text).toBe(OK);
  expect(replies[0]?.headers.filter(([name]) => name === 'x-a')).toHaveLength(2);
  expect(headerOf(replies[0]?.headers ?? [], 'x-a')).toBe('1');
  expect(rest).toBe('HTTP/1.1 4');
});

test('what is not there whole is no reply yet', () => {
  expect(readReplies(OK.slice(0, -1)).replies).toEqual([]);
  expect(readReplies('').replies).toEqual([]);
  expect(readReplies('rubbish\r\n\r\n').replies).toEqual([]);
});

test('a body in chunks is put together, and ends with its last chunk', () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  const { replies, rest } = readReplies(`${head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nmore`);
  expect([replies[0]?.body, rest]).toEqual(['abcde', 'more']);
  expect(readReplies(`${head}3\r\nabc\r\n0\r\n`).replies).toEqual([]);
});

test('the reply to HEAD has the length of a body and none', () => {
  expect(readReplies('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n', true).replies).toMatchObject([{ body: '' }]);
});

test('a request has what it needs, and nothing twice that was given', () => {
  const text = (...args: Parameters<typeof requestBytes>) => requestBytes(...args).toString('latin1');
  expect(text('POST', '/a', [['X', 'y']], 'é')).toBe(
    'POST /a HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\nContent-Length: 2\r\nX: y\r\n\r\n\u00c3\u00a9',
  );
  expect(
    text('GET', '/', [
      ['host', 'b'],
      ['connection', 'x'],
    ]),
  ).toBe('GET / HTTP/1.1\r\nhost: b\r\nconnection: x\r\n\r\n');
  expect(text('POST', '/', [['Content-Length', '9']], 'a')).not.toContain('Content-Length: 1');
});

async function withServer(answer: (socket: Socket) => void, work: (url: string) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    answer(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    await work(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

test('a shot hears an answer, an end without one, and silence', async () => {
  const shot = [Buffer.from('x')];
  await withServer(
    (socket) => void socket.once('data', () => socket.write(OK)),
    async (url) =>
      expect(await shoot(url, shot, { deadlineMs: 5_000 })).toMatchObject({
        isSilent: false,
        replies: [{ status: 200 }],
      }),
  );
  await withServer(
    (socket) => void socket.once('data', () => socket.end('HTTP')),
    async (url) =>
      expect(await shoot(url, shot, { deadlineMs: 5_000 })).toMatchObject({
        isSilent: false,
        replies: [],
        rest: 'HTTP',
      }),
  );
  await withServer(
    () => {},
    async (url) => expect(await shoot(url, shot, { deadlineMs: 30 })).toMatchObject({ isSilent: true, replies: [] }),
  );
});
