import { createHash } from 'node:crypto';
import { canonicalDecimal } from '../domain/decimal.ts';
import type { CreateOrder } from './create-order.ts';

/** The canonical form that new keys are bound to. */
export const HASH_VERSION = 1;

/**
 * What makes two bodies the same request, one function per version: an old key is always compared by the form it was stored
 * with, so these never change. Decimals without trailing zeros, times in UTC milliseconds, in a fixed order.
 */
const CANONICAL_FORMS: Record<number, (order: CreateOrder) => readonly (string | number | null)[]> = {
  1: (order) => [
    order.userId,
    order.from.currency,
    order.from.network,
    order.to.currency,
    order.to.network,
    canonicalDecimal(order.amount),
    canonicalDecimal(order.targetRate),
    order.direction,
    order.expiresAt,
  ],
};

/** Hex of the SHA-256 over the version and the canonical form. Throws on a version that no release ever wrote. */
export function requestHash(order: CreateOrder, version: number): string {
  const canonical = CANONICAL_FORMS[version];
  if (!canonical) throw new Error(`no canonical form has version ${version}`);
  return createHash('sha256')
    .update(JSON.stringify([version, ...canonical(order)]))
    .digest('hex');
}
