import { ATTEMPT_COLUMNS, type AttemptRow } from './attempts.ts';
import type { Database } from './client.ts';

/** Whether more than `limit` live attempts wait for the end of an execution that Conduit has begun. */
export async function areClaimedAbove(db: Database, limit: number): Promise<boolean> {
  const rows = await db`
    select from transactions where status = 'executing' and observed = 'claimed' limit ${limit + 1}`;
  return rows.count > limit;
}

export interface DueClaimed {
  /** Those whose look-up is due within this time belong to the batch. */
  readonly withinMs: number;
  /** Until then nobody else looks them up. */
  readonly holdMs: number;
  /** Older attempts are left out: pages reach back to the oldest of a batch. */
  readonly maxAgeMs: number;
  /** One that the list did not show is left to itself for so long. */
  readonly missedForMs: number;
  readonly limit: number;
}

/** Takes the claimed attempts whose look-up is due, for one reader of list pages. Bookkeeping: no version, no event. */
export async function takeDueClaimed(db: Database, due: DueClaimed): Promise<AttemptRow[]> {
  const inMs = (ms: number) => db`app_now() + ${ms} * interval '1 millisecond'`;
  return db<AttemptRow[]>`
    with due as (
      select order_id, attempt from transactions
      where status = 'executing' and observed = 'claimed' and next_lookup_at <= ${inMs(due.withinMs)}
        and created_at > ${inMs(-due.maxAgeMs)} and (pages_missed_at is null or pages_missed_at < ${inMs(-due.missedForMs)})
      order by next_lookup_at limit ${due.limit} for update skip locked)
    update transactions set next_lookup_at = ${inMs(due.holdMs)}
    where (order_id, attempt) in (select order_id, attempt from due)
    returning ${db(ATTEMPT_COLUMNS)}`;
}

/** What the list did not show is due at once, each by itself. */
export async function leaveToThemselves(db: Database, references: readonly string[]): Promise<void> {
  await db`
    update transactions set next_lookup_at = app_now(), pages_missed_at = app_now()
    where reference = any (${references as string[]}) and status = 'executing'`;
}
