import type { Direction, Instant } from '../domain/order.ts';
import type { Database, Sql } from './client.ts';

export interface Observation {
  readonly pair: string;
  readonly referenceRate: string;
  readonly endUserRate: string;
  readonly spreadBps: string;
  readonly fixedFee: string;
  readonly quoteId: string;
}

export interface StoredObservation extends Observation {
  readonly observedAt: Instant;
}

/** Keeps a rate that the sanity guard found good. */
export async function insertObservation(db: Database, o: Observation): Promise<void> {
  await db`
    insert into rate_observations (pair, reference_rate, end_user_rate, spread_bps, fixed_fee, quote_id)
    values (${o.pair}, ${o.referenceRate}, ${o.endUserRate}, ${o.spreadBps}, ${o.fixedFee}, ${o.quoteId})
    on conflict do nothing`;
}

/** The pair's last good rate: the one that the sanity guard holds the next one against. */
export async function newestObservation(db: Database, pair: string): Promise<StoredObservation | null> {
  const [row] = await db<StoredObservation[]>`
    select pair, observed_at, reference_rate, end_user_rate, spread_bps, fixed_fee, quote_id
    from rate_observations where pair = ${pair}
      and observed_at > coalesce((select forgotten_at from rate_baselines where pair = ${pair}), '-infinity')
    order by observed_at desc limit 1`;
  return row ?? null;
}

export interface PairBook {
  readonly now: Instant;
  readonly openOrders: number;
  readonly isPaused: boolean;
  readonly gateClosedUntil: Instant | null;
}

/** What a tick must know of its pair before it asks the provider anything. */
export async function pairBook(db: Database, pair: string): Promise<PairBook> {
  const [row] = await db<PairBook[]>`
    select app_now() as now,
      (select count(*) from (select from orders where pair = ${pair} and closed_at is null limit 1) o)::int as open_orders,
      exists (select from pauses where scope in ('all', ${`pair:${pair}`})) as is_paused,
      (select closed_until from provider_gate where closed_until > app_now()) as gate_closed_until`;
  if (!row) throw new Error('a select without a table returned no row');
  return row;
}

/** The amounts of the pair's oldest open orders: the indicative quote asks for the first that the provider accepts. */
export async function oldestAmounts(db: Database, pair: string, limit: number): Promise<string[]> {
  const rows = await db<{ amount: string }[]>`
    select amount from orders where pair = ${pair} and closed_at is null order by created_at limit ${limit}`;
  return rows.map(({ amount }) => amount);
}

export interface Claim {
  readonly pair: string;
  readonly rate: string;
  /** When this tick was due: the claim counts from there, so that a late tick does not push the next one away. */
  readonly dueAt: Instant;
  readonly quietMs: number;
  readonly limit: number;
}

/**
 * Claims the orders of a pair that this rate wakes, those whose trigger it crossed before those that only look of their own
 * accord, the longest unlooked first, and moves their next check on, so that no other tick or sweep wakes them within the
 * interval. A claim whose signal is lost costs one interval. Orders with a live attempt and orders under a pause are not
 * claimed.
 */
export async function claimCrossed(db: Database, claim: Claim): Promise<string[]> {
  const armed = (direction: Direction) =>
    direction === '>='
      ? db`direction = '>=' and trigger_rate <= ${claim.rate}`
      : db`direction = '<=' and trigger_rate >= ${claim.rate} and trigger_floor <= ${claim.rate}`;
  const rows = await db<{ orderId: string }[]>`
    update orders set next_check_at = greatest(
      least(app_now(), ${claim.dueAt}::timestamptz) + ${claim.quietMs} * interval '1 millisecond',
      -- However late the tick is, the same tick does not claim an order twice.
      app_now() + ${claim.quietMs / 10} * interval '1 millisecond')
    where order_id in (
      select order_id from orders o
      where pair = ${claim.pair} and status = 'watching' and next_check_at <= app_now() and cancel_refused_at is null
        and (${armed('>=')} or ${armed('<=')} or look_due_at <= app_now())
        and not exists (select from transactions t where t.order_id = o.order_id and t.status in ('prepared', 'created', 'executing'))
        and not exists (select from pauses where scope in
          ('all', 'pair:' || o.pair, 'account:' || o.source_account, 'account:' || o.destination_account))
      order by (${armed('>=')} or ${armed('<=')}) desc, next_check_at, created_at limit ${claim.limit} for update skip locked)
    returning order_id`;
  return rows.map(({ orderId }) => orderId);
}

export interface RelookRequest extends Pick<Observation, 'pair' | 'referenceRate' | 'spreadBps' | 'fixedFee'> {
  /** The looks of one page are spread over this time. */
  readonly overMs: number;
  /** An own look that is withheld comes again within this time. */
  readonly withheldMs: number;
  readonly limit: number;
}

/** How far back a change of terms matters: every order looks by itself within a day. */
const TERMS_MEMORY = '26 hours';

/**
 * After spread or fee changed, triggers made before are old: a page of the orders that have not read them since gets its own look
 * soon, the nearest first. Asked at every tick, so that a page that failed or was locked is found again. Returns how many.
 */
export async function scheduleLooks(db: Database, { pair, ...terms }: RelookRequest): Promise<number> {
  const rows = await db`
    with changed as (
      select max(observed_at) as last_old from rate_observations
      where pair = ${pair} and observed_at > (select app_now()) - ${TERMS_MEMORY}::interval
        and (spread_bps, fixed_fee) <> (${terms.spreadBps}::numeric, ${terms.fixedFee}::numeric)),
    renewed as (
      -- Between the last tick with the old terms and the first with the new ones nobody knows which a quote had.
      select min(observed_at) as at from rate_observations, changed where pair = ${pair} and observed_at > last_old),
    page as (
      select order_id from orders, renewed
      where pair = ${pair} and status = 'watching' and terms_read_at <= renewed.at
        -- One whose look is withheld, or failed, tries again by itself: about hourly, or by its back-off.
        and look_due_at > app_now() + case
          when reason in ('paused', 'account_changed', 'attempt_limit') then ${terms.withheldMs} * interval '1 millisecond'
          when failed_looks > 0 then ${5 * terms.overMs} * interval '1 millisecond'
          else ${terms.overMs} * interval '1 millisecond' end
      order by abs(trigger_rate - ${terms.referenceRate}::numeric) limit ${terms.limit} for update of orders skip locked)
    update orders set look_due_at = app_now() + random() * ${terms.overMs} * interval '1 millisecond'
    where order_id in (select order_id from page)`;
  return rows.count;
}

/** A person has judged the pair's rate: what was held good before no longer speaks against the next one. */
export async function forgetBaseline(sql: Sql, pair: string): Promise<void> {
  await sql`
    insert into rate_baselines (pair, forgotten_at) values (${pair}, app_now())
    on conflict (pair) do update set forgotten_at = excluded.forgotten_at`;
}

/** Closes the gate for everybody until at least `forMs` from now. */
export async function closeGate(db: Database, forMs: number): Promise<void> {
  await db`update provider_gate set closed_until = greatest(closed_until, app_now() + ${forMs} * interval '1 millisecond')`;
}

/** How long nobody may call the provider; 0 when the gate is open. */
export async function gateClosedForMs(db: Database): Promise<number> {
  const [row] = await db<{ ms: number }[]>`
    select ceil(extract(epoch from closed_until - app_now()) * 1000)::float8 as ms from provider_gate
    where closed_until > app_now()`;
  return row?.ms ?? 0;
}
