import type { FoundOrder } from '../clients/conduit/orders.ts';
import type { AttemptRow } from '../db/attempts.ts';
import { areClaimedAbove, leaveToThemselves, takeDueClaimed } from '../db/claimed.ts';
import { closeGate } from '../db/rate-watch.ts';
import type { Instant } from '../domain/order.ts';
import type { TransferDeps } from './transfers.ts';

/** Above this many, one call a claimed order would take the calls that others need. */
const MANY = 100;
const BATCH = 500;
const MAX_PAGES = 10;
/** No further page is asked for after this: the attempt that asked must still have its own look-up within its activity. */
const PAGES_MS = 4_000;
const HOUR_S = 3_600;
/** Our clock and Conduit's may differ by this much, and then some. */
const CLOCK_ERROR_MS = 10_000;
/** When who read is due again, and when those that were read for are: later, so that one of them reads for all. */
const READER_AGAIN_S = 30;
const OTHERS_AGAIN_S = 45;
/** Reaches from the one to the other. */
const WITHIN_S = 20;
const MISSED_S = 60;

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
  keep: (attempt: AttemptRow, shown: FoundOrder, nextLookupAt: Instant) => Promise<void>,
): Promise<PagesResult> {
  const { db, timing } = deps;
  const isYoung = begunAt - own.createdAt < HOUR_S * timing.secondMs;
  const isMissed = own.pagesMissedAt !== null && begunAt - own.pagesMissedAt < MISSED_S * timing.secondMs;
  if (own.observed !== 'claimed' || !isYoung || isMissed || !(await areClaimedAbove(db, MANY))) return 'not_shown';
  const taken = await takeDueClaimed(db, {
    withinMs: WITHIN_S * timing.secondMs,
    holdMs: 30 * timing.secondMs,
    maxAgeMs: HOUR_S * timing.secondMs,
    missedForMs: MISSED_S * timing.secondMs,
    limit: BATCH,
  });
  const waiting = new Map(taken.map((attempt) => [attempt.reference, attempt]));
  if (!waiting.has(own.reference)) return 'elsewhere';
  const createdFrom = Math.min(...taken.map(({ createdAt }) => createdAt)) - CLOCK_ERROR_MS;
  try {
    const isGateClosed = await readPages(deps, createdFrom, async (shown) => {
      const attempt = waiting.get(shown.order.reference ?? '');
      // Twins under one reference are for the look-up by reference to find.
      if (!attempt || attempt.conduitOrderId !== shown.order.id) return waiting.size === 0;
      const againS = attempt.reference === own.reference ? READER_AGAIN_S : OTHERS_AGAIN_S;
      await keep(attempt, shown, begunAt + againS * timing.secondMs);
      waiting.delete(attempt.reference);
      return waiting.size === 0;
    });
    return isGateClosed ? 'gate_closed' : waiting.has(own.reference) ? 'not_shown' : 'read';
  } finally {
    if (waiting.size > 0) await leaveToThemselves(db, [...waiting.keys()]);
  }
}

/** Hands on what the list shows until `show` says that it is enough; true when Conduit asked us to wait. */
async function readPages(
  { db, conduit }: TransferDeps,
  createdFrom: Instant,
  show: (shown: FoundOrder) => Promise<boolean>,
): Promise<boolean> {
  const giveUpAt = performance.now() + PAGES_MS;
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PAGES && performance.now() < giveUpAt; pages += 1) {
    const page = await conduit.listOrders({ createdFrom, ...(cursor === undefined ? {} : { cursor }) });
    if (page.kind === 'rate_limited') {
      await closeGate(db, page.retryAfterMs);
      return true;
    }
    if (page.kind !== 'read') return false;
    for (const shown of page.orders) if (await show(shown)) return false;
    if (page.nextCursor === null) return false;
    cursor = page.nextCursor;
  }
  return false;
}
