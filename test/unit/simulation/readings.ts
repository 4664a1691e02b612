import type { LinkedEffect, LookupResult, Observed, ProviderEnd } from '../../../src/domain/attempt.ts';
import type { Instant } from '../../../src/domain/order.ts';
import { type Lock, observedOf, type ProviderOrder } from '../../../src/domain/provider-order.ts';
import type { SendOutcome } from '../../../src/domain/replies.ts';
import { setPause } from './records.ts';
import type { AttemptRow, SendRow } from './tables.ts';
import type { World } from './world.ts';

/** What `src/db` keeps of replies and look-ups. None of it changes a version. */

export interface Reading {
  readonly order: ProviderOrder;
  readonly lock: Lock;
  readonly linked: LinkedEffect | null;
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
  if (send.operation === 'create' && reading) storeFirstReading(world, attempt, reading);
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

/** `storeCreated`: the first order read stays, and an order is a stronger reading than "absent". */
function storeCreated({ rules }: World, attempt: AttemptRow, { order, lock }: Reading): void {
  if (attempt.conduitOrderId !== null) return;
  attempt.conduitOrderId = order.id;
  attempt.locked = lock.amounts;
  attempt.lockFault = lock.fault;
  attempt.lockExpiresAt = lock.expiresAt;
  if (attempt.observed === null || (attempt.observed === 'absent' && rules.replyOutranksAbsent))
    attempt.observed = 'pending';
}

function storeFirstReading(world: World, attempt: AttemptRow, reading: Reading): void {
  storeCreated(world, attempt, reading);
  // A failure proves nothing until its linked transactions are read: that is for a look-up.
  if (reading.order.status === 'failed') return;
  raiseObserved(world, attempt, observedOf(reading.order));
  if (reading.order.status !== 'pending') storeEnd(world, attempt, reading);
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
  attempt.lookup = { result, begunAt };
  attempt.nextLookupAt = nextLookupAt;
  world.note(() => `look-up of attempt ${attempt.number}: ${result}${reading ? ` ${reading.order.status}` : ''}`);
  if (result === 'absent') raiseObserved(world, attempt, 'absent');
  if (!reading || (attempt.conduitOrderId !== null && attempt.conduitOrderId !== reading.order.id)) return;
  if (isNews(attempt, observedOf(reading.order))) world.counts.adopted += 1;
  storeCreated(world, attempt, reading);
  raiseObserved(world, attempt, observedOf(reading.order));
  if (reading.order.status !== 'pending') storeEnd(world, attempt, reading);
}

/** Whether a look-up tells what no reply had told: that there is an order, or that it was claimed. */
function isNews({ conduitOrderId, observed, sends }: AttemptRow, shown: Observed): boolean {
  if (conduitOrderId === null) return true;
  const isAccepted = sends.some(({ operation, outcome }) => operation === 'execute' && outcome === 'accepted');
  return shown === 'claimed' && observed !== 'claimed' && observed !== 'terminal' && !isAccepted;
}

/** `storeEnd`: the first end read is the end; only its linked transactions may still become clear. */
function storeEnd({ now }: World, attempt: AttemptRow, { order, linked }: Reading): void {
  const { end } = attempt;
  if (order.status === 'pending' || (end !== null && end.kind !== order.status)) return;
  attempt.end = endOf(order, linked, end, now);
}

function endOf(
  order: ProviderOrder,
  linked: LinkedEffect | null,
  before: ProviderEnd | null,
  now: Instant,
): ProviderEnd {
  if (order.status === 'succeeded') return { kind: 'succeeded' };
  if (order.status === 'cancelled') return { kind: 'cancelled', reason: order.cancellationReason };
  const earlier = before?.kind === 'failed' ? before : null;
  return {
    kind: 'failed',
    code: order.failureCode,
    linked: strongerOf(earlier?.linked ?? null, linked ?? 'open'),
    firstReadAt: earlier?.firstReadAt ?? now,
  };
}

/** Money that was seen to have moved has moved; "none" after "open" is a read that lags. */
function strongerOf(before: LinkedEffect | null, now: LinkedEffect): LinkedEffect {
  return before === 'completed' || (before === 'open' && now === 'none') ? before : now;
}
