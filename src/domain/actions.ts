import { type Attempt, sendsOf } from './attempt.ts';
import type { Instant, OrderReason } from './order.ts';
import type { Action, RecordPlan, Wait } from './plan.ts';
import { isKeyYoung, type Timing } from './timing.ts';

export const record = (plan: RecordPlan): Action => ({ kind: 'record', record: plan });
export const sleep = (until: Instant, waitingFor: Wait): Action => ({ kind: 'sleep', until, waitingFor });

export function fence(
  reason: OrderReason,
  more: Partial<Omit<Extract<RecordPlan, { kind: 'fence' }>, 'kind' | 'reason'>> = {},
): Action {
  return record({ kind: 'fence', to: 'watching', attemptTo: 'cancelled', code: null, pause: null, ...more, reason });
}

/** Asks Conduit to end its order, once for every reading that still shows it open, and when it takes calls; then looks. */
export function cancelThenLookUp(
  attempt: Attempt,
  gateClosedUntil: Instant | null,
  now: Instant,
  timing: Timing,
): Action {
  if (gateClosedUntil !== null && now < gateClosedUntil) return lookUpWhenDue(attempt, now, timing, gateClosedUntil);
  const cancels = sendsOf(attempt, 'cancel');
  const last = cancels.at(-1);
  if (!last) return { kind: 'send_cancel', keyNumber: 1 };
  const isStillOpen = attempt.lookup?.result === 'pending' && attempt.lookup.begunAt > last.permittedAt;
  const retryAt = last.retryAt ?? 0;
  if (!isStillOpen || now < retryAt) return lookUpWhenDue(attempt, now, timing);
  const isSpent = last.outcome === 'unknown' && last.code !== null;
  const ofKey = cancels.filter((send) => send.keyNumber === last.keyNumber);
  return {
    kind: 'send_cancel',
    keyNumber: isSpent || !isKeyYoung(ofKey, now, timing) ? last.keyNumber + 1 : last.keyNumber,
  };
}

/** Looks when it is time to; else sleeps until then, or until `orAt` if that comes first. */
export function lookUpWhenDue(attempt: Attempt, now: Instant, timing: Timing, orAt?: Instant): Action {
  const last = attempt.sends.at(-1);
  const dueAt = attempt.nextLookupAt ?? (last ? last.permittedAt + 2 * timing.secondMs : now);
  if (now >= dueAt) return { kind: 'look_up' };
  return sleep(orAt === undefined || orAt <= now ? dueAt : Math.min(dueAt, orAt), 'look_up');
}
