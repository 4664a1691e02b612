import { assetText, parsePair } from '../domain/assets.ts';
import type { Instant, Seen } from '../domain/order.ts';
import type { Situation } from '../domain/plan.ts';
import { hasCrossed } from '../domain/rate.ts';
import { attemptWithSends, findLiveAttempt } from './attempts.ts';
import { type Database, inTransaction } from './client.ts';
import { findOrder, type OrderRow } from './orders.ts';

export interface LoadedSituation {
  readonly row: OrderRow;
  readonly situation: Situation;
  readonly seen: Seen;
  /** The database's clock in the same read. */
  readonly now: Instant;
}

export interface LoadOptions {
  /** Whether the caller knows that the order's trigger was crossed. */
  readonly isLookWanted: boolean;
  /** Also compare the trigger with the newest rate, as a run does when it begins. */
  readonly compareRate: boolean;
  /** How old a rate may be to count in that comparison. */
  readonly rateMaxAgeMs: number;
}

interface Surroundings {
  readonly now: Instant;
  readonly isPaused: boolean;
  readonly isMovingElsewhere: boolean;
  readonly areAccountsActive: boolean;
  readonly gateClosedUntil: Instant | null;
  readonly newestRate: string | null;
}

/** Everything that `decide` needs about an order, from one snapshot of the database. Null when there is no such order. */
export async function loadSituation(
  db: Database,
  orderId: string,
  options: LoadOptions,
): Promise<LoadedSituation | null> {
  return inTransaction(db, async (tx) => {
    await tx`set transaction isolation level repeatable read, read only`;
    const row = await findOrder(tx, orderId);
    if (!row) return null;
    const { from, to } = parsePair(row.pair);
    const [around] = await tx<Surroundings[]>`
      select app_now() as now,
        exists (select from transactions p where p.order_id = ${orderId} and p.closed_at is not null
          and (p.observed = 'claimed' or p.end_kind = 'succeeded' or p.end_linked in ('open', 'completed'))) as is_moving_elsewhere,
        exists (select from pauses where scope in
          ('all', ${`pair:${row.pair}`}, ${`account:${row.sourceAccount}`}, ${`account:${row.destinationAccount}`})) as is_paused,
        (select count(*) = 2 from conduit_accounts
          where (account_id, asset) in ((${row.sourceAccount}, ${assetText(from)}), (${row.destinationAccount}, ${assetText(to)}))
            and user_id = ${row.userId} and active) as are_accounts_active,
        (select closed_until from provider_gate where closed_until > app_now()) as gate_closed_until,
        (select reference_rate from rate_observations
          where pair = ${row.pair} and observed_at > (select app_now()) - ${options.rateMaxAgeMs} * interval '1 millisecond'
          order by observed_at desc limit 1) as newest_rate`;
    if (!around) throw new Error('a select without a table returned no row');
    const live = await findLiveAttempt(tx, orderId);
    // A young order whose pair has no observation yet is compared with the quote it was accepted with.
    const isFresh = around.now - row.createdAt <= options.rateMaxAgeMs;
    const rate = around.newestRate ?? (isFresh ? row.quotedRate : null);
    const isCrossed = options.compareRate && rate !== null && hasCrossed(row.direction, row, rate);
    return {
      row,
      now: around.now,
      seen: { version: row.version, attempt: live?.attempt ?? null, attemptVersion: live?.version ?? null },
      situation: {
        order: row,
        attempt: live ? await attemptWithSends(tx, live) : null,
        isPaused: around.isPaused || around.isMovingElsewhere,
        isMovingElsewhere: around.isMovingElsewhere,
        areAccountsActive: around.areAccountsActive,
        gateClosedUntil: around.gateClosedUntil,
        isLookWanted: options.isLookWanted || isCrossed,
      },
    };
  });
}
