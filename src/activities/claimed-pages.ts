import type { FoundOrder } from '../clients/conduit/orders.ts';
import type { AttemptRow } from '../db/attempts.ts';
import { areClaimedAbove, takeDueClaimed } from '../db/claimed.ts';
import { closeGate } from '../db/rate-watch.ts';
import type { Instant } from '../domain/order.ts';
import type { TransferDeps } from './transfers.ts';

/** Above this many, one call a claimed order would take the calls that others need. */
const MANY = 100;
const BATCH = 500;
const MAX_PAGES = 10;
const HOUR_S = 3_600;
/** Our clock and Conduit's may differ by this much, and then some. */
const CLOCK_ERROR_MS = 10_000;

/** `elsewhere`: another reader has this attempt in its batch. `not_shown`: it must be looked up by itself. */
export type PagesResult = 'read' | 'elsewhere' | 'gate_closed' | 'not_shown';

/**
 * Looks up every claimed attempt that is due from Conduit's list, a hundred a call, `begunAt` being the database's clock before
 * the first. What a page does not show proves nothing: such an attempt is then looked up by itself.
 */
export async function readClaimedByPages(
  deps: TransferDeps,
  own: AttemptRow,
  begunAt: Instant,
  keep: (attempt: AttemptRow, shown: FoundOrder) => Promise<void>,
): Promise<PagesResult> {
  const { db, conduit, timing } = deps;
  const isBatched = own.observed === 'claimed' && begunAt - own.createdAt < HOUR_S * timing.secondMs;
  if (!isBatched || !(await areClaimedAbove(db, MANY))) return 'not_shown';
  const taken = await takeDueClaimed(db, {
    withinMs: 10 * timing.secondMs,
    holdMs: 30 * timing.secondMs,
    maxAgeMs: HOUR_S * timing.secondMs,
    limit: BATCH,
  });
  const waiting = new Map(taken.map((attempt) => [attempt.reference, attempt]));
  if (!waiting.has(own.reference)) return 'elsewhere';
  const createdFrom = Math.min(...taken.map(({ createdAt }) => createdAt)) - CLOCK_ERROR_MS;
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PAGES && waiting.size > 0; pages += 1) {
    const page = await conduit.listOrders({ createdFrom, ...(cursor === undefined ? {} : { cursor }) });
    if (page.kind === 'rate_limited') {
      await closeGate(db, page.retryAfterMs);
      return 'gate_closed';
    }
    if (page.kind !== 'read') break;
    for (const shown of page.orders) {
      const attempt = waiting.get(shown.order.reference ?? '');
      // Twins under one reference are for the look-up by reference to find.
      if (!attempt || attempt.conduitOrderId !== shown.order.id) continue;
      await keep(attempt, shown);
      waiting.delete(attempt.reference);
    }
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return waiting.has(own.reference) ? 'not_shown' : 'read';
}
