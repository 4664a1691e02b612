import { isUnresolved, type Send, sendsOf } from '../../../src/domain/attempt.ts';
import { isReadTwice } from '../../../src/domain/failure.ts';
import type { Instant } from '../../../src/domain/order.ts';
import { failedWithoutEffect } from '../../../src/domain/replies.ts';
import { isAbsent, isKeyYoung, type Timing } from '../../../src/domain/timing.ts';
import {
  type AttemptState,
  type EndState,
  type LookupState,
  type OrderState,
  type SendState,
  UNBORN,
} from '../search/state.ts';
import type { Rows } from '../search/transition.ts';
import { type AttemptRow, isMovingElsewhere, type Tables } from './tables.ts';

/*
 * What a transaction of `src/db` must find proved before it changes a row is said again in small in test/unit/search. It is not said a
 * third time here: rows with their full times are projected on the search's state, its `recorded`, `permitted`, `customerCancelled`,
 * `expiredByRepair` and `prepared` judge them, and what they answer is written back. So a rule that is dropped there is dropped here,
 * and the two cannot drift apart. What that state has no room for (clocks, amounts, the gate, dedupe keys, versions) is judged by the
 * callers. The environment of the search is not reused: it tries each order of events on marks without times, which is what this
 * simulation is not.
 */

/** How the rows look to the search at a moment. */
export function rowsOf(tables: Tables, attempt: AttemptRow | null, now: Instant, timing: Timing): Rows {
  return {
    order: orderState(tables, now, timing),
    attempt: attempt ? attemptState(tables, attempt, now, timing) : UNBORN,
    isMovingElsewhere: isMovingElsewhere(tables, attempt?.number ?? null),
  };
}

function orderState({ order, pauses, areAccountsActive }: Tables, now: Instant, timing: Timing): OrderState {
  return {
    status: order.status,
    phase: now >= order.expiresAt ? 2 : now >= order.expiresAt - timing.sendMarginMs ? 1 : 0,
    isCancelRefused: order.cancelRefusedAt !== null,
    wasToldTooLate: order.cancelRefusedAt !== null,
    pause: pauses.size > 0 ? 'on' : 'never',
    areAccountsActive,
  };
}

function attemptState({ facts }: Tables, a: AttemptRow, now: Instant, timing: Timing): AttemptState {
  const creates = sendsOf(a, 'create');
  const executes = sendsOf(a, 'execute');
  const isOptionOver = now >= a.optionExpiresAt - timing.quoteMarginMs;
  const lastKey = executes.at(-1)?.keyNumber;
  const ofKey = executes.filter(({ keyNumber }) => keyNumber === lastKey);
  return {
    ...UNBORN,
    status: a.status,
    closedBy: a.closedBy,
    hasId: a.conduitOrderId !== null,
    isCreatedRecorded: facts.has(`created:g${a.number}`),
    isClaimRecorded: facts.has(`claimed:g${a.number}`),
    observed: a.observed,
    end: endState(a, timing),
    lookup: lookupState(a, timing),
    creates: creates.map(sendState),
    executes: executes.map(sendState),
    createKey: isOptionOver ? 'gone' : isKeyYoung(creates, now, timing) ? 'young' : 'old',
    executeKey: isKeyYoung(ofKey, now, timing) ? 'young' : 'old',
    isLockOver: a.lockExpiresAt === null || now >= a.lockExpiresAt - timing.sendMarginMs,
    hasCancelSend: sendsOf(a, 'cancel').length > 0,
    isOrphan: a.orphanUntil !== null && a.orphanClosedAt === null,
  };
}

function sendState(send: Send): SendState {
  const { keyNumber: key } = send;
  if (isUnresolved(send)) return { key, mark: 'lost' };
  return { key, mark: send.outcome === 'accepted' ? 'accepted' : send.outcome === 'unsent' ? 'unsent' : 'refused' };
}

/** `failed` stands for a failure that proves no effect; `none_linked` for one that does not yet. */
function endState({ end }: AttemptRow, timing: Timing): EndState | null {
  if (end === null || end.kind === 'succeeded') return end && 'succeeded';
  if (end.kind === 'cancelled') return 'cancelled';
  if (end.linked === 'completed') return 'partial';
  if (!failedWithoutEffect(end.code)) return 'failed_otherwise';
  return end.linked !== 'open' && isReadTwice(end, timing) ? 'failed' : 'none_linked';
}

function lookupState(a: AttemptRow, timing: Timing): LookupState {
  if (isAbsent(a, timing)) return 'absent';
  return a.lookup?.result === 'pending' && a.lookup.begunAt >= (a.sends.at(-1)?.permittedAt ?? 0) ? 'pending' : 'none';
}
