import { cancelThenLookUp, fence, lookUpWhenDue, record, sleep } from './actions.ts';
import { type Attempt, columnOf, refusalOf, type Send, sendsOf } from './attempt.ts';
import { concludeFromReading, concludeFromReplies } from './conclude.ts';
import { Decimal } from './decimal.ts';
import { type Instant, isTerminalOrder, type OrderReason } from './order.ts';
import type { Action, Situation, Wait } from './plan.ts';
import { isRateMet } from './rate.ts';
import { backoffMs, isAbsent, isKeyYoung, isUnsentTooOften, resendDueAt, type Timing } from './timing.ts';

/**
 * The next thing to do for an order, from its stored facts alone: the table of docs/architecture.md. Pure; `now` is the
 * database's clock from the same read. Precedence: claimed and terminal readings, stored replies, a refused cancel, expiry,
 * then the rest.
 */
export function decide(situation: Situation, now: Instant, timing: Timing): Action {
  const { order, attempt } = situation;
  if (isTerminalOrder(order.status)) return { kind: 'done' };
  if (order.status === 'accepted') return record(now >= order.expiresAt ? { kind: 'expire' } : { kind: 'watch' });
  if (!attempt) return decideIdle(situation, now, timing);

  const ended = concludeFromReading(attempt, now, timing) ?? concludeFromReplies(attempt);
  if (ended) return ended;
  const isFencing = now >= order.expiresAt - timing.sendMarginMs || order.cancelRefusedAt !== null;
  switch (columnOf(attempt)) {
    case 'prepared':
      return isFencing ? endBeforeExecute(situation, now) : decidePrepared(situation, attempt, now, timing);
    case 'unknown_create':
      return isFencing ? endBeforeExecute(situation, now) : decideUnknownCreate(situation, attempt, now, timing);
    case 'created':
      return isFencing ? endBeforeExecute(situation, now) : decideCreated(situation, attempt, now, timing);
    case 'executing':
      return decideExecuting(situation, attempt, now, timing);
    case 'unknown_execute':
      return isFencing
        ? cancelThenLookUp(attempt, situation.gateClosedUntil, now, timing)
        : decideUnknownExecute(situation, attempt, now, timing);
  }
}

function decideIdle(situation: Situation, now: Instant, timing: Timing): Action {
  const { order, isLookWanted, gateClosedUntil } = situation;
  if (situation.isMovingElsewhere) return sleep(now + 30 * timing.secondMs, 'alarm');
  if (order.cancelRefusedAt !== null) return record({ kind: 'fail', reason: 'cancel_requested', code: null });
  if (now >= order.expiresAt) return record({ kind: 'expire' });
  const fenceAt = order.expiresAt - timing.sendMarginMs;
  // From the fence on nothing could be sent in time any more, so nothing is quoted either.
  if (now >= fenceAt) return sleep(order.expiresAt, 'expiry');
  if (!isLookWanted && now < order.lookDueAt) return sleep(Math.min(fenceAt, order.lookDueAt), 'rate');
  if (gateClosedUntil !== null && now < gateClosedUntil) return sleep(Math.min(fenceAt, gateClosedUntil), 'gate');
  return { kind: 'look', isOwn: !isLookWanted };
}

/** Expiry and a refused cancel alike: no execute was ever on its way, so closing the attempt ends it for good. */
function endBeforeExecute({ order, isMovingElsewhere }: Situation, now: Instant): Action {
  if (order.cancelRefusedAt !== null && !isMovingElsewhere) return fence('cancel_requested', { to: 'failed' });
  return fence('expiring', { to: now >= order.expiresAt && !isMovingElsewhere ? 'expired' : 'watching' });
}

