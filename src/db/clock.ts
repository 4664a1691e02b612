import type { Instant } from '../domain/order.ts';
import type { Sql } from './client.ts';

/** The time by PostgreSQL: the one clock that every process, permit and expiry is judged by. */
export async function databaseNow(sql: Sql): Promise<Instant> {
  const [row] = await sql<{ now: Instant }[]>`select app_now() as now`;
  if (!row) throw new Error('a select without a table returned no row');
  return row.now;
}
