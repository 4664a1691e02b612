import { isTerminalOrder, type OrderReason, type OrderStatus, type Seen } from '../../../src/domain/order.ts';
import type { RecordPlan } from '../../../src/domain/plan.ts';
import { healsByProbe } from '../../../src/domain/replies.ts';
import { backoffMs } from '../../../src/domain/timing.ts';
import { customerCancelled, expiredByRepair, recorded } from '../search/records.ts';
import type { Rows } from '../search/transition.ts';
import { rowsOf } from './projection.ts';
import { type AttemptRow, isSame, liveAttempt, seenOf } from './tables.ts';
import type { World } from './world.ts';

/** What `src/db` records in one transaction under the order's lock. */

interface Patch {
  readonly reason?: OrderReason | null;
  readonly providerCode?: string | null;
  readonly nextCheckInMs?: number;
}

/** The row's next version, as `transitionLocked` writes it. The caller has compared and judged. */
export function moveOrder(world: World, to: OrderStatus, fact: string, patch: Patch = {}): void {
  const { order, facts } = world.tables;
  const from = order.status;
  facts.add(fact);
  order.status = to;
  order.version += 1;
  if (patch.reason !== undefined) order.reason = patch.reason;
  if (patch.providerCode !== undefined) order.providerCode = patch.providerCode;
  if (patch.nextCheckInMs !== undefined) order.nextCheckAt = world.now + patch.nextCheckInMs;
  world.note(() => `row: ${fact}: ${from} → ${to} (version ${order.version})`);
  world.laws.rowMoved(from, to);
  world.rowChanged();
}

/** Whether the row is still what a plan was made from, and the fact not recorded yet. */
export function isFree(world: World, fact: string, seen: Seen | null): boolean {
  const { tables, rules } = world;
  if (tables.facts.has(fact) || isTerminalOrder(tables.order.status)) return false;
  return seen === null || !rules.compareAndSet || isSame(seen, seenOf(tables));
}

/** Writes back what the search's transaction made of an attempt. */
function writeBack(world: World, attempt: AttemptRow, { attempt: to }: Rows): void {
  if (to.status === 'unborn' || (to.status === attempt.status && to.closedBy === attempt.closedBy)) return;
  const isFence = to.closedBy === 'fence' && attempt.closedBy === null;
  attempt.status = to.status;
  attempt.closedBy = to.closedBy;
  attempt.version += 1;
  if (!isFence) return;
  attempt.nextLookupAt = world.now;
  if (to.isOrphan) {
    attempt.orphanUntil = Math.max(attempt.optionExpiresAt, world.now) + world.timing.orphanWatchMs;
    world.followOrphans();
  }
}

/** `applyRecord`; false when the row had moved on or a proof did not hold. */
export function applyRecord(world: World, seen: Seen, plan: RecordPlan): boolean {
  const { tables, rules, now, timing } = world;
  const attempt = seen.attempt === null ? null : (tables.attempts[seen.attempt - 1] ?? null);
  const isOfOrder = plan.kind === 'watch' || plan.kind === 'expire' || plan.kind === 'fail';
  if (!isOfOrder && !attempt) return false;
  const fact = factOf(plan, attempt);
  if (!isFree(world, fact, seen)) return false;
  const done = recorded(rules, rowsOf(tables, isOfOrder ? liveAttempt(tables) : attempt, now, timing), plan);
  if (!done) return false;
  if (attempt && !isOfOrder) writeBack(world, attempt, done);
  if ('pause' in plan && plan.pause !== null)
    setPause(world, plan.pause, plan.code === null || healsByProbe(plan.code));
  moveOrder(world, done.order.status, fact, patchOf(world, plan, attempt));
  return true;
}

function factOf(plan: RecordPlan, attempt: AttemptRow | null): string {
  const n = attempt?.number;
  switch (plan.kind) {
    case 'watch':
      return 'watching';
    case 'expire':
      return 'expired';
    case 'fail':
      return `failed:${plan.reason}`;
    case 'adopt_created':
      return `created:g${n}`;
    case 'adopt_claimed':
      return `claimed:g${n}`;
    case 'complete':
      return `executed:g${n}`;
    case 'execute_refused':
      return `refused:g${n}:execute${attempt?.sends.findLast(({ operation }) => operation === 'execute')?.id}`;
    default:
      return `closed:g${n}`;
  }
}

