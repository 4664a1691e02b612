import { lookUpWhenDue, record, sleep } from './actions.ts';
import { type Attempt, columnOf, isUnresolved, refusalOf, sendsOf } from './attempt.ts';
import { type Failure, isReadTwice, secondReadingFrom } from './failure.ts';
import type { Instant } from './order.ts';
import type { Action } from './plan.ts';
import { failedWithoutEffect } from './replies.ts';
import type { Timing } from './timing.ts';

/** Claimed and terminal readings come first: what Conduit did is stronger than what we wanted. */
export function concludeFromReading(attempt: Attempt, now: Instant, timing: Timing): Action | null {
  const { end } = attempt;
  if (attempt.observed === 'claimed' && attempt.status !== 'executing') return record({ kind: 'adopt_claimed' });
  if (attempt.observed !== 'terminal' || !end) return null;
  switch (end.kind) {
    case 'succeeded':
      return record({ kind: 'complete', isForeign: attempt.status !== 'executing' });
    case 'cancelled': {
      // By its age, by us, or by nobody that is named; any other word is somebody who wanted it stopped.
      const isOurs = end.reason === null || end.reason === 'expired' || sendsOf(attempt, 'cancel').length > 0;
      return isOurs
        ? record({
            kind: 'close_without_effect',
            attemptTo: 'cancelled',
            reason: 'attempt_without_effect',
            code: end.reason,
          })
        : record({
            kind: 'fail_attempt',
            attemptTo: 'cancelled',
            reason: 'cancelled_by_provider',
            code: end.reason,
            isPage: false,
          });
    }
    case 'failed':
      return concludeFromFailure(attempt, end, now, timing);
  }
}

/** A failed Conduit order proves nothing until its linked transactions have been read, and read again. */
function concludeFromFailure(attempt: Attempt, end: Failure, now: Instant, timing: Timing): Action {
  const failed = { kind: 'fail_attempt', attemptTo: 'failed', code: end.code } as const;
  if (end.linked === 'completed') return record({ ...failed, reason: 'partial_effect', isPage: true });
  if (end.linked === 'open') {
    return attempt.status === 'executing' ? lookUpWhenDue(attempt, now, timing) : record({ kind: 'adopt_claimed' });
  }
  if (!isReadTwice(end, timing)) {
    const againAt = secondReadingFrom(end, timing);
    return now < againAt ? sleep(againAt, 'look_up') : lookUpWhenDue(attempt, now, timing);
  }
  if (!failedWithoutEffect(end.code)) return record({ ...failed, reason: 'provider_failed', isPage: false });
  return record({ kind: 'close_without_effect', attemptTo: 'failed', reason: 'provider_failed', code: end.code });
}

/** Replies that were stored but not yet acted on: a new run finds them in the rows, so no event is needed. */
export function concludeFromReplies(attempt: Attempt): Action | null {
  const creates = sendsOf(attempt, 'create');
  if (attempt.status === 'prepared' && attempt.conduitOrderId !== null) {
    const isOurs = creates.some((send) => send.outcome === 'accepted') || columnOf(attempt) === 'unknown_create';
    return record({ kind: 'adopt_created', isLost: !isOurs });
  }
  const executes = sendsOf(attempt, 'execute');
  if (columnOf(attempt) !== 'unknown_execute' || executes.length === 0 || executes.some(isUnresolved)) return null;
  const last = executes.at(-1);
  const refused = last && refusalOf(last);
  const isOurs = refused === 'ours_all' || refused === 'ours_account';
  const reason = isOurs ? 'paused' : refused === 'funds' ? 'insufficient_funds' : 'provider_busy';
  return record({ kind: 'execute_refused', reason, code: last?.code ?? null, pause: isOurs ? 'all' : null });
}
