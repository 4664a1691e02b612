import type { AttemptStatus } from '../../../src/domain/attempt.ts';
import { isTerminalOrder } from '../../../src/domain/order.ts';
import type { RecordPlan } from '../../../src/domain/plan.ts';
import type { Rules } from './rules.ts';
import { type AttemptState, type EndState, isLive, mayHaveEffect, type OrderState, UNBORN } from './state.ts';
import { commit, type Rows } from './transition.ts';

/** What `src/db` records under the order's lock, said again in small. Null where nothing is changed. */

/** Whether the rows prove that no execute can take effect; with the rule dropped one refusal speaks for all sends. */
function areExecutesWithoutEffect(rules: Rules, { executes }: AttemptState): boolean {
  if (!rules.ownReplyOnly && executes.some(({ mark }) => mark === 'refused')) return true;
  return !executes.some(mayHaveEffect);
}

/** `fenceAttempt`: closes an attempt before any execute could have an effect; null when that cannot be proved. */
function fenced(rules: Rules, a: AttemptState, to: 'cancelled' | 'failed'): AttemptState | null {
  const isMisread =
    (!rules.absentIsNoProof && a.lookup === 'absent') || (!rules.pendingIsNoProof && a.lookup === 'pending');
  const isProven =
    (a.status === 'prepared' || a.status === 'created') &&
    a.observed !== 'claimed' &&
    a.observed !== 'terminal' &&
    areExecutesWithoutEffect(rules, a);
  if (rules.proofUnderLock && !isProven && !isMisread) return null;
  return { ...a, status: to, closedBy: 'fence', isOrphan: a.hasId || a.creates.some(mayHaveEffect) };
}

/** `applyRecord`: one planned record, which asks its proof again. */
export function recorded(rules: Rules, rows: Rows, plan: RecordPlan): Rows | null {
  const { order, attempt: a, isMovingElsewhere = false } = rows;
  const isClaimSeen = a.observed === 'claimed' || a.observed === 'terminal';
  const isEarly = a.status === 'prepared' || a.status === 'created';
  const lacks = (proof: boolean) => rules.proofUnderLock && !proof;
  switch (plan.kind) {
    case 'watch':
      return commit(rows, 'watching', a);
    case 'expire':
      return isMovingElsewhere ? null : commit(rows, 'expired', a);
    case 'fail':
      return isMovingElsewhere ? null : commit(rows, 'failed', a);
    case 'adopt_created': {
      const isProven = a.status === 'prepared' && a.hasId && (a.observed ?? 'pending') === 'pending';
      if (a.isCreatedRecorded || lacks(isProven)) return null;
      return commit(rows, order.status, { ...a, status: 'created', isCreatedRecorded: true });
    }
    case 'adopt_claimed':
      if (a.isClaimRecorded || lacks(isEarly && isClaimSeen)) return null;
      return commit(rows, 'executing', { ...a, status: 'executing', isClaimRecorded: true });
    case 'complete':
      return lacks(hasEnded(a, ['succeeded'])) ? null : commit(rows, 'executed', closedByReading(a, 'succeeded'));
    case 'execute_refused': {
      const isRefused = a.status === 'executing' && !isClaimSeen && a.executes.length > 0;
      if (lacks(isRefused && areExecutesWithoutEffect(rules, a))) return null;
      return commit(rows, 'watching', { ...a, status: 'created' });
    }
    case 'fence': {
      const closed = isMovingElsewhere && plan.to !== 'watching' ? null : fenced(rules, a, plan.attemptTo);
      return closed && commit(rows, plan.to, closed);
    }
    case 'close_without_effect':
      return lacks(hasEndedWithoutEffect(rules, a))
        ? null
        : commit(rows, isMovingElsewhere ? 'watching' : nextOf(order), closedByReading(a, plan.attemptTo));
    case 'fail_attempt':
      return lacks(isLive(a) && a.observed === 'terminal' && a.end !== null && a.end !== 'succeeded')
        ? null
        : commit(rows, 'failed', closedByReading(a, plan.attemptTo));
  }
}

/** Where an order goes whose attempt had no effect, by the clock and the refused cancel under the lock. */
function nextOf({ isCancelRefused, phase }: OrderState): 'failed' | 'expired' | 'watching' {
  if (isCancelRefused) return 'failed';
  return phase === 2 ? 'expired' : 'watching';
}

function hasEnded(a: AttemptState, ends: readonly EndState[]): boolean {
  return isLive(a) && a.observed === 'terminal' && a.end !== null && ends.includes(a.end);
}

function hasEndedWithoutEffect(rules: Rules, a: AttemptState): boolean {
  // No reading of the model is a second "no linked transaction": the one that was missing has appeared by then.
  if (!rules.failureIsReadTwice && hasEnded(a, ['none_linked'])) return true;
  return hasEnded(a, ['failed', 'expired', 'cancelled', 'cancelled_by_other']);
}

function closedByReading(a: AttemptState, status: AttemptStatus): AttemptState {
  return { ...a, status, closedBy: 'reading' };
}

/** `prepareAttempt`: the next attempt of an order that has no live one. */
export function prepared(rules: Rules, order: OrderState, hasLive: boolean): AttemptState | null {
  if (hasLive && rules.oneLiveAttempt) return null;
  if (order.status !== 'watching' || order.isCancelRefused || order.pause === 'on') return null;
  return { ...UNBORN, status: 'prepared' };
}

/** `cancelOrder`: the customer's cancel, definite at once. Null when it would change nothing. */
export function customerCancelled(
  rules: Rules,
  rows: Rows,
): { readonly rows: Rows; readonly answer: 200 | 409 } | null {
  const { order, attempt, isMovingElsewhere = false } = rows;
  if (isTerminalOrder(order.status)) return null;
  if (!rules.cancelHeedsExecuting && order.status === 'executing') {
    const closed: AttemptState = { ...attempt, status: 'cancelled', closedBy: 'fence', isOrphan: true };
    return { rows: { order: { ...order, status: 'cancelled' }, attempt: closed }, answer: 200 };
  }
  const isRefused = order.status === 'executing' || order.isCancelRefused || isMovingElsewhere;
  const closed = isRefused || !isLive(attempt) ? attempt : fenced(rules, attempt, 'cancelled');
  const done = isRefused || !closed ? null : commit(rows, 'cancelled', closed);
  if (done) return { rows: done, answer: 200 };
  if (order.wasToldTooLate) return null;
  const told = { ...order, isCancelRefused: rules.refusedCancelForbids, wasToldTooLate: true };
  return { rows: { order: told, attempt }, answer: 409 };
}

/** `expireOverdue`: the repair beside the workflow. */
export function expiredByRepair(rules: Rules, rows: Rows): Rows | null {
  const { order, attempt, isMovingElsewhere = false } = rows;
  if (order.phase < 2 || order.status !== 'watching' || isMovingElsewhere) return null;
  const closed = isLive(attempt) ? fenced(rules, attempt, 'cancelled') : attempt;
  return closed && commit(rows, order.isCancelRefused ? 'failed' : 'expired', closed);
}
