import { attemptReference } from '../domain/ids.ts';
import { isTerminalOrder } from '../domain/order.ts';
import type { Timing } from '../domain/timing.ts';
import {
  ATTEMPT_COLUMNS,
  type AttemptRow,
  attemptCounts,
  findAttempt,
  findLiveAttempt,
  moveAttempt,
} from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import { lockOrder, type OrderRow } from './orders.ts';
import { fenceAttempt, hasEndedWithoutEffect } from './proofs.ts';
import type { ProviderReading } from './readings.ts';
import { transitionLocked } from './transition.ts';

/** An attempt that the provider shows under our reference and whose row is lost. */
export interface LostAttempt {
  readonly orderId: string;
  readonly attempt: number;
  readonly baseUrl: string;
  readonly organisation: string;
  /** Whether the provider shows no younger attempt of the order. */
  readonly isYoungest: boolean;
  readonly order: ProviderReading['order'];
  readonly lock: ProviderReading['lock'];
  readonly raw: unknown;
  /** What the quote is taken to have promised: nothing but the provider's order remembers it. */
  readonly quoted: {
    readonly quoteOptionId: string;
    readonly debit: string;
    readonly recipient: string;
    readonly allInRate: string;
  };
}

/** `live`: the order's own run goes on with it. `closed`: followed as an orphan. `present`: it has a row after all. */
export type Adoption = 'live' | 'closed' | 'present' | 'no_order';

/**
 * Puts a lost attempt back, under the order's lock. It is live only where nothing speaks against it: the order is open and no other
 * attempt is live or younger. Any other comes back closed, as an orphan, which the reconciler follows, cancels or rings for.
 * The row is whole at once: a crash before its reading is stored leaves an attempt that is looked up and never fenced blindly.
 */
export async function adoptAttempt(db: Database, lost: LostAttempt, timing: Timing): Promise<Adoption> {
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, lost.orderId);
    if (!order) return 'no_order';
    if (await findAttempt(tx, order.id, lost.attempt)) return 'present';
    if (isTerminalOrder(order.status)) {
      // An order that has ended has no further version, and no event.
      await insertAdopted(tx, order, lost, 'closed', timing);
      return 'closed';
    }
    const live = await findLiveAttempt(tx, order.id);
    const { highest } = await attemptCounts(tx, order.id, 0);
    const isYoungest = lost.isYoungest && highest < lost.attempt;
    const isOvertaken = isYoungest && live !== null && (await closeOvertaken(tx, live, timing));
    const as = isYoungest && (live === null || isOvertaken) ? 'live' : 'closed';
    const done = await transitionLocked(
      tx,
      order,
      {
        // Accepted: only an order that watches can have an attempt. Overtaken: what the order was executing is closed.
        to: order.status === 'accepted' || isOvertaken ? 'watching' : order.status,
        // A row that is lost twice is adopted twice; that there is none is read under this lock.
        dedupeKey: `adopted:g${lost.attempt}:v${order.version}`,
        event: 'attempt_adopted',
        actor: 'operator',
        attempt: lost.attempt,
        detail: { as, conduit_order: lost.order.id, ...(isOvertaken ? { closed_attempt: live.attempt } : {}) },
      },
      async () => {
        await insertAdopted(tx, order, lost, as, timing);
        return true;
      },
    );
    if (done.result !== 'applied')
      throw new Error(`order ${order.id}: adopting attempt ${lost.attempt} was ${done.result}`);
    return as;
  });
}

/**
 * Attempt n + 1 was minted only after n had been closed without effect, so a younger attempt at the provider says what the row
 * of the older one has forgotten. Whether it can be closed is proved all the same; false when it cannot.
 */
async function closeOvertaken(tx: Transaction, live: AttemptRow, timing: Timing): Promise<boolean> {
  const { orderId, attempt, endKind } = live;
  if (await hasEndedWithoutEffect(tx, orderId, attempt, timing, true)) {
    await moveAttempt(tx, orderId, attempt, endKind === 'failed' ? 'failed' : 'cancelled', 'reading');
    return true;
  }
  return fenceAttempt(tx, orderId, attempt, 'cancelled', timing);
}

