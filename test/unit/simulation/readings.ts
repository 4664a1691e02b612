import type { LinkedEffect, LookupResult, Observed } from '../../../src/domain/attempt.ts';
import { failureAfter } from '../../../src/domain/failure.ts';
import { type Instant, isTerminalOrder } from '../../../src/domain/order.ts';
import { type Lock, observedOf, type ProviderOrder } from '../../../src/domain/provider-order.ts';
import type { SendOutcome } from '../../../src/domain/replies.ts';
import { setPause } from './records.ts';
import { type AttemptRow, isMoneyMoving, type SendRow } from './tables.ts';
import type { World } from './world.ts';

/** What `src/db` keeps of replies and look-ups. None of it changes a version. */

export interface Reading {
  readonly order: ProviderOrder;
  readonly lock: Lock;
  readonly linked: { readonly effect: LinkedEffect; readonly transactionIds: readonly string[] } | null;
}

export interface SendResult {
  readonly outcome: SendOutcome;
  readonly code: string | null;
  readonly httpStatus: number | null;
  readonly retryAfterMs: number | null;
}

const RANKS: Record<Observed, number> = { absent: 0, pending: 1, claimed: 2, terminal: 3 };

/** `storeSendReply`: a send's own reply, once, and what it shows. */
export function storeSendReply(
  world: World,
  attempt: AttemptRow,
  send: SendRow,
  result: SendResult,
  reading: Reading | null,
): void {
  const { now, rules } = world;
  if (send.outcome === null) {
    send.outcome = result.outcome;
    send.code = result.code;
    send.repliedAt = now;
    send.retryAt = result.retryAfterMs === null ? null : now + result.retryAfterMs;
    world.note(() => `reply to send ${send.id}: ${result.outcome} ${result.code ?? ''}`);
  }
  if (result.outcome !== 'accepted') return;
  if (reading && attempt.conduitOrderId !== null && attempt.conduitOrderId !== reading.order.id) {
    setPause(world, 'all', false);
    return;
  }
  if (attempt.closedBy === 'reading') return;
  if (send.operation === 'create' && reading && !isDoubtful(attempt, reading))
    storeReading(world, attempt, reading, now);
  if (send.operation === 'execute') raiseObserved(world, attempt, 'claimed');
  if (attempt.closedBy !== 'fence' || send.operation === 'cancel') return;
  if (!rules.closedStaysClosed) {
    attempt.status = 'created';
    attempt.closedBy = null;
    return;
  }
  attempt.orphanClosedAt = null;
  attempt.nextLookupAt = now;
  attempt.orphanUntil ??= now;
  world.followOrphans();
  if (send.operation === 'execute') setPause(world, 'all', false);
}

/** `storeReading`. */
function storeReading(world: World, attempt: AttemptRow, reading: Reading, begunAt: Instant): void {
  const { order, linked } = reading;
  storeCreated(world, attempt, reading);
  const known = {
    end: attempt.end,
    transactionIds: attempt.linkedTransactionIds,
    readAt: attempt.lookup?.begunAt ?? null,
  };
  attempt.linkedTransactionIds = [...new Set([...known.transactionIds, ...order.linkedTransactionIds])];
  if (order.status === 'failed' && linked === null) return;
  raiseObserved(world, attempt, observedOf(order));
  if (order.status === 'succeeded') attempt.end = { kind: 'succeeded' };
  if (order.status === 'cancelled') attempt.end = { kind: 'cancelled', reason: order.cancellationReason };
  if (order.status !== 'failed' || linked === null) return;
  const end = known.end?.kind === 'failed' ? known.end : null;
  attempt.end = failureAfter(
    { ...known, end },
    { code: order.failureCode, linked: linked.effect, transactionIds: linked.transactionIds, begunAt },
    world.now,
  );
}

/** `doubtAbout`. */
function isDoubtful({ conduitOrderId, end }: AttemptRow, { order }: Reading): boolean {
  if (conduitOrderId !== null && conduitOrderId !== order.id) return true;
  return end !== null && order.status !== 'pending' && order.status !== end.kind;
}

/** `storeCreated`: the first order read stays, and an order is a stronger reading than "absent". */
function storeCreated(world: World, attempt: AttemptRow, { order, lock }: Reading): void {
  if (attempt.conduitOrderId !== null) return;
  if (lock.fault === 'auto_execute') setPause(world, 'all', false);
  attempt.conduitOrderId = order.id;
  attempt.locked = lock.amounts;
  attempt.lockFault = lock.fault;
  attempt.lockExpiresAt = lock.expiresAt;
  if (attempt.observed === null || (attempt.observed === 'absent' && world.rules.replyOutranksAbsent))
    attempt.observed = 'pending';
}

function raiseObserved({ rules, laws }: World, attempt: AttemptRow, to: Observed): void {
  if (to === 'claimed') laws.claimRead(attempt.number);
  if (rules.readingsOnlyRise && attempt.observed !== null && RANKS[attempt.observed] >= RANKS[to]) return;
  attempt.observed = to;
}

interface Lookup {
  readonly result: LookupResult;
  readonly begunAt: Instant;
  readonly reading: Reading | null;
  readonly nextLookupAt: Instant;
}

/** `storeLookup`: the newest result as it is, the strongest reading only ever higher. */
export function storeLookup(
  world: World,
  attempt: AttemptRow,
  { result, begunAt, reading, nextLookupAt }: Lookup,
): void {
  world.note(() => `look-up of attempt ${attempt.number}: ${result}${reading ? ` ${reading.order.status}` : ''}`);
  const wasMoving = isMoneyMoving(attempt);
  const isSeenDoubtful = attempt.lookup?.result === 'ambiguous';
  const isDoubt = reading !== null && isDoubtful(attempt, reading);
  if (reading && !isDoubt) {
    if (isNews(attempt, observedOf(reading.order))) world.counts.adopted += 1;
    storeReading(world, attempt, reading, begunAt);
  }
  if (result === 'absent') raiseObserved(world, attempt, 'absent');
  if (attempt.lookup === null || begunAt >= attempt.lookup.begunAt) {
    const isDoubtKept = isDoubt || (result === 'unavailable' && isSeenDoubtful);
    attempt.lookup = { result: isDoubtKept ? 'ambiguous' : result, begunAt };
    attempt.nextLookupAt = nextLookupAt;
  } else attempt.nextLookupAt = Math.max(attempt.nextLookupAt ?? nextLookupAt, nextLookupAt);
  if (isDoubt && !isSeenDoubtful) setPause(world, 'all', false);
  // `followIfMoving`
  const isKnown = wasMoving && isTerminalOrder(world.tables.order.status);
  if (attempt.closedBy === null || attempt.status === 'succeeded' || isKnown || !isMoneyMoving(attempt)) return;
  if (attempt.orphanUntil === null || attempt.orphanClosedAt !== null) attempt.nextLookupAt = world.now;
  attempt.orphanUntil ??= world.now;
  attempt.orphanClosedAt = null;
  world.followOrphans();
}

/** Whether a look-up tells what no reply had told: that there is an order, or that it was claimed. */
function isNews({ conduitOrderId, observed, sends }: AttemptRow, shown: Observed): boolean {
  if (conduitOrderId === null) return true;
  const isAccepted = sends.some(({ operation, outcome }) => operation === 'execute' && outcome === 'accepted');
  return shown === 'claimed' && observed !== 'claimed' && observed !== 'terminal' && !isAccepted;
}
