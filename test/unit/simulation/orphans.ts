import { isUnresolved, sendsOf } from '../../../src/domain/attempt.ts';
import { isReadTwice } from '../../../src/domain/failure.ts';
import { type Instant, isTerminalOrder } from '../../../src/domain/order.ts';
import { observedOf, type ProviderOrder } from '../../../src/domain/provider-order.ts';
import { ORPHANS_EVERY_MS, orphanLookupDueAt } from '../../../src/domain/timing.ts';
import type { Task } from './agenda.ts';
import { cancelAtProvider } from './errands.ts';
import { type Found, find, resultOf } from './look-ups.ts';
import { storeLookup } from './readings.ts';
import { alarmForOrphan } from './records.ts';
import type { Steps } from './steps.ts';
import { type AttemptRow, isMoneyMoving } from './tables.ts';
import type { World } from './world.ts';

/** The schedule `orphans`: a pass every half minute, of which those that would find nothing due are left out. */
export class OrphanPatrol {
  readonly #world: World;
  readonly #startedAt: Instant;
  #pass: Task | null = null;

  constructor(world: World) {
    this.#world = world;
    this.#startedAt = world.now;
  }

  wake(): void {
    const { agenda, rules, tables } = this.#world;
    agenda.drop(this.#pass);
    this.#pass = null;
    const due = tables.attempts.filter(isOpenOrphan).map(({ nextLookupAt }) => nextLookupAt ?? 0);
    if (due.length === 0 || !rules.orphansAreFollowed) return;
    const from = Math.max(this.#world.now + 1, Math.min(...due)) - this.#startedAt;
    const at = this.#startedAt + Math.ceil(from / ORPHANS_EVERY_MS) * ORPHANS_EVERY_MS;
    this.#pass = agenda.at(at, () => {
      this.#pass = null;
      for (const attempt of tables.attempts.filter(isOpenOrphan)) {
        if ((attempt.nextLookupAt ?? 0) > this.#world.now) continue;
        this.#world.drive(follow(this.#world, attempt), () => this.wake());
      }
      // Also where an activity never ends: the next pass finds what is still due.
      this.wake();
    });
  }
}

function isOpenOrphan({ orphanUntil, orphanClosedAt }: AttemptRow): boolean {
  return orphanUntil !== null && orphanClosedAt === null;
}

/** `followOrphan`. */
function* follow(world: World, attempt: AttemptRow): Steps<void> {
  const { now: begunAt, tables, timing } = world;
  if (tables.gateClosedUntil > begunAt) return;
  const found = yield* find(world, attempt);
  if (found.kind === 'limited') return;
  const mustRing = showsMoney(found) || hasMoneyMoved(world, attempt, found);
  const isAnswered = !mustRing || alarmForOrphan(world, attempt);
  const reading = found.kind === 'found' ? found.reading : null;
  const { status, expiresAt } = tables.order;
  const nextLookupAt = orphanLookupDueAt(
    attempt.createdAt,
    begunAt,
    timing,
    isTerminalOrder(status) ? null : expiresAt,
  );
  storeLookup(world, attempt, { result: resultOf(found), begunAt, reading, nextLookupAt });
  if (isAnswered) yield* conclude(world, attempt, found, begunAt);
}

function hasMoneyMoved({ tables, now }: World, { observed, end }: AttemptRow, found: Found): boolean {
  if (end?.kind === 'succeeded' || (end?.kind === 'failed' && end.linked === 'completed')) return true;
  const isOver =
    found.kind === 'found' && found.reading.order.status !== 'pending' && found.reading.linked?.effect !== 'open';
  if (isOver) return false;
  if (end === null) return observed === 'claimed';
  return end.kind === 'failed' && end.linked === 'open' && now >= tables.order.expiresAt;
}

function showsMoney(found: Found): boolean {
  if (found.kind === 'ambiguous') return found.orders.some(isExecuted);
  if (found.kind !== 'found') return false;
  const { order, linked } = found.reading;
  return isExecuted(order) || linked?.effect === 'completed';
}

function isExecuted({ isClaimed, status }: ProviderOrder): boolean {
  return isClaimed || status === 'succeeded';
}

function* conclude(world: World, attempt: AttemptRow, found: Found, begunAt: Instant): Steps<void> {
  switch (found.kind) {
    case 'absent':
      if (begunAt >= (attempt.orphanUntil ?? 0) && (mayBeAbsent(world, attempt) || hasEndedForGood(world, attempt)))
        close(world, attempt);
      return;
    case 'ambiguous':
      for (const twin of found.orders)
        if (observedOf(twin) === 'pending') yield* cancelAgain(world, attempt, twin.id, true);
      if (found.orders.every(({ status }) => status !== 'pending')) close(world, attempt);
      return;
    case 'found': {
      const { order } = found.reading;
      if (observedOf(order) === 'pending') yield* cancelAgain(world, attempt, order.id, false);
      else if (hasEndedForGood(world, attempt)) close(world, attempt);
      return;
    }
    default:
      return;
  }
}

function mayBeAbsent({ now, timing }: World, { observed, lockExpiresAt }: AttemptRow): boolean {
  if (observed === null || observed === 'absent') return true;
  return observed === 'pending' && now >= (lockExpiresAt ?? Number.POSITIVE_INFINITY) + 120 * timing.secondMs;
}

function hasEndedForGood({ timing }: World, { end }: AttemptRow): boolean {
  if (end?.kind !== 'failed') return end !== null;
  return end.linked === 'completed' || isReadTwice(end, timing);
}

function close(world: World, attempt: AttemptRow): void {
  if (!isTerminalOrder(world.tables.order.status) && isMoneyMoving(attempt)) return;
  attempt.orphanClosedAt ??= world.now;
  world.counts.orphans += 1;
  world.note(() => `orphan of attempt ${attempt.number} is closed`);
}

/** Cancelling twice is harmless; a new key once the old one was refused or may be forgotten. */
function* cancelAgain(world: World, attempt: AttemptRow, orderId: string, isTwin: boolean): Steps<void> {
  const last = sendsOf(attempt, 'cancel').at(-1);
  const isSpent =
    last !== undefined &&
    ((isUnresolved(last) && last.code !== null) || world.now - last.permittedAt > world.timing.resendWindowMs);
  const keyNumber = last ? last.keyNumber + (isSpent || isTwin ? 1 : 0) : 1;
  yield* cancelAtProvider(world, attempt, keyNumber, orderId);
}
