import type { Sql, Transaction } from './client.ts';

/** The order that holds a key, and the body it came with. */
export interface HeldKey {
  readonly orderId: string;
  /** Hex of the SHA-256 of the body's canonical form. */
  readonly requestHash: string;
  /** Which canonical form that was. */
  readonly hashVersion: number;
}

export interface KeyClaim extends HeldKey {
  readonly userId: string;
  readonly key: string;
}

/** The order that holds a user's key, or null. */
export async function findKey(sql: Sql, userId: string, key: string): Promise<HeldKey | null> {
  const [held] = await sql<HeldKey[]>`
    select order_id, encode(request_hash, 'hex') as request_hash, hash_version
    from idempotency_keys where user_id = ${userId} and key = ${key}`;
  return held ?? null;
}

/**
 * Claims the key for a new order, or returns who holds it. A claim that meets another one under way waits for its end, so of
 * any number at once exactly one gets null. The caller's transaction also inserts the order.
 */
export async function claimKey(tx: Transaction, claim: KeyClaim): Promise<HeldKey | null> {
  const claimed = await tx`
    insert into idempotency_keys (user_id, key, order_id, request_hash, hash_version)
    values (${claim.userId}, ${claim.key}, ${claim.orderId}, decode(${claim.requestHash}, 'hex'), ${claim.hashVersion})
    on conflict (user_id, key) do nothing`;
  if (claimed.count === 1) return null;
  const held = await findKey(tx, claim.userId, claim.key);
  if (!held) throw new Error('a key that is taken has no holder');
  return held;
}