async function insertAdopted(
  tx: Transaction,
  order: OrderRow,
  { attempt, order: theirs, lock, quoted, ...lost }: LostAttempt,
  as: 'live' | 'closed',
  timing: Timing,
): Promise<void> {
  const { amounts } = lock;
  const isClosed = as === 'closed';
  // What ended in a success or a failure was claimed before; a weaker word could be fenced before the end itself is stored.
  const wasClaimed = theirs.isClaimed || theirs.status === 'succeeded' || theirs.status === 'failed';
  await tx`
    insert into transactions (order_id, attempt, status, reference, base_url, organisation, quote_id, quote_option_id, quote_rate,
      option_expires_at, quoted_debit, quoted_recipient, quoted_destination_fee, direction, target_rate, floor_rate, all_in_rate,
      conduit_order_id, conduit_transaction_id, locked_debit, locked_recipient, locked_destination_fee, locked_rate, lock_fault,
      lock_expires_at, raw_response, linked_transaction_ids, observed, observed_begun_at, next_lookup_at, closed_by, closed_at,
      orphan_until)
    values (${order.id}, ${attempt}, ${isClosed ? 'cancelled' : 'prepared'}, ${attemptReference(order.id, attempt)},
      ${lost.baseUrl}, ${lost.organisation}, 'adopted', ${quoted.quoteOptionId}, ${lock.rate ?? order.quotedRate}, app_now(),
      ${quoted.debit}, ${quoted.recipient}, ${amounts?.destinationFee ?? '0'}, ${order.direction}, ${order.targetRate},
      ${order.floorRate}, ${quoted.allInRate}, ${theirs.id}, ${theirs.linkedTransactionIds[0] ?? null}, ${amounts?.debit ?? null},
      ${amounts?.recipient ?? null}, ${amounts?.destinationFee ?? null}, ${lock.rate}, ${lock.fault}, ${lock.expiresAt},
      ${tx.json(lost.raw as never)}, ${theirs.linkedTransactionIds as string[]}, ${wasClaimed ? 'claimed' : 'pending'}, app_now(), app_now(), ${isClosed ? 'fence' : null},
      ${isClosed ? tx`app_now()` : null},
      ${isClosed ? tx`app_now() + ${timing.orphanWatchMs} * interval '1 millisecond'` : null})`;
}

/** Live attempts made for this base URL and organisation, by order; `after` is the last order's id of the page before. */
export async function liveAttemptsOf(
  db: Database,
  place: { readonly baseUrl: string; readonly organisation: string },
  after: string | null,
  limit: number,
): Promise<AttemptRow[]> {
  return db<AttemptRow[]>`
    select ${db(ATTEMPT_COLUMNS)} from transactions
    where status in ('prepared', 'created', 'executing') and base_url = ${place.baseUrl} and organisation = ${place.organisation}
      and (${after}::uuid is null or order_id > ${after}::uuid)
    order by order_id limit ${limit}`;
}

/** How many live attempts belong to another base URL or organisation: nobody who asks this one can tell what became of them. */
export async function countLiveElsewhere(
  db: Database,
  place: { readonly baseUrl: string; readonly organisation: string },
): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    select count(*)::int as count from transactions
    where status in ('prepared', 'created', 'executing') and (base_url, organisation) <> (${place.baseUrl}, ${place.organisation})`;
  return row?.count ?? 0;
}

/** Which processes of the product are connected to this database, as far as it lets its user see. */
export async function connectedProcesses(db: Database): Promise<string[]> {
  const rows = await db<{ name: string }[]>`
    select distinct substring(application_name from '(api|bridge|worker)$') as name from pg_stat_activity
    where datname = current_database() and application_name ~ '^(conduitpay-)?(api|bridge|worker)$' order by name`;
  return rows.map(({ name }) => name);
}
