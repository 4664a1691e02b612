import type { FoundOrder } from '../clients/conduit/orders.ts';
import { type AttemptRow, findAttempt, setNextLookup } from '../db/attempts.ts';
import { type LookupStored, storeLookup } from '../db/lookups.ts';
import { findOrder, type OrderRow } from '../db/orders.ts';
import { closeGate, pairBook } from '../db/rate-watch.ts';
import type { ProviderReading } from '../db/readings.ts';
import { sendsOfAttempt } from '../db/sends.ts';
import type { LookupResult } from '../domain/attempt.ts';
import { attemptReference, sendKey } from '../domain/ids.ts';
import type { Instant, Seen } from '../domain/order.ts';
import { observedOf, readLock } from '../domain/provider-order.ts';
import { lookupDueAt, lookupsFrom } from '../domain/timing.ts';
import { readClaimedByPages } from './claimed-pages.ts';
import type { Activities, ErrandResult } from './interface.ts';
import { lockTermsOf, said, setPause } from './provider.ts';
import type { TransferDeps } from './transfers.ts';

/** What Conduit says of an attempt's order, before anything is concluded from it. */
export type Found =
  | { readonly kind: 'found'; readonly reading: ProviderReading }
  | { readonly kind: 'absent' | 'unavailable' }
  /** The orders under our reference, where that is what is wrong. */
  | { readonly kind: 'ambiguous'; readonly orders: readonly FoundOrder[] }
  | { readonly kind: 'rate_limited'; readonly retryAfterMs: number };

/** Looks a live attempt up and stores what was read; the loop decides on the row, not on this result. */
export function createLookups(deps: TransferDeps): Pick<Activities, 'lookUpAttempt'> {
  const { db, timing, bell } = deps;

  async function lookUpAttempt(orderId: string, seen: Seen): Promise<ErrandResult> {
    const order = await findOrder(db, orderId);
    const attempt = seen.attempt === null ? null : await findAttempt(db, orderId, seen.attempt);
    if (!order || !attempt) return said('superseded');
    const { now: begunAt, gateClosedUntil } = await pairBook(db, order.pair);
    if (gateClosedUntil !== null) {
      await setNextLookup(db, orderId, attempt.attempt, gateClosedUntil - begunAt);
      return said('gate_closed');
    }
    const byPages = await readClaimedByPages(deps, attempt, begunAt, async (shownAttempt, shown, dueAt) => {
      const shownOrder = await findOrder(db, shownAttempt.orderId);
      if (shownOrder) await keep(shownAttempt, await read(deps, shownOrder, shownAttempt, shown), begunAt, dueAt);
    });
    if (byPages === 'not_shown') return keep(attempt, await findAtProvider(deps, order, attempt), begunAt);
    return said(byPages === 'read' ? 'read_by_pages' : byPages);
  }

  async function keep(attempt: AttemptRow, found: Found, begunAt: Instant, dueAt?: Instant): Promise<ErrandResult> {
    const { orderId, attempt: number } = attempt;
    const result = resultOf(found);
    const from = lookupsFrom(await sendsOfAttempt(db, orderId, number)) ?? attempt.createdAt;
    const nextLookupAt =
      found.kind === 'rate_limited' ? begunAt + found.retryAfterMs : (dueAt ?? lookupDueAt(from, begunAt, timing));
    const reading = found.kind === 'found' ? found.reading : null;
    // That no money has moved counts only when it is read again half a minute later.
    const isToReadAgain = reading?.linked?.effect === 'none' || reading?.linked?.effect === 'no_effect';
    const stored = await storeLookup(db, {
      orderId,
      attempt: number,
      result,
      begunAt,
      reading,
      nextLookupAt: isToReadAgain ? begunAt + 30 * timing.secondMs : nextLookupAt,
    });
    bell.log.info({ event: 'lookup_stored', order_id: orderId, attempt: number, status: result }, `look-up: ${result}`);
    pageDoubt(deps, stored, attempt);
    await deps.cacheOrder(orderId);
    return said(result, reading?.order.status ?? null);
  }

  return { lookUpAttempt };
}

/** A person is called for what cannot be. */
export function pageDoubt({ bell }: TransferDeps, stored: LookupStored, { orderId, attempt }: AttemptRow): void {
  if (stored === 'second_order') bell.page('two_orders_under_reference', { order_id: orderId, attempt });
  if (stored === 'auto_execute') bell.page('auto_execute_ignored', { order_id: orderId, attempt });
  if (stored === 'contradicted') bell.page('end_contradicted', { order_id: orderId, attempt });
}

function resultOf(found: Found): LookupResult {
  if (found.kind === 'found') return observedOf(found.reading.order);
  return found.kind === 'rate_limited' ? 'unavailable' : found.kind;
}