function decidePrepared(situation: Situation, attempt: Attempt, now: Instant, timing: Timing): Action {
  const creates = sendsOf(attempt, 'create');
  const last = creates.at(-1);
  if (!last) return sendCreate(situation, attempt, now, timing, now);
  const refused = refusalOf(last);
  switch (refused) {
    case 'quote_again':
      return fence('quote_expired', { attemptTo: 'failed', code: last.code });
    case 'ours_all':
      return fence('paused', { code: last.code, pause: 'all' });
    case 'ours_account':
      return fence('paused', { code: last.code, pause: 'account' });
    case 'final':
      return fence('provider_refused', {
        to: situation.isMovingElsewhere ? 'watching' : 'failed',
        attemptTo: 'failed',
        code: last.code,
      });
    default: {
      const dueAt = resendDueAt(creates, timing);
      if (dueAt === null || !isKeyYoung(creates, Math.max(now, dueAt), timing))
        return fence('provider_busy', { code: last.code });
      return sendCreate(situation, attempt, now, timing, dueAt);
    }
  }
}

function decideUnknownCreate(situation: Situation, attempt: Attempt, now: Instant, timing: Timing): Action {
  if (!isAbsent(attempt, timing)) return lookUpWhenDue(attempt, now, timing);
  const creates = sendsOf(attempt, 'create');
  if (creates.some((send) => send.outcome === 'exists')) {
    const until = attempt.optionExpiresAt + timing.orphanWatchMs;
    return now >= until ? fence('provider_busy') : lookUpWhenDue(attempt, now, timing);
  }
  const dueAt = resendDueAt(creates, timing);
  if (dueAt === null || !isKeyYoung(creates, now, timing)) return fence('provider_busy');
  if (now < dueAt || situation.isPaused) return lookUpWhenDue(attempt, now, timing, dueAt);
  return sendCreate(situation, attempt, now, timing, dueAt);
}

function decideCreated(situation: Situation, attempt: Attempt, now: Instant, timing: Timing): Action {
  // Two orders under one reference: the look-up has paused everything and paged; only looking goes on.
  if (attempt.lookup?.result === 'ambiguous') return lookUpWhenDue(attempt, now, timing);
  if (isAbsent(attempt, timing)) {
    const until = (attempt.lockExpiresAt ?? attempt.optionExpiresAt) + 120 * timing.secondMs;
    return now >= until ? fence('lock_unacceptable') : lookUpWhenDue(attempt, now, timing);
  }
  const refusal = executeRefusal(situation, attempt, now, timing);
  // A code of ours, beside Conduit's: the attempt was fenced because its order would have executed by itself.
  if (refusal) return fence(refusal, attempt.lockFault === 'auto_execute' ? { code: 'AUTO_EXECUTE_IGNORED' } : {});
  const executes = sendsOf(attempt, 'execute');
  const last = executes.at(-1);
  const dueAt = last ? retryExecuteAt(executes, last, timing) : now;
  const waitingFor = last && refusalOf(last) === 'funds' ? 'funds' : 'retry';
  const send: Action = { kind: 'send_execute', keyNumber: (last?.keyNumber ?? 0) + 1 };
  const action = whenAllowed(situation, now, timing, dueAt, waitingFor, send);
  if (action.kind !== 'sleep') return action;
  // While it waits, the order at Conduit may end by itself: looking goes on.
  const look = lookUpWhenDue(attempt, now, timing);
  return look.kind === 'sleep' && look.until > action.until ? action : look;
}

function decideExecuting({ gateClosedUntil }: Situation, attempt: Attempt, now: Instant, timing: Timing): Action {
  // A claim that still reads unclaimed minutes later never was one: ask for its end, which a real claim survives.
  const accepted = sendsOf(attempt, 'execute').findLast((send) => send.outcome === 'accepted');
  const isStillUnclaimed =
    accepted &&
    attempt.lookup?.result === 'pending' &&
    attempt.lookup.begunAt >= accepted.permittedAt + 300 * timing.secondMs;
  return isStillUnclaimed
    ? cancelThenLookUp(attempt, gateClosedUntil, now, timing)
    : lookUpWhenDue(attempt, now, timing);
}

