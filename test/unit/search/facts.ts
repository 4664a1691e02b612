import type { Attempt, ProviderEnd, Send } from '../../../src/domain/attempt.ts';
import type { Situation } from '../../../src/domain/plan.ts';
import type { SendOutcome } from '../../../src/domain/replies.ts';
import { anAttempt, anOrder, aSend, aSituation, NOW, seconds } from '../../support/builders.ts';
import type { Rules } from './rules.ts';
import {
  type AttemptState,
  type EndState,
  isLive,
  isUnresolvedMark,
  type OrderState,
  type SendMark,
  type SendState,
} from './state.ts';

/** Concrete times for the phases: `now` stands still, and what lies behind or ahead moves. All waits count as over. */
const EXPIRES_AT = [NOW + seconds(3600), NOW + seconds(5), NOW - seconds(1)] as const;
const LONG_AGO = NOW - seconds(1000);
/** Young enough to be used again, old enough for its second repetition. */
const RECENT = NOW - seconds(200);
const JUST_NOW = NOW - seconds(1);

type StoredReply = readonly [outcome: SendOutcome | null, code: string | null];
const REPLY: Record<SendMark, StoredReply> = {
  held: [null, null],
  away: [null, null],
  ok_back: [null, null],
  no_back: [null, null],
  gone_back: [null, null],
  lost: [null, null],
  accepted: ['accepted', null],
  refused: ['no_effect', null],
  gone: ['no_effect', 'QUOTE_EXPIRED'],
  unsent: ['unsent', 'PERMIT_EXPIRED'],
};
const REFUSAL = { create: 'RATE_LIMITED', execute: 'INSUFFICIENT_FUNDS' } as const;

const FAILURE = {
  kind: 'failed',
  code: 'insufficient_funds',
  firstReadAt: NOW - seconds(100),
  readAgainAt: null,
} as const;
const END: Record<EndState, ProviderEnd | null> = {
  none: null,
  pending: null,
  claimed: null,
  succeeded: { kind: 'succeeded' },
  failed: { ...FAILURE, linked: 'no_effect', readAgainAt: JUST_NOW },
  failed_quietly: null,
  failed_otherwise: { ...FAILURE, code: 'internal_error', linked: 'no_effect', readAgainAt: JUST_NOW },
  none_linked: { ...FAILURE, linked: 'none' },
  partial: { ...FAILURE, linked: 'completed' },
  expired: { kind: 'cancelled', reason: 'expired' },
  cancelled: { kind: 'cancelled', reason: 'client_cancelled' },
  cancelled_by_other: { kind: 'cancelled', reason: 'client_cancelled' },
};

/** What the real {@link decide} is told in a state of the model. */
export function situationOf(rules: Rules, order: OrderState, attempt: AttemptState): Situation {
  return aSituation({
    order: anOrder({
      status: order.status,
      expiresAt: EXPIRES_AT[order.phase],
      cancelRefusedAt: order.isCancelRefused ? JUST_NOW : null,
    }),
    attempt: isLive(attempt) ? attemptOf(rules, attempt) : null,
    isPaused: order.pause === 'on',
    areAccountsActive: order.areAccountsActive,
    isLookWanted: true,
  });
}

function attemptOf(rules: Rules, a: AttemptState): Attempt {
  if (!isLive(a) || a.status === 'unborn') throw new Error('only a live attempt is planned for');
  const { hasId } = a;
  const terms = anAttempt();
  return anAttempt({
    status: a.status,
    optionExpiresAt: a.createKey === 'gone' ? LONG_AGO - seconds(1000) : NOW + seconds(600),
    conduitOrderId: hasId ? 'ord_1' : null,
    locked: hasId ? terms.quoted : null,
    lockExpiresAt: hasId ? (a.isLockOver ? LONG_AGO : NOW + seconds(3600)) : null,
    observed: a.observed,
    end: endOf(rules, a),
    lookup: lookupOf(a),
    nextLookupAt: JUST_NOW,
    sends: [
      ...sendsFor(rules, 'create', a.creates, a.createKey !== 'young'),
      ...sendsFor(rules, 'execute', a.executes, a.executeKey !== 'young'),
      ...(a.hasCancelSend ? [aSend({ operation: 'cancel', permittedAt: NOW - seconds(100), outcome: null })] : []),
    ],
  });
}

/** A failure without linked transactions is read a second time by nobody: the one that was missing has appeared by then. */
function endOf({ failureIsReadTwice }: Rules, { end }: AttemptState): ProviderEnd | null {
  if (end === 'none_linked' && !failureIsReadTwice) return { ...FAILURE, linked: 'none', readAgainAt: JUST_NOW };
  return end && END[end];
}

function lookupOf({ lookup }: AttemptState): Attempt['lookup'] {
  switch (lookup) {
    case 'none':
      return null;
    case 'absent':
      return { result: 'absent', begunAt: JUST_NOW };
    case 'pending':
      return { result: 'pending', begunAt: JUST_NOW };
    case 'old_pending':
      return { result: 'pending', begunAt: LONG_AGO - seconds(1000) };
  }
}

function sendsFor(rules: Rules, operation: 'create' | 'execute', sends: readonly SendState[], isOld: boolean): Send[] {
  const isAnyRefused = sends.some(({ mark }) => mark === 'refused');
  const isOldKey = isOld && rules.planHeedsKeyAge;
  const lastKey = sends.at(-1)?.key;
  return sends.map(({ key, mark }) => {
    const read = !rules.ownReplyOnly && isAnyRefused && isUnresolvedMark(mark) ? 'refused' : mark;
    const [outcome, code] = REPLY[read];
    const permittedAt = isOldKey || key !== lastKey || mark === 'accepted' ? LONG_AGO : RECENT;
    return aSend({
      operation,
      keyNumber: key,
      permittedAt,
      outcome,
      code: read === 'refused' ? REFUSAL[operation] : code,
      repliedAt: outcome === null ? null : NOW - seconds(900),
    });
  });
}
