import { findPrincipal, findReader, type Principal, type Reader } from '../db/api-keys.ts';
import type { Sql } from '../db/client.ts';
import { DomainError } from '../domain/errors.ts';
import { hashApiKey, isApiKey } from './api-key.ts';

const BEARER = /^Bearer +(\S+)$/i;

/**
 * Whom the request's key acts for. Asked of PostgreSQL each time and never of a cache, so that a revoked key is refused from the next
 * request on. Missing, malformed, unknown and revoked get the same answer.
 */
export async function authenticate(sql: Sql, authorization: string | undefined): Promise<Principal> {
  return identify(authorization, (hash) => findPrincipal(sql, hash));
}

/** The same for a request about one order, whose present version comes from the same statement. */
export async function authenticateReader(
  sql: Sql,
  authorization: string | undefined,
  orderId: string,
): Promise<Reader> {
  return identify(authorization, (hash) => findReader(sql, hash, orderId));
}

async function identify<Who>(authorization: string | undefined, find: (hash: string) => Promise<Who | null>) {
  const key = BEARER.exec(authorization ?? '')?.[1];
  const who = key && isApiKey(key) ? await find(hashApiKey(key)) : null;
  if (!who) throw new DomainError('unauthenticated', 'send a valid API key as "Authorization: Bearer cpt_…"');
  return who;
}

/** Whether the key may act for the user: its own, or with a service's key any. */
export function actsFor({ userId }: Principal, otherUserId: string): boolean {
  return userId === null || userId === otherUserId;
}
