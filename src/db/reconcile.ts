import type { Instant } from '../domain/order.ts';
import type { Database } from './client.ts';

/** Orders that a healthy system would be working on already: their runs are started, or found to be running. */
export async function ordersWithoutProgress(db: Database, limit: number): Promise<string[]> {
  const rows = await db<{ orderId: string }[]>`
    select o.order_id from orders o
    where o.closed_at is null and (
      (o.status = 'accepted' and o.created_at < app_now() - interval '30 seconds')
      -- One that executes may stay so for days; its attempt tells whether anybody looks.
      or (o.expires_at < app_now() and o.status <> 'executing')
      or exists (select from transactions t where t.order_id = o.order_id and t.closed_at is null
        and t.updated_at < app_now() - interval '60 seconds'
        and coalesce(t.next_lookup_at, t.updated_at) < app_now() - interval '60 seconds'))
    order by o.expires_at limit ${limit}`;
  return rows.map(({ orderId }) => orderId);
}

/** Which of these orders are still open. */
export async function openAmong(db: Database, orderIds: readonly string[]): Promise<string[]> {
  const rows = await db<{ orderId: string }[]>`
    select order_id from orders where order_id = any (${orderIds as string[]}::uuid[]) and closed_at is null`;
  return rows.map(({ orderId }) => orderId);
}

/** A slice of the open orders that moves on by itself: every pass another one, until all were seen. */
export async function rotatingSlice(db: Database, size: number, passMs: number): Promise<string[]> {
  const rows = await db<{ orderId: string }[]>`
    with numbered as (
      select order_id, row_number() over (order by order_id) - 1 as place, count(*) over () as total
      from orders where closed_at is null and created_at < app_now() - interval '30 seconds')
    select order_id from numbered
    where place / ${size}::bigint = (extract(epoch from app_now()) * 1000 / ${passMs})::bigint % ((total + ${size} - 1) / ${size}::bigint)`;
  return rows.map(({ orderId }) => orderId);
}

/** Orders that ended a while ago by somebody else's hand, whose runs should have noticed by now. */
export async function recentlyEnded(db: Database, limit: number): Promise<string[]> {
  const rows = await db<{ orderId: string }[]>`
    select order_id from orders
    where closed_at between (select app_now()) - interval '3 minutes' and (select app_now()) - interval '30 seconds'
    order by closed_at limit ${limit}`;
  return rows.map(({ orderId }) => orderId);
}

/**
 * Orders with an attempt that nobody goes on with: its look-up is overdue by 30 s, or it has been prepared for as long and waits for none.
 * Of the latter its run may not know, when the look that minted it came back after its activity had been given up. With `only` no other
 * than that one.
 */
export async function ordersWithIdleAttempt(
  db: Database,
  limit: number,
  only: string | null = null,
): Promise<string[]> {
  const rows = await db<{ orderId: string }[]>`
    select order_id from transactions
    where status in ('prepared', 'created', 'executing')
      and (next_lookup_at < app_now() - interval '30 seconds'
        or next_lookup_at is null and updated_at < app_now() - interval '30 seconds')
      and (${only}::uuid is null or order_id = ${only}::uuid)
    order by coalesce(next_lookup_at, updated_at) limit ${limit}`;
  return rows.map(({ orderId }) => orderId);
}

/** Pairs with open orders whose newest good rate is too old. */
export async function unwatchedPairs(db: Database, maxAgeMs: number): Promise<string[]> {
  const rows = await db<{ pair: string }[]>`
    select pair from (select distinct pair from orders where closed_at is null) p
    where not exists (select from rate_observations r
      where r.pair = p.pair and r.observed_at > (select app_now()) - ${maxAgeMs} * interval '1 millisecond')`;
  return rows.map(({ pair }) => pair);
}

/**
 * Pairs with open orders whose newest good rate is older than it should be while somebody watches. Under a pause of all or of the pair
 * nothing waits for the rate, and one that was paused for its rate has none; while the provider asks for silence nobody may
 * fetch one, and the age counts from the end of that, or of an hour of such silences.
 */
export async function stalePairs(db: Database, maxAgeMs: number): Promise<string[]> {
  const rows = await db<{ pair: string }[]>`
    select p.pair
    from (select pair, min(created_at) as since from orders where closed_at is null group by pair) p
    cross join provider_gate g
    left join lateral (
      select observed_at from rate_observations o where o.pair = p.pair order by observed_at desc limit 1) r on true
    where greatest(p.since, r.observed_at, least(g.closed_until, greatest(p.since, r.observed_at) + interval '1 hour'))
        < (select app_now()) - ${maxAgeMs} * interval '1 millisecond'
      and not exists (select from pauses where scope in ('all', 'pair:' || p.pair))
    order by p.pair`;
  return rows.map(({ pair }) => pair);
}

