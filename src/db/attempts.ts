import type {
  Attempt,
  AttemptStatus,
  LinkedEffect,
  LockFault,
  LookupResult,
  Observed,
  ProviderEnd,
} from '../domain/attempt.ts';
import type { Instant } from '../domain/order.ts';
import type { Sql, Transaction } from './client.ts';
import { sendsOfAttempt } from './sends.ts';

/** The row of an attempt. Decimals are text, instants milliseconds. */
export interface AttemptRow {
  readonly orderId: string;
  readonly attempt: number;
  readonly version: number;
  readonly status: AttemptStatus;
  readonly reference: string;
  readonly baseUrl: string;
  readonly organisation: string;
  readonly quoteOptionId: string;
  readonly optionExpiresAt: Instant;
  readonly quotedDebit: string;
  readonly quotedRecipient: string;
  readonly quotedDestinationFee: string;
  readonly allInRate: string;
  readonly conduitOrderId: string | null;
  readonly conduitTransactionId: string | null;
  readonly lockedDebit: string | null;
  readonly lockedRecipient: string | null;
  readonly lockedDestinationFee: string | null;
  readonly lockFault: LockFault | null;
  readonly lockExpiresAt: Instant | null;
  readonly settledDebit: string | null;
  readonly settledRecipient: string | null;
  readonly observed: Observed | null;
  readonly endKind: ProviderEnd['kind'] | null;
  readonly endCode: string | null;
  readonly endLinked: LinkedEffect | null;
  readonly endFirstReadAt: Instant | null;
  readonly endReadAgainAt: Instant | null;
  /** Every transaction that any reading has shown as linked to it. */
  readonly linkedTransactionIds: readonly string[];
  readonly lookupResult: LookupResult | null;
  readonly lookupBegunAt: Instant | null;
  readonly nextLookupAt: Instant | null;
  readonly pagesMissedAt: Instant | null;
  readonly closedBy: 'fence' | 'reading' | null;
  readonly orphanUntil: Instant | null;
  readonly orphanClosedAt: Instant | null;
  readonly createdAt: Instant;
}

export const ATTEMPT_COLUMNS = [
  'order_id',
  'attempt',
  'version',
  'status',
  'reference',
  'base_url',
  'organisation',
  'quote_option_id',
  'option_expires_at',
  'quoted_debit',
  'quoted_recipient',
  'quoted_destination_fee',
  'all_in_rate',
  'conduit_order_id',
  'conduit_transaction_id',
  'locked_debit',
  'locked_recipient',
  'locked_destination_fee',
  'lock_fault',
  'lock_expires_at',
  'settled_debit',
  'settled_recipient',
  'observed',
  'end_kind',
  'end_code',
  'end_linked',
  'end_first_read_at',
  'end_read_again_at',
  'linked_transaction_ids',
  'lookup_result',
  'lookup_begun_at',
  'next_lookup_at',
  'pages_missed_at',
  'closed_by',
  'orphan_until',
  'orphan_closed_at',
  'created_at',
];

export async function findAttempt(sql: Sql, orderId: string, attempt: number): Promise<AttemptRow | null> {
  const [row] = await sql<AttemptRow[]>`
    select ${sql(ATTEMPT_COLUMNS)} from transactions where order_id = ${orderId} and attempt = ${attempt}`;
  return row ?? null;
}

export async function findLiveAttempt(sql: Sql, orderId: string): Promise<AttemptRow | null> {
  const [row] = await sql<AttemptRow[]>`
    select ${sql(ATTEMPT_COLUMNS)} from transactions
    where order_id = ${orderId} and status in ('prepared', 'created', 'executing')`;
  return row ?? null;
}

/** The newest attempt, live or closed. */
export async function findNewestAttempt(sql: Sql, orderId: string): Promise<AttemptRow | null> {
  const [row] = await sql<AttemptRow[]>`
    select ${sql(ATTEMPT_COLUMNS)} from transactions where order_id = ${orderId} order by attempt desc limit 1`;
  return row ?? null;
}

/** Whether money was seen to move under it, or may be on its way. `isMovingElsewhere` asks the same in SQL. */
export function isMoneyMoving({ observed, endKind, endLinked }: AttemptRow): boolean {
  return observed === 'claimed' || endKind === 'succeeded' || endLinked === 'open' || endLinked === 'completed';
}

/** How its order at the provider ended, as far as it was read. */
export function endOf(row: AttemptRow): ProviderEnd | null {
  // Also where another end had been read first: see `noteMoneyMoved`.
  const hasMoved = row.endLinked === 'completed';
  switch (hasMoved ? 'failed' : row.endKind) {
    case null:
      return null;
    case 'succeeded':
      return { kind: 'succeeded' };
    case 'cancelled':
      return { kind: 'cancelled', reason: row.endCode };
    case 'failed':
      return {
        kind: 'failed',
        code: row.endCode,
        linked: row.endLinked ?? 'open',
        firstReadAt: row.endFirstReadAt ?? 0,
        readAgainAt: row.endReadAgainAt,
      };
  }
}

