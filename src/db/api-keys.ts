import type { Instant } from '../domain/order.ts';
import { type Database, inTransaction, type Sql } from './client.ts';

/** Whom a key acts for: one user, or with null any (a service's key). */
export interface Principal {
  readonly userId: string | null;
}

export interface NewApiKey extends Principal {
  /** Hex of the key's SHA-256; the key itself is never stored. */
  readonly hash: string;
  /** Its first characters, to recognise it by. */
  readonly prefix: string;
}

export interface ApiKeyRow extends Principal {
  readonly prefix: string;
  readonly createdAt: Instant;
  readonly revokedAt: Instant | null;
}

export async function insertApiKey(sql: Sql, { hash, prefix, userId }: NewApiKey): Promise<void> {
  await sql`insert into api_keys (key_hash, prefix, user_id) values (decode(${hash}, 'hex'), ${prefix}, ${userId})`;
}

/** Whom the key with this hash acts for; null when it is unknown or revoked. */
export async function findPrincipal(sql: Sql, hash: string): Promise<Principal | null> {
  const [row] = await sql<Principal[]>`
    select user_id from api_keys where key_hash = decode(${hash}, 'hex') and revoked_at is null`;
  return row ?? null;
}

export async function listApiKeys(sql: Sql): Promise<ApiKeyRow[]> {
  return sql<ApiKeyRow[]>`select prefix, user_id, created_at, revoked_at from api_keys order by created_at`;
}

/** `ambiguous`: several live keys begin so, and none was revoked. */
export type Revocation = 'revoked' | 'already_revoked' | 'unknown' | 'ambiguous';

/** Revokes the one live key with this prefix: from the next request on it is refused. */
export async function revokeApiKey(db: Database, prefix: string): Promise<Revocation> {
  return inTransaction(db, async (tx): Promise<Revocation> => {
    const keys = await tx<{ isLive: boolean }[]>`
      select revoked_at is null as is_live from api_keys where prefix = ${prefix} for update`;
    if (keys.length === 0) return 'unknown';
    const live = keys.filter(({ isLive }) => isLive).length;
    if (live !== 1) return live === 0 ? 'already_revoked' : 'ambiguous';
    await tx`update api_keys set revoked_at = app_now() where prefix = ${prefix} and revoked_at is null`;
    return 'revoked';
  });
}
