import { type AttemptRow, endOf, findAttempt } from '../db/attempts.ts';
import { storeLookup } from '../db/lookups.ts';
import { findOrder, type OrderRow, orderToProbe } from '../db/orders.ts';
import {
  alarmForOrphan,
  closeOrphan,
  customerOfAccount,
  dueOrphans,
  markOrphanAlarmed,
  reopenOrphan,
} from '../db/orphans.ts';
import { liftPause, pausesToProbe } from '../db/pauses.ts';
import { closeGate, pairBook } from '../db/rate-watch.ts';
import type { ProviderReading } from '../db/readings.ts';
import { sendsOfAttempt } from '../db/sends.ts';
import { parsePair } from '../domain/assets.ts';
import { isUnresolved } from '../domain/attempt.ts';
import { isReadTwice } from '../domain/failure.ts';
import type { Instant } from '../domain/order.ts';
import { observedOf, type ProviderOrder } from '../domain/provider-order.ts';
import { orphanLookupDueAt, type Timing } from '../domain/timing.ts';
import type { Metrics } from '../metrics.ts';
import { datePass } from './book.ts';
import type { Activities, ErrandResult, OrphanRef } from './interface.ts';
import { type Found, findAtProvider, pageDoubt } from './lookups.ts';
import { said, takeQuote } from './provider.ts';
import { cancelAtProvider, type TransferDeps } from './transfers.ts';

export interface OrphanDeps extends TransferDeps {
  readonly metrics: Pick<Metrics, 'lastPassSeconds'>;
}

/** As many as one pass can follow under the cap on calls; the others stay due. */
const BATCH = 50;
const PROBES = 5;
/** Conduit knows us, and has no rate for that pair: after hours for days, which is to keep no other pair from its rate. */
const WITHOUT_RATE: readonly string[] = ['RATE_UNAVAILABLE', 'RATE_UNAVAILABLE_AFTER_HOURS'];
const DAY_S = 86_400;

/** By this reading. */
function showsMoney(found: Found): boolean {
  if (found.kind === 'ambiguous') return found.orders.some(({ order }) => isExecuted(order));
  if (found.kind !== 'found') return false;
  const { order, linked } = found.reading;
  return isExecuted(order) || linked?.effect === 'completed';
}

/**
 * By what was read before, of which this reading may show less. Where a transaction is still open it may yet come to nothing; but no
 * order waits for that beyond its expiry.
 */
function hasMoneyMoved(row: AttemptRow, found: Found, { expiresAt }: OrderRow, now: Instant): boolean {
  if (row.endKind === 'succeeded' || row.endLinked === 'completed') return true;
  if (found.kind === 'found' && showsItOver(found.reading, row)) return false;
  return row.endKind === null ? row.observed === 'claimed' : row.endLinked === 'open' && now >= expiresAt;
}

/** An end beside another one is none: which of the two holds nobody knows. */
function showsItOver({ order: { status }, linked }: ProviderReading, { endKind }: AttemptRow): boolean {
  const isEnd = status !== 'pending' && (endKind === null || endKind === status);
  return isEnd && linked?.effect !== 'open';
}

function isExecuted({ isClaimed, status }: ProviderOrder): boolean {
  return isClaimed || status === 'succeeded';
}

/** What was seen there once may be hidden by a read that lags: unclaimed, it is over with its lock; claimed, it is not absent at all. */
function mayBeAbsent({ observed, lockExpiresAt }: AttemptRow, now: Instant, timing: Timing): boolean {
  if (observed === null || observed === 'absent') return true;
  return observed === 'pending' && now >= (lockExpiresAt ?? Number.POSITIVE_INFINITY) + 120 * timing.secondMs;
}

/** By all that was read of it, which the newest reading may show less of. */
function hasEndedForGood(row: AttemptRow, timing: Timing): boolean {
  const end = endOf(row);
  if (end?.kind !== 'failed') return end !== null;
  return end.linked === 'completed' || isReadTwice(end, timing);
}