/** The attempt as the domain sees it, with its sends. */
export async function attemptWithSends(sql: Sql, row: AttemptRow): Promise<Attempt> {
  const { lockedDebit, lockedRecipient, lockedDestinationFee, lookupResult, lookupBegunAt } = row;
  const isLocked = lockedDebit !== null && lockedRecipient !== null && lockedDestinationFee !== null;
  return {
    number: row.attempt,
    version: row.version,
    status: row.status,
    optionExpiresAt: row.optionExpiresAt,
    quoted: { debit: row.quotedDebit, recipient: row.quotedRecipient, destinationFee: row.quotedDestinationFee },
    conduitOrderId: row.conduitOrderId,
    locked: isLocked ? { debit: lockedDebit, recipient: lockedRecipient, destinationFee: lockedDestinationFee } : null,
    lockFault: row.lockFault,
    lockExpiresAt: row.lockExpiresAt,
    observed: row.observed,
    end: endOf(row),
    lookup: lookupResult && lookupBegunAt !== null ? { result: lookupResult, begunAt: lookupBegunAt } : null,
    nextLookupAt: row.nextLookupAt,
    sends: await sendsOfAttempt(sql, row.orderId, row.attempt),
  };
}

export interface NewAttempt {
  readonly orderId: string;
  readonly attempt: number;
  readonly reference: string;
  readonly baseUrl: string;
  readonly organisation: string;
  readonly quoteId: string;
  readonly quoteOptionId: string;
  readonly quoteRate: string;
  readonly optionExpiresAt: Instant;
  readonly quotedDebit: string;
  readonly quotedRecipient: string;
  readonly quotedDestinationFee: string;
  readonly fees: readonly { currency: string; network: string | null; amount: string }[];
  readonly direction: string;
  readonly targetRate: string;
  readonly floorRate: string | null;
  readonly allInRate: string;
}

export async function insertAttempt(tx: Transaction, attempt: NewAttempt): Promise<void> {
  await tx`
    insert into transactions (order_id, attempt, status, reference, base_url, organisation, quote_id, quote_option_id, quote_rate,
      option_expires_at, quoted_debit, quoted_recipient, quoted_destination_fee, fees, direction, target_rate, floor_rate, all_in_rate)
    values (${attempt.orderId}, ${attempt.attempt}, 'prepared', ${attempt.reference}, ${attempt.baseUrl}, ${attempt.organisation},
      ${attempt.quoteId}, ${attempt.quoteOptionId}, ${attempt.quoteRate}, ${attempt.optionExpiresAt}, ${attempt.quotedDebit},
      ${attempt.quotedRecipient}, ${attempt.quotedDestinationFee}, ${tx.json(attempt.fees as never)}, ${attempt.direction},
      ${attempt.targetRate}, ${attempt.floorRate}, ${attempt.allInRate})`;
}

/** How the newest attempts of an order were used: their highest number, and how many sent something within `withinMs`. */
export async function attemptCounts(
  sql: Sql,
  orderId: string,
  withinMs: number,
): Promise<{ highest: number; recent: number }> {
  const [row] = await sql<{ highest: number; recent: number }[]>`
    select coalesce(max(t.attempt), 0)::int as highest,
      (count(*) filter (where t.created_at > app_now() - ${withinMs} * interval '1 millisecond' and exists (
        select from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt and s.outcome is distinct from 'unsent')))::int
        as recent
    from transactions t where t.order_id = ${orderId}`;
  return row ?? { highest: 0, recent: 0 };
}

/** Moves a locked order's attempt to its next version. */
export async function moveAttempt(
  tx: Transaction,
  orderId: string,
  attempt: number,
  to: AttemptStatus,
  closedBy: 'fence' | 'reading' | null = null,
): Promise<void> {
  const isEnd = to === 'succeeded' || to === 'failed' || to === 'cancelled';
  await tx`
    update transactions set status = ${to}, version = version + 1, updated_at = app_now(),
      closed_at = ${isEnd ? tx`app_now()` : null}, closed_by = ${closedBy},
      unknown_since = ${isEnd || to === 'created' ? null : tx`unknown_since`}
    where order_id = ${orderId} and attempt = ${attempt}`;
}

/** Moves the attempt's next look-up to `inMs` from now. Bookkeeping: no version, no event. */
export async function setNextLookup(sql: Sql, orderId: string, attempt: number, inMs: number): Promise<void> {
  await sql`
    update transactions set next_lookup_at = app_now() + ${inMs} * interval '1 millisecond'
    where order_id = ${orderId} and attempt = ${attempt}`;
}