function decideUnknownExecute(situation: Situation, attempt: Attempt, now: Instant, timing: Timing): Action {
  const executes = sendsOf(attempt, 'execute');
  const keyNumber = executes.at(-1)?.keyNumber ?? 1;
  const ofKey = executes.filter((send) => send.keyNumber === keyNumber);
  if (!isKeyYoung(ofKey, now, timing)) return cancelThenLookUp(attempt, situation.gateClosedUntil, now, timing);
  if (attempt.lookup?.result !== 'pending') return lookUpWhenDue(attempt, now, timing);
  if (executeRefusal(situation, attempt, now, timing))
    return cancelThenLookUp(attempt, situation.gateClosedUntil, now, timing);
  const dueAt = resendDueAt(ofKey, timing);
  const gate = situation.gateClosedUntil ?? 0;
  if (dueAt === null || now < Math.max(dueAt, gate) || situation.isPaused) {
    return lookUpWhenDue(attempt, now, timing, dueAt ?? undefined);
  }
  return { kind: 'send_execute', keyNumber };
}

/** The first create, or the same again, when the permit's own conditions hold; closes the attempt when they cannot any more. */
function sendCreate(situation: Situation, attempt: Attempt, now: Instant, timing: Timing, dueAt: Instant): Action {
  const { order } = situation;
  if (!situation.areAccountsActive) return fence('account_changed');
  if (!isRateMet(order, attempt.quoted)) return fence('rate_not_met');
  const lastMoment = attempt.optionExpiresAt - timing.quoteMarginMs;
  if (Math.max(now, dueAt) >= lastMoment) return fence(situation.isPaused ? 'paused' : 'quote_expired');
  const action = whenAllowed(situation, now, timing, dueAt, 'retry', { kind: 'send_create' });
  return action.kind === 'sleep' ? { ...action, until: Math.min(action.until, lastMoment) } : action;
}

/** Why the lock we hold may never be executed, or null when only time, funds or a pause stand between. */
function executeRefusal(
  { order, areAccountsActive }: Situation,
  attempt: Attempt,
  now: Instant,
  timing: Timing,
): OrderReason | null {
  const { locked, lockExpiresAt } = attempt;
  if (!areAccountsActive) return 'account_changed';
  if (attempt.lockFault || !locked || lockExpiresAt === null) return 'lock_unacceptable';
  if (now >= lockExpiresAt - timing.sendMarginMs) return 'quote_expired';
  if (!new Decimal(locked.debit).eq(order.amount) || !isRateMet(order, locked)) return 'lock_unacceptable';
  return null;
}

/** A pause is asked again every 30 s; a closed gate and the retry rule are waited out. */
function whenAllowed(
  situation: Situation,
  now: Instant,
  timing: Timing,
  dueAt: Instant,
  waitingFor: Wait,
  action: Action,
): Action {
  if (situation.isPaused) return sleep(Math.min(now + 30 * timing.secondMs, fenceAtOf(situation, timing)), 'pause');
  const gate = situation.gateClosedUntil ?? 0;
  const from = Math.max(dueAt, gate);
  if (now >= from) return action;
  return sleep(Math.min(from, fenceAtOf(situation, timing)), gate > dueAt ? 'gate' : waitingFor);
}

function fenceAtOf({ order }: Situation, timing: Timing): Instant {
  return order.expiresAt - timing.sendMarginMs;
}

/** When execute may be tried again after a refusal of its own: by `Retry-After`, else 1, 2, 4 bases and 4 for good. */
function retryExecuteAt(executes: readonly Send[], last: Send, timing: Timing): Instant {
  if (last.outcome === 'unsent' && !isUnsentTooOften(executes)) return last.permittedAt;
  if (last.retryAt !== null) return last.retryAt;
  const refusals = executes.filter((send) => send.code === last.code).length;
  return (last.repliedAt ?? last.permittedAt) + backoffMs(refusals, timing);
}
