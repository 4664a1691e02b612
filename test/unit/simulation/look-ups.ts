import type { ErrandResult } from '../../../src/activities/interface.ts';
import { parsePair } from '../../../src/domain/assets.ts';
import type { LookupResult } from '../../../src/domain/attempt.ts';
import type { Seen } from '../../../src/domain/order.ts';
import { observedOf, readLock } from '../../../src/domain/provider-order.ts';
import { lookupDueAt, lookupsFrom } from '../../../src/domain/timing.ts';
import { DEADLINE_MS } from './network.ts';
import { type Reading, storeLookup } from './readings.ts';
import { setPause } from './records.ts';
import { pass, type Steps } from './steps.ts';
import { type AttemptRow, isMoneyMoving } from './tables.ts';
import { DESTINATION_ACCOUNT, effectOf, linkedAt, PAIR, SOURCE_ACCOUNT, shownAt } from './their-orders.ts';
import type { World } from './world.ts';

export const BOUNDS = { jumpFactor: '1.2', absurdFactor: '10' };

export function readingOf(attempt: AttemptRow, order: Reading['order'], linked: Reading['linked']): Reading {
  const accounts = { sourceAccount: SOURCE_ACCOUNT, destinationAccount: DESTINATION_ACCOUNT };
  const terms = {
    ...parsePair(PAIR),
    ...accounts,
    quoteOptionId: attempt.optionId,
    allInRate: attempt.allInRate,
    bounds: BOUNDS,
  };
  return { order, linked, lock: readLock(order, terms) };
}

/** `lookUpAttempt`. */
export function* lookUp(world: World, seen: Seen): Steps<ErrandResult> {
  const { tables, now: begunAt, timing } = world;
  const attempt = seen.attempt === null ? undefined : tables.attempts[seen.attempt - 1];
  if (!attempt) return { result: 'superseded', code: null };
  if (tables.gateClosedUntil > begunAt) {
    attempt.nextLookupAt = tables.gateClosedUntil;
    return { result: 'gate_closed', code: null };
  }
  const found = yield* find(world, attempt);
  yield* pass(world, 'reply');
  const dueAt = lookupDueAt(lookupsFrom(attempt.sends) ?? attempt.createdAt, begunAt, timing);
  const reading = found.kind === 'found' ? found.reading : null;
  const isToReadAgain = reading?.linked?.effect === 'none' || reading?.linked?.effect === 'no_effect';
  const nextLookupAt =
    found.kind === 'limited' ? begunAt + found.retryAfterMs : isToReadAgain ? begunAt + 30 * timing.secondMs : dueAt;
  const result = resultOf(found);
  storeLookup(world, attempt, { result, begunAt, reading, nextLookupAt });
  return { result, code: null };
}

export type Found =
  | { readonly kind: 'found'; readonly reading: Reading }
  | { readonly kind: 'absent' | 'unavailable' }
  | { readonly kind: 'ambiguous'; readonly orders: readonly Reading['order'][] }
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

export function resultOf(found: Found): LookupResult {
  if (found.kind === 'found') return observedOf(found.reading.order);
  return found.kind === 'limited' ? 'unavailable' : found.kind;
}

/** How old a view of a failure may be at most, that its linked transactions are seen within the half minute of the second read. */
const FAILURE_LAG_MS = 20_000;

/** `findAtProvider`: by Conduit's id, else by our reference; the view may lag. */
export function* find(world: World, attempt: AttemptRow): Steps<Found> {
  const { conduit } = world;
  const { latencyMs } = world.history.terms.conduit;
  const fault = world.lookFaults.shift();
  if (fault?.kind === 'down') {
    yield DEADLINE_MS;
    return { kind: 'unavailable' };
  }
  yield latencyMs;
  if (fault?.kind === 'limited') {
    world.closeGate(fault.retryAfterMs);
    return { kind: 'limited', retryAfterMs: fault.retryAfterMs };
  }
  const theirs = conduit.orders.filter(({ id, reference }) =>
    attempt.conduitOrderId === null ? reference === attempt.reference : id === attempt.conduitOrderId,
  );
  const lagMs = fault?.kind === 'lag' ? fault.ms : 0;
  // Of what is not known yet: what was shown once is read by its id.
  const isToAppear = theirs.some(({ end }) => end?.kind === 'failed' && end.linked.endsWith('appears'));
  const at = conduit.clock - (isToAppear && !isMoneyMoving(attempt) ? Math.min(lagMs, FAILURE_LAG_MS) : lagMs);
  const shown = theirs.flatMap((order) => shownAt(order, at) ?? []);
  yield latencyMs;
  const [first, second] = shown;
  if (!first) return { kind: 'absent' };
  if (second) {
    if (attempt.lookup?.result !== 'ambiguous') setPause(world, 'all', false);
    return { kind: 'ambiguous', orders: shown };
  }
  const entry = theirs.find(({ id }) => id === first.id);
  const isFailed = first.status === 'failed' && entry !== undefined;
  if (!isFailed) return { kind: 'found', reading: readingOf(attempt, first, null) };
  const transactionIds = [...new Set([...attempt.linkedTransactionIds, ...first.linkedTransactionIds])];
  // A list may lag; a transaction is read by its id, and where there is none to be read nothing fails. One that cannot be read may still
  // be under way.
  const truth = effectOf(linkedAt(entry, conduit.clock), transactionIds);
  const effect = fault?.kind === 'linked_unreadable' && transactionIds.length > 0 ? 'open' : truth;
  return { kind: 'found', reading: readingOf(attempt, first, { effect, transactionIds }) };
}
