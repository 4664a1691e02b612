import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createSecureServer, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { connectDatabase, inTransaction, isUsable } from '../../../src/db/client.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startDoor } from './door.ts';
import { CERT, KEY } from './localhost-certificate.ts';

jest.setTimeout(60_000);

const PROGRAM = fileURLToPath(new URL('./driver-load.ts', import.meta.url));

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('a process outlives the end of all its connections under load, again and again, and works at once when it is over', async () => {
  const admin = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 1 });
  const child = spawn(process.execPath, [PROGRAM, database.url, '4'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = [text(child.stdout), text(child.stderr)];
  const exited = once(child, 'exit');
  let ended = 0;
  const until = Date.now() + 3_000;
  while (Date.now() < until && child.exitCode === null) {
    const rows = await admin`
      select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'driver-load' and datname = current_database()`;
    ended += rows.length;
    await sleep(50);
  }
  const [code] = await exited;
  await admin.end();
  expect({ code, errors: await errors }).toEqual({ code: 0, errors: '' });
  const counts = JSON.parse(await output) as { done: number; unavailable: number; other: number; afterMs: number };
  expect(ended).toBeGreaterThan(10);
  expect(counts.done).toBeGreaterThan(20);
  expect(counts.other).toBe(0);
  // A slot that has gone mute costs the connect time-out, three seconds.
  expect(counts.afterMs).toBeLessThan(2_500);
});

test('a connection lost while the driver learns its types is an error of the query or none, and nobody hangs', async () => {
  const door = await startDoor(database.url, {
    passes: (bytes, number) => (number <= 2 && bytes.includes('typarray') ? 'reset' : bytes),
  });
  const db = connectDatabase({ url: door.url, applicationName: 'test', maxConnections: 1 });
  const work = inTransaction(db, async (tx) => tx`select 1 as one`).catch(() => 'refused');
  expect(await Promise.race([work, sleep(10_000, 'hangs', { ref: false })])).not.toBe('hangs');
  expect(await db`select 1 as one`.catch(() => 'refused')).not.toBe('hangs');
  expect(await db`select 1 as one`).toEqual([{ one: 1 }]);
  await db.end({ timeout: 1 });
  door.close();
});

test('a server that goes silent under a statement is away after ten seconds, and the pool is well again', async () => {
  let isSilent = false;
  const door = await startDoor(database.url, { passes: (bytes) => (isSilent ? 'swallow' : bytes) });
  const db = connectDatabase({ url: door.url, applicationName: 'test', maxConnections: 1 });
  expect(await isUsable(db)).toBe(true);
  isSilent = true;
  const startedAt = performance.now();
  await expect(db`select 1`).rejects.toMatchObject({ code: expect.stringMatching(/ETIMEDOUT|CONNECTION_CLOSED/) });
  expect(performance.now() - startedAt).toBeLessThan(12_000);
  isSilent = false;
  // One that was sent to the dying connection is refused as well, at once.
  const next = db`select 1 as one`.catch(() => 'refused');
  expect(await Promise.race([next, sleep(3_000, 'hangs', { ref: false })])).not.toBe('hangs');
  expect(await db`select 1 as one`).toEqual([{ one: 1 }]);
  await db.end({ timeout: 1 });
  door.close();
});

test('under TLS the server is asked for by its name, and one that goes silent is away after ten seconds', async () => {
  let isSilent = false;
  const names: unknown[] = [];
  const target = new URL(database.url);
  const secure = createSecureServer({ cert: CERT, key: KEY }, (near: TLSSocket & { servername?: unknown }) => {
    names.push(near.servername);
    const far = connect(Number(target.port), target.hostname);
    near
      .on('data', (bytes: Buffer) => isSilent || far.write(bytes))
      .on('error', () => {})
      .on('close', () => far.destroy());
    far
      .on('data', (bytes: Buffer) => near.write(bytes))
      .on('error', () => {})
      .on('close', () => near.destroy());
  });
  const server = createServer((near) => {
    near
      .on('error', () => {})
      .once('data', () => {
        near.write('S'); // "Do you speak TLS?" "S": from then on it does.
        secure.emit('connection', near);
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(database.url);
  url.hostname = 'localhost';
  url.port = String((server.address() as AddressInfo).port);
  url.searchParams.set('sslmode', 'require');
  const db = connectDatabase({ url: url.href, applicationName: 'test', maxConnections: 1 });
  expect(await db`select 1 as one`).toEqual([{ one: 1 }]);
  expect(names).toEqual(['localhost']);
  isSilent = true;
  const startedAt = performance.now();
  await expect(db`select 1`).rejects.toMatchObject({ code: expect.stringMatching(/ETIMEDOUT|CONNECTION_CLOSED/) });
  expect(performance.now() - startedAt).toBeLessThan(12_000);
  await db.end({ timeout: 1 });
  server.close();
});

test('a database that is not migrated, or takes no writes, is not usable', async () => {
  const db = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 1 });
  expect(await isUsable(db)).toBe(true);
  await db`set default_transaction_read_only = on`;
  expect(await isUsable(db)).toBe(false);
  await db.end({ timeout: 1 });
  const url = new URL(database.url);
  url.pathname = '/postgres';
  const bare = connectDatabase({ url: url.href, applicationName: 'test', maxConnections: 1 });
  await expect(isUsable(bare)).rejects.toMatchObject({ code: '42P01' });
  await bare.end({ timeout: 1 });
});