export interface OpenOrder {
  readonly orderId: string;
  /** Old enough that whatever was to happen at its creation has happened. */
  readonly isSettled: boolean;
}

/** A page of the open orders, by id; `after` is the last one of the page before. */
export async function openOrders(db: Database, after: string | null, limit: number): Promise<OpenOrder[]> {
  return db<OpenOrder[]>`
    select order_id, created_at < app_now() - interval '30 seconds' as is_settled from orders
    where closed_at is null and (${after}::uuid is null or order_id > ${after}::uuid)
    order by order_id limit ${limit}`;
}

/** Which of these have no open row: orders that ended more than 30 s ago, and ids of no order at all. */
export async function withoutOpenRow(db: Database, orderIds: readonly string[]): Promise<string[]> {
  const rows = await db<{ orderId: string }[]>`
    select i.order_id from unnest(${orderIds as string[]}::uuid[]) as i (order_id) left join orders o using (order_id)
    where o.order_id is null or o.closed_at < (select app_now()) - interval '30 seconds'`;
  return rows.map(({ orderId }) => orderId);
}

/** Attempts of this base URL and organisation that know their order there and were minted since; by reference, a page at a time. */
export async function placedSince(
  db: Database,
  place: { readonly baseUrl: string; readonly organisation: string },
  since: Instant,
  after: string | null,
  limit: number,
): Promise<{ orderId: string; attempt: number; reference: string }[]> {
  return db<{ orderId: string; attempt: number; reference: string }[]>`
    select order_id, attempt, reference from transactions
    where conduit_order_id is not null and created_at >= ${since}
      and base_url = ${place.baseUrl} and organisation = ${place.organisation} and (${after}::text is null or reference > ${after}::text)
    order by reference limit ${limit}`;
}

/** Deletes what nobody needs any more, a bounded number of rows a pass. Orders, events and sends are kept for good. */
export async function trim(db: Database, limit: number): Promise<number> {
  const outbox = await db`delete from outbox where message_id in (
    select message_id from outbox where published_at < (select app_now()) - interval '7 days' limit ${limit})`;
  const inbox = await db`delete from inbox where event_id in (
    select event_id from inbox where received_at < (select app_now()) - interval '30 days' limit ${limit})`;
  const observations = await db`delete from rate_observations where (pair, observed_at) in (
    select pair, observed_at from rate_observations where observed_at < (select app_now()) - interval '400 days' limit ${limit})`;
  return outbox.count + inbox.count + observations.count;
}

export interface Book {
  readonly openOrders: readonly { pair: string; status: string; count: number }[];
  readonly tickAges: readonly { pair: string; seconds: number }[];
  readonly attemptsUnknown: number;
  readonly oldestUnknownSeconds: number;
  readonly oldestExecutingSeconds: number;
  readonly orphansOpen: number;
  readonly pausesActive: number;
  /** How long the most overdue order that nothing keeps open has outlived its expiry. */
  readonly oldestOverdueSeconds: number;
}

/** What the gauges show. */
export async function readBook(db: Database): Promise<Book> {
  const openOrders = await db<{ pair: string; status: string; count: number }[]>`
    select pair, status, count(*)::int as count from orders where closed_at is null group by pair, status`;
  const tickAges = await db<{ pair: string; seconds: number }[]>`
    -- A pair may have been without orders for days: its age counts from when somebody had a reason to look.
    select pair, extract(epoch from app_now() - greatest(r.observed_at, p.since))::float8 as seconds
    from (select pair, min(created_at) as since from orders where closed_at is null group by pair) p
    left join lateral (
      select observed_at from rate_observations o where o.pair = p.pair order by observed_at desc limit 1) r on true`;
  const [rest] = await db<Omit<Book, 'openOrders' | 'tickAges'>[]>`
    select
      (select count(*) from transactions where unknown_since is not null)::int as attempts_unknown,
      (select coalesce(extract(epoch from app_now() - min(unknown_since)), 0) from transactions)::float8 as oldest_unknown_seconds,
      (select coalesce(extract(epoch from app_now() - min(updated_at)), 0) from transactions where status = 'executing')::float8
        as oldest_executing_seconds,
      (select count(*) from transactions where orphan_until is not null and orphan_closed_at is null)::int as orphans_open,
      (select count(*) from pauses)::int as pauses_active,
      (select coalesce(extract(epoch from app_now() - min(expires_at)), 0) from orders
        where closed_at is null and status in ('accepted', 'watching') and expires_at < (select app_now()))::float8 as oldest_overdue_seconds`;
  if (!rest) throw new Error('a select without a table returned no row');
  return { openOrders, tickAges, ...rest };
}