function patchOf(world: World, plan: RecordPlan, attempt: AttemptRow | null): Patch {
  switch (plan.kind) {
    case 'complete':
      return { reason: null, providerCode: null };
    case 'fail':
    case 'execute_refused':
      return { reason: plan.reason, providerCode: plan.code };
    case 'fence':
    case 'close_without_effect':
    case 'fail_attempt': {
      const isCancelled = plan.kind === 'close_without_effect' && world.tables.order.cancelRefusedAt !== null;
      const nextCheckInMs = backoffMs(attempt?.number ?? 1, world.timing);
      return { reason: isCancelled ? 'cancel_requested' : plan.reason, providerCode: plan.code, nextCheckInMs };
    }
    default:
      return {};
  }
}

/** A pause that a person must lift stays so, whatever comes later. */
export function setPause(world: World, scope: string, isHealing: boolean): void {
  const { pauses } = world.tables;
  pauses.set(scope, (pauses.get(scope) ?? true) && isHealing);
  world.counts.pauses += 1;
  world.note(() => `paused: ${scope}${isHealing ? '' : ', until a person resumes'}`);
  world.probe();
}

export type CancelAnswer = 'cancelled' | 'too_late' | 'already_terminal';

/** `cancelOrder`: definite at once. */
export function cancelOrder(world: World): CancelAnswer {
  const { tables, rules, now, timing } = world;
  const { order } = tables;
  const live = liveAttempt(tables);
  if (order.status === 'cancelled') return answered(world, 'cancelled');
  if (isTerminalOrder(order.status)) return answered(world, 'already_terminal');
  const done = customerCancelled(rules, rowsOf(tables, live, now, timing));
  if (done?.answer === 200) {
    if (live) writeBack(world, live, done.rows);
    moveOrder(world, 'cancelled', 'cancel', { reason: null });
    return answered(world, 'cancelled');
  }
  if (done && !tables.facts.has('cancel_refused')) {
    if (rules.refusedCancelForbids) order.cancelRefusedAt = now;
    moveOrder(world, order.status, 'cancel_refused');
  }
  // The customer waits for the outcome.
  if (live && live.status !== 'prepared' && live.nextLookupAt !== null)
    live.nextLookupAt = Math.min(live.nextLookupAt, now);
  return answered(world, 'too_late');
}

function answered(world: World, answer: CancelAnswer): CancelAnswer {
  world.note(() => `cancel: ${answer}`);
  world.laws.cancelAnswered(answer);
  return answer;
}

/** Never scaled: the repair waits this long for the run itself. */
const GRACE_MS = 30_000;

/** `expireOverdue`: what bridges and reconciler do beside the run. */
export function expireOverdue(world: World): void {
  const { tables, rules, now, timing } = world;
  const { order } = tables;
  if (now < order.expiresAt + GRACE_MS || tables.facts.has('overdue')) return;
  if (order.status === 'accepted') {
    moveOrder(world, 'expired', 'overdue');
    return;
  }
  const live = liveAttempt(tables);
  const done = expiredByRepair(rules, rowsOf(tables, live, now, timing));
  if (!done) return;
  if (live) writeBack(world, live, done);
  world.counts.repaired += 1;
  moveOrder(world, done.order.status, 'overdue', order.cancelRefusedAt === null ? {} : { reason: 'cancel_requested' });
}

/** `alarmForOrphan`: money moved under a closed attempt. Whether the order has ended. */
export function alarmForOrphan(world: World, attempt: AttemptRow): boolean {
  const { tables, rules, now, timing } = world;
  const fact = `orphan:g${attempt.number}`;
  if (!isTerminalOrder(tables.order.status) && !tables.facts.has(fact)) {
    const live = liveAttempt(tables);
    const plan = {
      kind: 'fence',
      to: 'failed',
      attemptTo: 'cancelled',
      reason: 'orphan_executed',
      code: null,
      pause: null,
    } as const;
    // It ends what nobody else may.
    const rows = { ...rowsOf(tables, live, now, timing), isMovingElsewhere: false };
    const done = live ? recorded({ ...rules, absentIsNoProof: true }, rows, plan) : null;
    if (live && done) writeBack(world, live, done);
    if (done || !live) moveOrder(world, 'failed', fact, { reason: 'orphan_executed' });
  }
  if (!attempt.hasAlarmed) setPause(world, 'all', false);
  attempt.hasAlarmed = true;
  return isTerminalOrder(tables.order.status);
}
