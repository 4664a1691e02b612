import type { Send } from '../domain/attempt.ts';
import type { Instant } from '../domain/order.ts';
import type { ProviderCode, SendOperation, SendOutcome } from '../domain/replies.ts';
import type { Database, Sql, Transaction } from './client.ts';

export interface NewSend {
  readonly orderId: string;
  readonly attempt: number;
  readonly operation: SendOperation;
  readonly keyNumber: number;
  readonly key: string;
  /** The exact bytes of the request; null for a request without a body. */
  readonly body: string | null;
}

/** Writes a send before it leaves. The caller's transaction is the permit (a cancel at the provider needs none). */
export async function insertSend(sql: Sql, send: NewSend): Promise<{ sendId: string; permittedAt: Instant }> {
  const [row] = await sql<{ sendId: string; permittedAt: Instant }[]>`
    insert into conduit_sends (order_id, attempt, operation, key_number, idempotency_key, body)
    values (${send.orderId}, ${send.attempt}, ${send.operation}, ${send.keyNumber}, ${send.key}, ${send.body})
    returning send_id, permitted_at`;
  if (!row) throw new Error('an insert returned no row');
  return row;
}

/** What one send's own reply said. */
export interface StoredReply {
  readonly outcome: SendOutcome;
  readonly code: ProviderCode | null;
  readonly httpStatus: number | null;
  readonly correlationId: string | null;
  /** How long the provider asked us to wait; null when it did not. */
  readonly retryAfterMs: number | null;
  readonly raw: unknown;
}

/** Stores a send's reply, once: a second one for the same send changes nothing. */
export async function storeReply(tx: Transaction, sendId: string, reply: StoredReply): Promise<boolean> {
  const rows = await tx`
    update conduit_sends set
      outcome = ${reply.outcome}, code = ${reply.code}, http_status = ${reply.httpStatus}, correlation_id = ${reply.correlationId},
      retry_at = ${reply.retryAfterMs === null ? null : tx`app_now() + ${reply.retryAfterMs} * interval '1 millisecond'`},
      reply = ${reply.raw === undefined || reply.raw === null ? null : tx.json(reply.raw as never)}, replied_at = app_now()
    where send_id = ${sendId} and outcome is null`;
  return rows.count === 1;
}

/** The sends of an attempt, oldest first. */
export async function sendsOfAttempt(sql: Sql, orderId: string, attempt: number): Promise<Send[]> {
  return sql<Send[]>`
    select send_id as id, operation, key_number, permitted_at, outcome, code, replied_at, retry_at
    from conduit_sends where order_id = ${orderId} and attempt = ${attempt} order by send_id`;
}

/** The bytes first sent under a key, or null when it was never used. */
export async function bodyOfKey(sql: Sql, key: string): Promise<string | null> {
  const [row] = await sql<{ body: string | null }[]>`
    select body from conduit_sends where idempotency_key = ${key} order by send_id limit 1`;
  return row?.body ?? null;
}

/** Sends under a permit that could still be on their way: a pause waits for these. */
export async function unansweredSends(
  db: Database,
  scope: string,
  withinMs: number,
): Promise<{ sendId: string; orderId: string }[]> {
  return db<{ sendId: string; orderId: string }[]>`
    select s.send_id, s.order_id from conduit_sends s join orders o using (order_id)
    where s.outcome is null and s.operation <> 'cancel' and s.permitted_at > app_now() - ${withinMs} * interval '1 millisecond'
      and ${scope} in ('all', 'pair:' || o.pair, 'account:' || o.source_account, 'account:' || o.destination_account)`;
}
