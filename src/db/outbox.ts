import type { Database, Transaction } from './client.ts';

export const TOPICS = ['order-checks', 'order-changes', 'conduit-events'] as const;
export type Topic = (typeof TOPICS)[number];

type Payload = Record<string, string | number | null>;

export interface OutboxMessage {
  readonly messageId: string;
  readonly topic: Topic;
  readonly payload: Payload;
}

/** Writes a message in the transaction of the fact it tells. */
export async function addMessage(tx: Transaction, topic: Topic, payload: Payload): Promise<void> {
  await tx`insert into outbox (topic, payload) values (${topic}, ${tx.json(payload)})`;
}

/** Takes up to `limit` unpublished messages, oldest first, for `leaseMs`: nobody else publishes them meanwhile. */
export async function claimMessages(db: Database, limit: number, leaseMs: number): Promise<OutboxMessage[]> {
  return db<OutboxMessage[]>`
    update outbox set claimed_until = app_now() + ${leaseMs} * interval '1 millisecond'
    where message_id in (
      select message_id from outbox
      where published_at is null and (claimed_until is null or claimed_until <= app_now())
      order by message_id limit ${limit} for update skip locked)
    returning message_id, topic, payload`;
}

export async function markPublished(db: Database, messageIds: readonly string[]): Promise<void> {
  await db`update outbox set published_at = app_now() where message_id = any (${messageIds as string[]}::bigint[])`;
}

/** Gives messages back whose publishing failed, so that they need not wait for the end of their lease. */
export async function releaseMessages(db: Database, messageIds: readonly string[]): Promise<void> {
  await db`update outbox set claimed_until = null where message_id = any (${messageIds as string[]}::bigint[]) and published_at is null`;
}

/** Unpublished messages and the age of the oldest, for metrics and readiness. */
export async function outboxLag(db: Database): Promise<{ count: number; oldestMs: number }> {
  const [row] = await db<{ count: number; oldestMs: number }[]>`
    select count(*)::int as count, coalesce(extract(epoch from app_now() - min(created_at)) * 1000, 0)::float8 as oldest_ms
    from outbox where published_at is null`;
  return row ?? { count: 0, oldestMs: 0 };
}