/**
 * Asks Conduit for an attempt's order: by its id, else by our reference. Two exact matches pause everything: one reference is
 * one order, or our promise stands on sand. The reply cached under the create's key is a hint of the id that a GET confirms.
 */
export async function findAtProvider(deps: TransferDeps, order: OrderRow, attempt: AttemptRow): Promise<Found> {
  if (attempt.baseUrl !== deps.baseUrl || attempt.organisation !== deps.organisation) {
    // Nothing is sent for a closed attempt any more, so only a live one stops everything.
    const fields = { order_id: order.id, attempt: attempt.attempt, code: 'other_organisation' };
    if (attempt.closedBy === null) await stopEverything(deps, attempt, 'other_organisation');
    else if (isNews(attempt)) deps.bell.alert('other_organisation', fields);
    return { kind: 'ambiguous', orders: [] };
  }
  const key = sendKey(attemptReference(order.id, attempt.attempt), 'create', 1);
  const id = attempt.conduitOrderId ?? hintedId(await deps.hints.readReply(key));
  if (id) {
    const reply = await deps.conduit.getOrder(id);
    if (reply.kind === 'rate_limited') return limited(deps, reply.retryAfterMs);
    const isKnown = attempt.conduitOrderId !== null;
    if (reply.kind === 'unavailable' && isKnown) return { kind: 'unavailable' };
    if (reply.kind === 'found') {
      const { reference } = reply.order;
      // The reference is optional in the body: an order that we know by its id is ours without it, a hinted one is not.
      if (reference === attempt.reference || (isKnown && reference === null)) return read(deps, order, attempt, reply);
      if (isKnown) {
        if (attempt.closedBy === null) await stopEverything(deps, attempt, 'reference_differs');
        else if (isNews(attempt))
          deps.bell.alert('reference_differs', { order_id: order.id, attempt: attempt.attempt, code: id });
        return { kind: 'ambiguous', orders: [] };
      }
    }
    // A known order that Conduit does not have is "absent"; a hint that leads nowhere, or cannot even be asked for, is only a bad hint.
    if (isKnown) return { kind: 'absent' };
  }
  const matches = await deps.conduit.findOrders(attempt.reference);
  if (matches.kind === 'rate_limited') return limited(deps, matches.retryAfterMs);
  if (matches.kind === 'unavailable') return { kind: 'unavailable' };
  const [match, second] = matches.orders;
  if (!match) return { kind: 'absent' };
  if (!second) return read(deps, order, attempt, match);
  await stopEverything(deps, attempt, 'two_orders_under_reference');
  return { kind: 'ambiguous', orders: matches.orders };
}

/** What a person has seen and resumed stays resumed: only the first of several such look-ups pauses and calls. */
function isNews({ lookupResult }: AttemptRow): boolean {
  return lookupResult !== 'ambiguous';
}

async function stopEverything(deps: TransferDeps, attempt: AttemptRow, reason: string): Promise<void> {
  if (!isNews(attempt)) return;
  await setPause(deps, 'all', reason, { isHealing: false });
  const fields = { order_id: attempt.orderId, attempt: attempt.attempt, code: reason };
  deps.bell.page('two_orders_under_reference', fields);
}

/** The order's id in a reply that was kept; whatever else stands there is no hint. */
function hintedId(reply: string | null): string | null {
  try {
    const { id } = JSON.parse(reply ?? '{}') as { id?: unknown };
    return typeof id === 'string' ? id : null;
  } catch {
    return null;
  }
}

async function limited({ db }: TransferDeps, retryAfterMs: number): Promise<Found> {
  await closeGate(db, retryAfterMs);
  return { kind: 'rate_limited', retryAfterMs };
}

/** A failed order is read with every transaction that was ever shown as linked to it: without them its failure proves nothing. */
async function read(
  deps: TransferDeps,
  row: OrderRow,
  attempt: AttemptRow,
  { order, raw }: FoundOrder,
): Promise<Found> {
  const lock = readLock(order, lockTermsOf(row, attempt, deps.sanity));
  if (order.status !== 'failed') return { kind: 'found', reading: { order, lock, linked: null, raw } };
  const transactionIds = [...new Set([...attempt.linkedTransactionIds, ...order.linkedTransactionIds])];
  const linked = await deps.conduit.getTransactions(transactionIds);
  if (linked.kind === 'rate_limited') return limited(deps, linked.retryAfterMs);
  // One that cannot be read may still be under way.
  const effect = linked.kind === 'read' ? linked.effect : 'open';
  return { kind: 'found', reading: { order, lock, linked: { effect, transactionIds }, raw } };
}
