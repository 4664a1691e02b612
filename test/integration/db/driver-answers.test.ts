// What the driver tells its callers is what became of their own statements, also after something went wrong.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { connectDatabase, type Database, inTransaction, isDatabaseUnavailable } from '../../../src/db/client.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startDoor } from './door.ts';

jest.setTimeout(60_000);

let database: TestDatabase;
let admin: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  admin = connectDatabase({ url: database.url, applicationName: 'admin', maxConnections: 1 });
});
afterAll(async () => {
  await admin.end({ timeout: 1 });
  await database.drop();
});

let opened: Database[] = [];
afterEach(async () => {
  await Promise.all(opened.map((db) => db.end({ timeout: 1 })));
  opened = [];
});

function open(maxConnections: number, url = database.url): Database {
  const db = connectDatabase({ url, applicationName: 'test', maxConnections });
  opened.push(db);
  return db;
}

const within = (work: PromiseLike<unknown>, ms: number) =>
  Promise.race([
    Promise.resolve(work).then(
      () => 'answered',
      (error: unknown) => (isDatabaseUnavailable(error) ? 'unavailable' : String(error)),
    ),
    sleep(ms, 'hangs', { ref: false }),
  ]);

test('a transaction that begins behind many statements is one, and what is told outside of it is kept', async () => {
  const db = open(2);
  await db`create table told (who text)`;
  const holds = Array.from({ length: 2 }, () => inTransaction(db, (tx) => tx`select pg_sleep(0.3)`));
  await sleep(100);
  const reads = Array.from({ length: 300 }, (_, n) =>
    db<{ n: number }[]>`select ${n}::int as n`.then(([row]) => row?.n),
  );
  const transaction = inTransaction(db, (tx) => tx`insert into told values ('transaction')`);
  const single = db`insert into told values ('single')`;
  await Promise.all([transaction, single, ...holds]);
  expect(await Promise.all(reads)).toEqual(reads.map((_, n) => n));
  expect(await admin`select who from told order by who`).toEqual([{ who: 'single' }, { who: 'transaction' }]);
});

test.each([
  ['fails in the middle of its rows', async () => {}],
  [
    'loses its connection in the middle of its rows',
    async () => {
      await sleep(500);
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test' and datname = current_database()`;
    },
  ],
])('a statement that %s leaves none of them to the next', async (_, end) => {
  const db = open(1);
  await db`select 1`;
  // 1000 rows of 500 bytes, of which some are here when the 800th divides by zero.
  const broken = db`select 1 / (800 - n) as x, repeat('x', 500) as pad, pg_sleep(0.002) from generate_series(1, 1000) n`;
  await Promise.all([expect(broken).rejects.toThrow(), end()]);
  expect(await db`select 'hello' as x`).toEqual([{ x: 'hello' }]);
});

test('a statement that the driver sends again after its plan was forgotten has the same parameters', async () => {
  const db = open(1);
  await db`create table flags (yes boolean, body jsonb)`;
  const write = () => db`insert into flags values (${true}, ${db.json({ a: 1 })}) returning yes, body`;
  expect(await write()).toEqual([{ yes: true, body: { a: 1 } }]);
  await db.unsafe('deallocate all');
  expect(await write()).toEqual([{ yes: true, body: { a: 1 } }]);
});

test('parameters that cannot be written are an error of their own statement alone', async () => {
  const db = open(1);
  await db`select 1`;
  const bad = () => db`select ${db.typed.instant(Number.NaN)}::timestamptz`;
  const first = db`select 'first' as who, pg_sleep(0.1)`;
  const [, , second] = await Promise.all([
    within(first, 2_000),
    expect(bad()).rejects.toThrow(RangeError),
    db`select 'second' as who`,
    expect(bad()).rejects.toThrow(RangeError),
    expect(bad()).rejects.toThrow(RangeError),
  ]);
  expect(await first).toMatchObject([{ who: 'first' }]);
  expect(second).toEqual([{ who: 'second' }]);
  for (let count = 0; count < 2; count += 1) await expect(bad()).rejects.toThrow(RangeError);
  expect(await within(db`select 1`, 2_000)).toBe('answered');
});

/** A door that may be closed, or say that the server is starting up; that falls silent, or spoils the query for the types. */
async function startModalDoor() {
  const state = { mode: 'open' as 'open' | 'closed' | 'starting' | 'silent' | 'typeless', connects: 0 };
  const door = await startDoor(database.url, {
    lets(near) {
      state.connects += 1;
      if (state.mode === 'closed') near.end();
      if (state.mode === 'starting') near.once('data', () => near.end(STARTING_UP));
      return state.mode === 'open' || state.mode === 'typeless';
    },
    passes(bytes) {
      if (state.mode === 'silent') return 'swallow';
      // The driver asks for `typarray`; of a column that is not there PostgreSQL says so.
      const isSpoiled = state.mode === 'typeless' && bytes.includes('typarray');
      return isSpoiled ? Buffer.from(bytes.toString('latin1').replace('typarray', 'typarraz'), 'latin1') : bytes;
    },
  });
  return Object.assign(state, door);
}

