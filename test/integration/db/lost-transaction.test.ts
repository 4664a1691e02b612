import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { inTransaction } from '../../../src/db/client.ts';
import { openTestDb, type TestDb } from './support.ts';

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

/** More than the pool has connections, so that it opens those anew that were lost. */
const QUERIES = 60;

test('what a transaction does after its connection was lost is not executed on the next one', async () => {
  const { db } = test_;
  await db`create table lost (n integer)`;
  let body: Promise<unknown> = Promise.reject(new Error('the body was not begun'));
  body.catch(() => {});
  const transaction = inTransaction(db, (tx) => {
    body = (async () => {
      await tx`insert into lost values (1)`;
      const [row] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`;
      await db`select pg_terminate_backend(${row?.pid ?? 0})`;
      await Promise.all(Array.from({ length: QUERIES }, () => db`select pg_sleep(0.05)`));
      await tx`insert into lost values (2)`;
    })();
    return body;
  });
  await expect(transaction).rejects.toThrow('CONNECTION_CLOSED');
  // The body lives on when its caller has been told.
  await expect(body).rejects.toThrow('CONNECTION_CLOSED');
  expect(await db`select n from lost`).toEqual([]);
});