/** Follows what closed attempts left at the provider to its end, and tries whether pauses of our own making have healed. */
export function createOrphans(deps: OrphanDeps): Pick<Activities, 'listDueOrphans' | 'followOrphan' | 'probePauses'> {
  const { db, bell, timing } = deps;

  async function listDueOrphans(): Promise<OrphanRef[]> {
    const due = await dueOrphans(db, BATCH, DAY_S * timing.secondMs);
    await datePass(deps, 'orphans');
    return due.map(({ orderId, attempt }) => ({ orderId, attempt }));
  }

  async function followOrphan({ orderId, attempt: number }: OrphanRef): Promise<ErrandResult> {
    const order = await findOrder(db, orderId);
    const attempt = await findAttempt(db, orderId, number);
    if (!order || !attempt) return said('absent');
    const { now: begunAt, gateClosedUntil } = await pairBook(db, order.pair);
    if (gateClosedUntil !== null) return said('gate_closed');
    const found = await findAtProvider(deps, order, attempt);
    if (found.kind === 'rate_limited') return said('gate_closed');
    // The alarm comes before the reading is kept: a crash between the two rings it again instead of never.
    const mustRing = showsMoney(found) || hasMoneyMoved(attempt, found, order, begunAt);
    const isAnswered = !mustRing || (await raiseAlarm(order, attempt));
    await keep(order, attempt, found, begunAt);
    bell.log.info(
      { event: 'orphan_followed', order_id: order.id, attempt: attempt.attempt, status: found.kind },
      `orphan: ${found.kind}`,
    );
    return said(isAnswered ? await conclude(order, attempt, found, begunAt) : 'open', found.kind);
  }

  async function keep(
    order: OrderRow,
    attempt: AttemptRow,
    found: Exclude<Found, { kind: 'rate_limited' }>,
    begunAt: Instant,
  ): Promise<void> {
    const stored = await storeLookup(db, {
      orderId: attempt.orderId,
      attempt: attempt.attempt,
      result: found.kind === 'found' ? observedOf(found.reading.order) : found.kind,
      begunAt,
      reading: found.kind === 'found' ? found.reading : null,
      nextLookupAt: orphanLookupDueAt(
        attempt.createdAt,
        begunAt,
        timing,
        order.closedAt === null ? order.expiresAt : null,
      ),
    });
    pageDoubt(deps, stored, attempt);
  }

  async function conclude(
    order: OrderRow,
    attempt: AttemptRow,
    found: Found,
    begunAt: Instant,
  ): Promise<'open' | 'ended'> {
    const isAudit = attempt.orphanClosedAt !== null;
    const close = async (hasEnded: (row: AttemptRow) => boolean) =>
      (await closeOrphan(db, attempt, hasEnded)) ? 'ended' : 'open';
    if (found.kind === 'absent') {
      if (!isAudit && begunAt < (attempt.orphanUntil ?? 0)) return 'open';
      return close((row) => mayBeAbsent(row, begunAt, timing) || hasEndedForGood(row, timing));
    }
    if (found.kind === 'ambiguous') {
      for (const { order: twin } of found.orders) {
        if (observedOf(twin) === 'pending')
          await cancelAgain(order, { ...attempt, conduitOrderId: twin.id }, begunAt, true);
      }
      // None at all: it is another organisation's, which cannot be asked from here.
      const areEnded = found.orders.length > 0 && found.orders.every(({ order: twin }) => twin.status !== 'pending');
      return areEnded ? close(() => true) : 'open';
    }
    if (found.kind !== 'found') return 'open';
    const { order: theirs } = found.reading;
    if (observedOf(theirs) === 'pending') {
      if (isAudit) await reopenOrphan(db, order.id, attempt.attempt);
      await cancelAgain(order, { ...attempt, conduitOrderId: theirs.id }, begunAt);
      return 'open';
    }
    return close((row) => hasEndedForGood(row, timing));
  }

  /**
   * Money moves under a reference that we had closed: exactly what must not be. True once the order has ended; until then
   * every pass asks again, whatever was read before.
   */
  async function raiseAlarm(order: OrderRow, attempt: AttemptRow): Promise<boolean> {
    const alarm = await alarmForOrphan(db, order.id, attempt.attempt, timing);
    if (alarm?.hasEnded) {
      const { id, status, providerCode: code } = alarm.order;
      bell.recorded('orphan_alarm', status, order.status, { order_id: id, attempt: attempt.attempt, status, code });
    }
    if (alarm?.isNew) {
      bell.page('orphan_executed', { order_id: order.id, attempt: attempt.attempt, status: alarm.order.status });
      await markOrphanAlarmed(db, order.id, attempt.attempt);
    }
    await deps.cacheOrder(order.id);
    return !alarm || alarm.order.closedAt !== null;
  }

  /** Cancelling twice is harmless; a new key once the old one was refused or may be forgotten. */
  async function cancelAgain(order: OrderRow, attempt: AttemptRow, now: Instant, isTwin = false): Promise<void> {
    const cancels = (await sendsOfAttempt(db, order.id, attempt.attempt)).filter(
      ({ operation }) => operation === 'cancel',
    );
    const last = cancels.at(-1);
    // A key belongs to one order of theirs; of two under one reference each cancel has its own.
    const isSpent =
      last && ((isUnresolved(last) && last.code !== null) || now - last.permittedAt > timing.resendWindowMs);
    await cancelAtProvider(deps, order, attempt, last ? last.keyNumber + (isSpent || isTwin ? 1 : 0) : 1);
  }

  async function probePauses(): Promise<number> {
    let healed = 0;
    for (const pause of await pausesToProbe(db, PROBES)) {
      if (!(await isHealed(pause.scope).catch(() => false))) continue;
      // It may have become a person's matter meanwhile.
      if (!(await liftPause(db, pause.scope, true))) continue;
      healed += 1;
      bell.log.warn({ event: 'pause_lifted', scope: pause.scope }, 'a probe succeeded, the pause is lifted');
    }
    return healed;
  }

  async function isHealed(scope: string): Promise<boolean> {
    const order = await orderToProbe(db);
    if (!order) return false;
    const { gateClosedUntil } = await pairBook(db, order.pair);
    if (gateClosedUntil !== null) return false;
    if (scope.startsWith('account:')) return isAccountAlive(scope.slice('account:'.length));
    const quote = await takeQuote(deps, order.pair, { ...parsePair(order.pair), amount: order.amount });
    // Whatever it says of the rate or the pair: Conduit has let us in.
    if (quote.kind === 'unavailable') return WITHOUT_RATE.includes(quote.code);
    return quote.kind !== 'ours' && quote.kind !== 'gate_closed';
  }

  async function isAccountAlive(accountId: string): Promise<boolean> {
    const probe = await deps.conduit.probeAccount(accountId, await customerOfAccount(db, accountId));
    if (probe.kind === 'rate_limited') await closeGate(db, probe.retryAfterMs);
    return probe.kind === 'alive';
  }

  return { listDueOrphans, followOrphan, probePauses };
}