const FIELDS = Buffer.from('SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0');
const STARTING_UP = Buffer.concat([Buffer.from('E'), Buffer.from([0, 0, 0, FIELDS.length + 4]), FIELDS]);

test.each(['closed', 'starting'] as const)(
  'a server that is %s is away at once, is not stormed, and is there when it is back',
  async (mode) => {
    const door = await startModalDoor();
    const db = open(1, door.url);
    await db`select 1`;
    // Under way when it goes: what is left of it must not stand in the way of the next.
    const lost = within(db`select pg_sleep(3)`, 5_000);
    await sleep(100);
    door.mode = mode;
    door.drop();
    expect(await lost).toBe('unavailable');
    door.connects = 0;
    for (let count = 0; count < 3; count += 1) expect(await within(db`select 1`, 2_000)).toBe('unavailable');
    expect(door.connects).toBeLessThanOrEqual(3);
    door.mode = 'open';
    expect(await within(db`select 1`, 2_000)).toBe('answered');
    door.close();
  },
);

test('a server that goes silent is away for all who wait, not for one after another', async () => {
  const door = await startModalDoor();
  const db = open(2, door.url);
  await Promise.all([db`select pg_sleep(0.1)`, db`select pg_sleep(0.1)`]);
  door.mode = 'silent';
  const waiting = Array.from({ length: 20 }, () => within(db`select 1`, 18_000));
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['unavailable']));
  door.mode = 'open';
  expect(await within(db`select 1`, 2_000)).toBe('answered');
  door.close();
});

test('what a transaction does after its end is refused, and is in no other transaction', async () => {
  const db = open(1);
  await db`create table late (who text)`;
  let late: Promise<unknown> = Promise.resolve();
  const failed = inTransaction(db, async (tx) => {
    // A body that does not wait for all that it has begun.
    late = sleep(200).then(() => tx`insert into late values ('late')`);
    late.catch(() => {});
    await tx`select 1`;
    throw new Error('the body fails');
  });
  await expect(failed).rejects.toThrow('the body fails');
  const next = inTransaction(db, async (tx) => {
    await tx`select pg_sleep(0.5)`;
    return tx`select who from late`;
  });
  await expect(late).rejects.toThrow('the transaction has ended');
  expect(await next).toEqual([]);
  expect(await db`select who from late`).toEqual([]);
});

test('a pool that ends refuses what waits, and nothing of it is executed later', async () => {
  const db = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 2 });
  await db`create table ended (n integer)`;
  const work = Array.from({ length: 6 }, (_, n) =>
    within(db`insert into ended select ${n}::int from pg_sleep(0.3)`, 3_000),
  );
  await sleep(10);
  const transaction = within(
    inTransaction(db, (tx) => tx`insert into ended values (99)`),
    3_000,
  );
  await sleep(100);
  await db.end({ timeout: 2 });
  const told = await Promise.all([...work, transaction]);
  const kept = told.filter((it) => it === 'answered').length;
  expect(kept).toBe(2);
  expect(told.filter((it) => it === 'unavailable')).toHaveLength(5);
  await sleep(500);
  expect(await admin`select count(*)::int as kept from ended`).toEqual([{ kept }]);
});

test('a connection that could not learn its types is not used', async () => {
  const door = await startModalDoor();
  const db = open(1, door.url);
  // The type query of the first connection is answered with an error, as by a statement time-out.
  door.mode = 'typeless';
  await within(db`select 1`, 5_000);
  door.mode = 'open';
  const write = () => db<{ all: string[] }[]>`select ${['a', 'b']}::text[] as all`;
  await within(write(), 5_000);
  expect(await write()).toEqual([{ all: ['a', 'b'] }]);
  door.close();
});

test('of several hosts each connection tries each, from the first', async () => {
  const { port, pathname, username } = new URL(database.url);
  const db = open(4, `postgres://${username}@127.0.0.1:1,127.0.0.1:${port}${pathname}`);
  for (let round = 0; round < 3; round += 1)
    expect(await Promise.all(Array.from({ length: 4 }, () => within(db`select pg_sleep(0.05)`, 3_000)))).toEqual(
      Array(4).fill('answered'),
    );
});

test('of two hosts that both refuse, one answer comes', async () => {
  const db = open(1, 'postgres://nobody@127.0.0.1:1,127.0.0.1:2/nothing');
  expect(await within(db`select 1`, 3_000)).toBe('unavailable');
});
