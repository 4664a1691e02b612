import type { Instant } from '../domain/order.ts';
import type { Sql } from './client.ts';

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

/** Whether the key was kept: not when a live key begins the same, because then no prefix would tell the two apart. */
export async function insertApiKey(sql: Sql, { hash, prefix, userId }: NewApiKey): Promise<boolean> {
  const inserted = await sql`
    insert into api_keys (key_hash, prefix, user_id) values (decode(${hash}, 'hex'), ${prefix}, ${userId})
    on conflict (prefix) where revoked_at is null do nothing`;
  return inserted.count === 1;
}

/** Whom the key with this hash acts for; null when it is unknown or revoked. */
export async function findPrincipal(sql: Sql, hash: string): Promise<Principal | null> {
  const [row] = await sql<Principal[]>`
    select user_id from api_keys where key_hash = decode(${hash}, 'hex') and revoked_at is null`;
  return row ?? null;
}

/** A principal, and the present version of the order that it asks for; null when there is no such order. */
export interface Reader extends Principal {
  readonly orderVersion: number | null;
}

/** As {@link findPrincipal}, with the order's version from the same statement: what a cache shows is held against it. */
export async function findReader(sql: Sql, hash: string, orderId: string): Promise<Reader | null> {
  const [row] = await sql<Reader[]>`
    select user_id, (select version from orders where order_id = ${orderId}) as order_version
    from api_keys where key_hash = decode(${hash}, 'hex') and revoked_at is null`;
  return row ?? null;
}

export async function listApiKeys(sql: Sql): Promise<ApiKeyRow[]> {
  return sql<ApiKeyRow[]>`select prefix, user_id, created_at, revoked_at from api_keys order by created_at`;
}

export type Revocation = 'revoked' | 'already_revoked' | 'unknown';

/** Revokes the live key with this prefix, of which there is one at most: from the next request on it is refused. */
export async function revokeApiKey(sql: Sql, prefix: string): Promise<Revocation> {
  const revoked = await sql`
    update api_keys set revoked_at = app_now() where prefix = ${prefix} and revoked_at is null`;
  if (revoked.count > 0) return 'revoked';
  const known = await sql`select 1 from api_keys where prefix = ${prefix}`;
  return known.length > 0 ? 'already_revoked' : 'unknown';
}
