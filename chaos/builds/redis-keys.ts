// Stands in for src/db/idempotency-keys.ts in the build that trusts Redis with the record of keys.
import { Redis } from 'ioredis';
import type { Sql, Transaction } from '../../src/db/client.ts';
import type { HeldKey, KeyClaim } from '../../src/db/idempotency-keys.ts';

const DAY_S = 86_400;
const redis = new Redis(process.env['REDIS_URL'] ?? '', { lazyConnect: true, maxRetriesPerRequest: 2 });
const nameOf = (userId: string, key: string) => `claimed:${userId}:${key}`;

export async function findKey(_sql: Sql, userId: string, key: string): Promise<HeldKey | null> {
  const text = await redis.get(nameOf(userId, key));
  return text === null ? null : (JSON.parse(text) as HeldKey);
}

/** Redis decides; the table only remembers who came first. */
export async function claimKey(tx: Transaction, claim: KeyClaim): Promise<HeldKey | null> {
  const { userId, key, ...held } = claim;
  const taken = await redis.set(nameOf(userId, key), JSON.stringify(held), 'EX', DAY_S, 'NX');
  if (taken !== 'OK') return findKey(tx, userId, key);
  await tx`
    insert into idempotency_keys (user_id, key, order_id, request_hash, hash_version)
    values (${userId}, ${key}, ${held.orderId}, decode(${held.requestHash}, 'hex'), ${held.hashVersion})
    on conflict (user_id, key) do nothing`;
  return null;
}
