import { assetText, parsePair } from '../domain/assets.ts';
import { attemptReference, sendKey } from '../domain/ids.ts';
import type { Instant, Seen } from '../domain/order.ts';
import type { Timing } from '../domain/timing.ts';
import type { AttemptRow } from './attempts.ts';
import { findAttempt } from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import type { OrderRow } from './orders.ts';
import { isPausedUnderLock } from './pauses.ts';
import { isMovingElsewhere } from './proofs.ts';
import { bodyOfKey, insertSend } from './sends.ts';
import { transition } from './transition.ts';

/** The right to send one request, once, while the permit is young. */
export interface Permit {
  readonly sendId: string;
  readonly key: string;
  readonly body: string;
  readonly permittedAt: Instant;
  readonly order: OrderRow;
  readonly attempt: AttemptRow;
}

export type MoneyOperation = 'create' | 'execute';

export interface PermitRequest {
  readonly orderId: string;
  readonly seen: Seen;
  readonly operation: MoneyOperation;
  readonly keyNumber: number;
  /** Makes the request's bytes; asked only when the key was never used, else its stored bytes are sent again. */
  readonly makeBody: (order: OrderRow, attempt: AttemptRow) => string;
}

/**
 * The one place where a create or an execute becomes allowed. One transaction locks the order's row and only then, in later
 * statements (one that waited for a lock has an old clock), checks everything and writes the send. Null: no permit, so no
 * send; the caller reads the row again and follows it.
 */
export async function takePermit(db: Database, request: PermitRequest, timing: Timing): Promise<Permit | null> {
  const { orderId, seen, operation, keyNumber } = request;
  const number = seen.attempt;
  if (number === null) return null;
  const key = sendKey(attemptReference(orderId, number), operation, keyNumber);
  return inTransaction(db, async (tx) => {
    let permit: Permit | null = null;
    const done = await transition(
      tx,
      orderId,
      {
        to: operation === 'create' ? 'watching' : 'executing',
        seen,
        // The attempt's version is the fact: two hands with one plan ask for the same permit, and one gets it.
        dedupeKey: `permit:g${number}:${operation}:v${seen.attemptVersion}`,
        event: operation === 'create' ? 'create_permitted' : 'execute_permitted',
        actor: 'workflow',
        attempt: number,
        detail: { key },
        patch: operation === 'execute' ? { reason: null, providerCode: null } : {},
      },
      async (order) => {
        if (!(await isAllowed(tx, order, number, operation, timing))) return false;
        if (!(await isKeyFree(tx, orderId, number, request, key, timing))) return false;
        const attempt = await findAttempt(tx, orderId, number);
        if (!attempt) return false;
        const body = (await bodyOfKey(tx, key)) ?? request.makeBody(order, attempt);
        const send = await insertSend(tx, { orderId, attempt: number, operation, keyNumber, key, body });
        await tx`
          update transactions set status = ${operation === 'create' ? 'prepared' : 'executing'}, version = version + 1,
            updated_at = app_now(), unknown_since = coalesce(unknown_since, app_now()),
            next_lookup_at = app_now() + ${2 * timing.secondMs} * interval '1 millisecond'
          where order_id = ${orderId} and attempt = ${number}`;
        permit = { ...send, key, body, order, attempt };
        return true;
      },
    );
    return done?.result === 'applied' ? permit : null;
  });
}

/**
 * Whether the key may be sent: never once the provider may have forgotten it, and a new execute only when each send under
 * another key was refused by its own reply.
 */
async function isKeyFree(
  tx: Transaction,
  orderId: string,
  attempt: number,
  { operation, keyNumber }: PermitRequest,
  key: string,
  timing: Timing,
): Promise<boolean> {
  const obstacles = await tx`
    select 1 from conduit_sends where order_id = ${orderId} and attempt = ${attempt} and operation = ${operation} and (
      (idempotency_key = ${key} and permitted_at <= app_now() - ${timing.resendWindowMs} * interval '1 millisecond')
      or (key_number <> ${keyNumber} and (outcome is null or outcome not in ('no_effect', 'unsent'))))
    limit 1`;
  return obstacles.length === 0;
}

/** Locks in the order accounts, pauses; the clock and the rate are judged in the last statement, after every wait. */
async function isAllowed(
  tx: Transaction,
  order: OrderRow,
  attempt: number,
  operation: MoneyOperation,
  timing: Timing,
): Promise<boolean> {
  const { from, to } = parsePair(order.pair);
  const accounts = await tx`
    select 1 from conduit_accounts
    where (account_id, asset) in ((${order.sourceAccount}, ${assetText(from)}), (${order.destinationAccount}, ${assetText(to)}))
      and user_id = ${order.userId} and active
    order by account_id for share`;
  if (accounts.length !== 2) return false;
  const isPaused = await isPausedUnderLock(tx, [
    'all',
    `pair:${order.pair}`,
    `account:${order.sourceAccount}`,
    `account:${order.destinationAccount}`,
  ]);
  if (isPaused) return false;
  const rows =
    operation === 'create'
      ? await createConditions(tx, order, attempt, timing)
      : await executeConditions(tx, order, attempt, timing);
  return rows.length === 1 && !(await isMovingElsewhere(tx, order.id, attempt));
}

function createConditions(tx: Transaction, order: OrderRow, attempt: number, timing: Timing) {
  return tx`
    select 1 from orders o join transactions t using (order_id)
    where o.order_id = ${order.id} and t.attempt = ${attempt} and t.status = 'prepared' and o.status = 'watching' and t.conduit_order_id is null
      and o.cancel_refused_at is null
      and app_now() < least(o.expires_at - ${timing.sendMarginMs} * interval '1 millisecond',
                            t.option_expires_at - ${timing.quoteMarginMs} * interval '1 millisecond')
      and t.quoted_debit = o.amount and t.lookup_result is distinct from 'ambiguous'
      and case o.direction
        when '>=' then t.quoted_recipient - t.quoted_destination_fee >= o.target_rate * t.quoted_debit
        else t.quoted_recipient <= o.target_rate * t.quoted_debit
          and t.quoted_recipient - t.quoted_destination_fee >= o.floor_rate * t.quoted_debit end
      and not exists (select from provider_gate where closed_until > app_now())`;
}

function executeConditions(tx: Transaction, order: OrderRow, attempt: number, timing: Timing) {
  return tx`
    select 1 from orders o join transactions t using (order_id)
    where o.order_id = ${order.id} and t.attempt = ${attempt} and t.status in ('created', 'executing')
      and o.status in ('watching', 'executing') and o.cancel_refused_at is null
      and t.lock_fault is null and t.conduit_order_id is not null
      -- Of a null, least() would leave expires_at alone.
      and t.lock_expires_at is not null
      and app_now() < least(o.expires_at, t.lock_expires_at) - ${timing.sendMarginMs} * interval '1 millisecond'
      and t.locked_debit = o.amount
      and case o.direction
        when '>=' then t.locked_recipient - t.locked_destination_fee >= o.target_rate * t.locked_debit
        else t.locked_recipient <= o.target_rate * t.locked_debit
          and t.locked_recipient - t.locked_destination_fee >= o.floor_rate * t.locked_debit end
      and coalesce(t.observed, 'pending') = 'pending' and t.lookup_result is distinct from 'ambiguous'
      and not exists (select from provider_gate where closed_until > app_now())`;
}
