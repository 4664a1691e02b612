import type { Hints, Step } from '../../../src/activities/interface.ts';
import { type Attempt, isUnresolved, type Send } from '../../../src/domain/attempt.ts';
import { decide } from '../../../src/domain/decide.ts';
import type { Order } from '../../../src/domain/order.ts';
import type { Action, Situation } from '../../../src/domain/plan.ts';
import { hasCrossed } from '../../../src/domain/rate.ts';
import { isAbsent } from '../../../src/domain/timing.ts';
import { isMovingElsewhere, isPaused, liveAttempt, seenOf } from './tables.ts';
import type { World } from './world.ts';

/** `loadSituation`: everything that `decide` is told. */
export function situationOf(world: World, hints: Hints): Situation {
  const { tables, now } = world;
  const { order } = tables;
  const attempt = liveAttempt(tables);
  const isMoving = isMovingElsewhere(tables, attempt?.number ?? null);
  const isCrossed = hints.isFirst && hasCrossed(order.direction, order, world.referenceRate());
  return {
    order,
    attempt,
    isPaused: isPaused(tables) || isMoving,
    isMovingElsewhere: isMoving,
    areAccountsActive: tables.areAccountsActive,
    gateClosedUntil: tables.gateClosedUntil > now ? tables.gateClosedUntil : null,
    isLookWanted: hints.isLookWanted || isCrossed,
  };
}

/** The real plan; where a rule is dropped that the plan itself keeps, that of somebody who does not know the rule. */
export function planFor(world: World, situation: Situation): Action {
  const { rules, now, timing } = world;
  const { attempt } = situation;
  if (!attempt || !world.isPlanAltered) return decide(situation, now, timing);
  const isUnread = attempt.status === 'executing' && attempt.observed !== 'claimed' && attempt.observed !== 'terminal';
  const isMisread =
    (!rules.absentIsNoProof && isAbsent(attempt, timing)) ||
    (!rules.pendingIsNoProof && attempt.lookup?.result === 'pending');
  if (isUnread && isMisread) {
    const reason = 'provider_busy';
    const record = { kind: 'fence', to: 'watching', attemptTo: 'cancelled', reason, code: null, pause: null } as const;
    return { kind: 'record', record };
  }
  const told = { ...situation, order: misledOrder(world, situation.order), attempt: misledAttempt(world, attempt) };
  const action = decide(told, now, timing);
  return action.kind === 'send_cancel' && !rules.unresolvedIsCancelled ? { kind: 'look_up' } : action;
}

function misledOrder({ rules, now }: World, order: Order): Order {
  let told = order;
  if (!rules.expiryIsAskedAgain) told = { ...told, expiresAt: now + 3_600_000 };
  // Any rate will do.
  if (!rules.lockIsVerified) told = { ...told, direction: '>=', targetRate: '0.000000001', floorRate: null };
  return told;
}

function misledAttempt({ rules, now }: World, attempt: Attempt): Attempt {
  let told = attempt;
  if (!rules.ownReplyOnly) told = { ...told, sends: told.sends.map((send) => likeAnother(send, told.sends)) };
  if (!rules.planHeedsKeyAge) {
    const permittedAt = now - 200_000;
    told = {
      ...told,
      sends: told.sends.map((send) => (send.permittedAt < permittedAt ? { ...send, permittedAt } : send)),
    };
  }
  if (!rules.failureIsReadTwice && told.end?.kind === 'failed')
    told = { ...told, end: { ...told.end, readAgainAt: now + 30_000 } };
  if (!rules.lockIsVerified) told = { ...told, lockFault: null, locked: told.locked ?? told.quoted };
  return told;
}

/** Takes the refusal of another send of its kind for its own. */
function likeAnother(send: Send, sends: readonly Send[]): Send {
  if (!isUnresolved(send)) return send;
  const refused = sends.find(({ operation, outcome }) => operation === send.operation && outcome === 'no_effect');
  return refused ? { ...send, outcome: 'no_effect', code: refused.code, repliedAt: refused.repliedAt } : send;
}

/** `stepOf`: what the run is told. */
export function stepOf(world: World, action: Exclude<Action, { kind: 'record' }>, recorded: string[]): Step {
  const { tables, now, timing } = world;
  const { order } = tables;
  const next = action.kind === 'sleep' ? ({ kind: 'sleep', waitingFor: action.waitingFor } as const) : action;
  const fenceAt = order.expiresAt - timing.sendMarginMs;
  const deadline = now < fenceAt ? fenceAt : now < order.expiresAt ? order.expiresAt : now + 60 * timing.secondMs;
  const wakeAt = action.kind === 'sleep' ? Math.min(action.until, deadline) : deadline;
  return {
    status: order.status,
    reason: order.reason,
    seen: seenOf(tables),
    next,
    wakeInMs: Math.max(0, wakeAt - now),
    secondMs: timing.secondMs,
    recorded,
    terms: '',
    summary: action.kind,
  };
}

/** Whether the order's watcher would wake it: what `claimCrossed` asks. */
export function isArmed(world: World): boolean {
  const { tables, now } = world;
  const { order } = tables;
  if (order.status !== 'watching' || order.cancelRefusedAt !== null || isPaused(tables) || liveAttempt(tables))
    return false;
  return hasCrossed(order.direction, order, world.referenceRate()) || order.lookDueAt <= now;
}
