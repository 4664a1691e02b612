import { describe, expect, test } from '@jest/globals';
import type { Attempt, Column } from '../../../src/domain/attempt.ts';
import { decide } from '../../../src/domain/decide.ts';
import type { Action, Situation } from '../../../src/domain/plan.ts';
import { aSend, aSituation, attemptIn, COLUMNS, NOW, orderIn, seconds, TIMING } from '../../support/builders.ts';

// The rows "expiry", "cancel requested" and "key older than 240 s" of the transfer table, and what comes before what.

const EARLY: readonly Column[] = ['prepared', 'unknown_create', 'created'];
/** When no permit is given any more: 15 s before the expiry. */
const AT_FENCE = { expiresAt: NOW + seconds(15) };
const OVERDUE = { expiresAt: NOW };
const REFUSED = { cancelRefusedAt: NOW - seconds(1) };
const SLEEP_TO_LOOK_UP = { kind: 'sleep', until: NOW + seconds(20), waitingFor: 'look_up' };
const CANCEL = { kind: 'send_cancel', keyNumber: 1 };

function plan(
  column: Column,
  order: Parameters<typeof orderIn>[1],
  over: Partial<Attempt> = {},
  around: Partial<Situation> = {},
): Action {
  return decide(
    aSituation({ order: orderIn(column, order), attempt: attemptIn(column, over), ...around }),
    NOW,
    TIMING,
  );
}

function fence(to: string, reason: string) {
  return { kind: 'record', record: { kind: 'fence', to, attemptTo: 'cancelled', reason, code: null, pause: null } };
}

describe('expiry', () => {
  test.each(EARLY)('× %s: fenced from 15 s before on, expired from expires_at on', (column) => {
    expect(plan(column, AT_FENCE)).toEqual(fence('watching', 'expiring'));
    expect(plan(column, { expiresAt: NOW + 1 })).toEqual(fence('watching', 'expiring'));
    expect(plan(column, OVERDUE)).toEqual(fence('expired', 'expiring'));
    expect(plan(column, { expiresAt: NOW + seconds(15) + 1 })).not.toMatchObject({ kind: 'record' });
  });

  test.each([AT_FENCE, OVERDUE])('× executing: no send, looked up, stays executing (%p)', (order) => {
    expect(plan('executing', order)).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('executing', order, { nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
  });

  test.each([AT_FENCE, OVERDUE])('× unknown_execute: no send, cancelled at Conduit, then looked up (%p)', (order) => {
    expect(plan('unknown_execute', order)).toEqual(CANCEL);
    const cancelled = { sends: [...attemptIn('unknown_execute').sends, aSend({ operation: 'cancel' })] };
    expect(plan('unknown_execute', order, cancelled)).toEqual(SLEEP_TO_LOOK_UP);
  });
});

describe('cancel requested and refused', () => {
  test.each(EARLY)('× %s: fenced, the order fails as the customer wished it to end', (column) => {
    expect(plan(column, REFUSED)).toEqual(fence('failed', 'cancel_requested'));
  });

  test('× executing: looked up', () => {
    expect(plan('executing', REFUSED)).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('× unknown_execute: cancelled at Conduit at once, no send although one is due', () => {
    const due = { lookup: { result: 'pending', begunAt: NOW - seconds(1) } as const };
    const sends = [aSend({ operation: 'execute', permittedAt: NOW - seconds(61) })];
    expect(plan('unknown_execute', {}, { ...due, sends })).toEqual({ kind: 'send_execute', keyNumber: 1 });
    expect(plan('unknown_execute', REFUSED, { ...due, sends })).toEqual(CANCEL);
  });
});

describe('key older than 240 s', () => {
  test('× created: the next execute has the next key', () => {
    const refused = { operation: 'execute', outcome: 'no_effect', code: 'INSUFFICIENT_FUNDS' } as const;
    const sends = [aSend({ ...refused, permittedAt: NOW - seconds(999), repliedAt: NOW - seconds(998) })];
    expect(plan('created', {}, { sends })).toEqual({ kind: 'send_execute', keyNumber: 2 });
  });

  test('× executing: no send', () => {
    const accepted = { operation: 'execute', outcome: 'accepted', permittedAt: NOW - seconds(999) } as const;
    expect(plan('executing', {}, { sends: [aSend(accepted)] })).toEqual(SLEEP_TO_LOOK_UP);
  });

  test.each(['absent', 'unavailable', 'pending'] as const)(
    '× unknown_execute, %s: cancelled at Conduit, no send',
    (result) => {
      const sends = [aSend({ operation: 'execute', permittedAt: NOW - seconds(240) })];
      expect(plan('unknown_execute', {}, { sends, lookup: { result, begunAt: NOW - seconds(1) } })).toEqual(CANCEL);
    },
  );
});

describe('what comes first', () => {
  const succeeded = {
    conduitOrderId: 'ord_1',
    observed: 'terminal',
    end: { kind: 'succeeded' },
    lookup: { result: 'terminal', begunAt: NOW - seconds(1) },
  } as const;

  test.each(COLUMNS)('× %s: a success before expiry, a refused cancel and every reply', (column) => {
    const order = { ...OVERDUE, ...REFUSED };
    expect(plan(column, order, succeeded, { isPaused: true, areAccountsActive: false })).toMatchObject({
      record: { kind: 'complete' },
    });
  });

  test.each(EARLY)('× %s: a claim before expiry and a refused cancel', (column) => {
    const order = { ...OVERDUE, ...REFUSED };
    expect(plan(column, order, { observed: 'claimed' })).toEqual({ kind: 'record', record: { kind: 'adopt_claimed' } });
  });

  test.each(COLUMNS)(
    '× %s: an end without effect before expiry; where the order goes is judged under the lock',
    (column) => {
      const over = { ...succeeded, end: { kind: 'cancelled', reason: 'expired' } } as const;
      for (const order of [OVERDUE, AT_FENCE, REFUSED])
        expect(plan(column, order, over)).toMatchObject({ record: { kind: 'close_without_effect' } });
    },
  );

  test.each(['prepared', 'unknown_create'] as const)(
    '× %s: a stored order is adopted before the fence closes it',
    (column) => {
      const over = { conduitOrderId: 'ord_1', observed: 'pending' } as const;
      for (const order of [OVERDUE, REFUSED])
        expect(plan(column, order, over)).toMatchObject({ record: { kind: 'adopt_created' } });
    },
  );

  test('× unknown_execute: stored refusals before expiry and cancel; the fence follows', () => {
    const refused = { operation: 'execute', outcome: 'no_effect', code: 'INSUFFICIENT_FUNDS' } as const;
    for (const order of [OVERDUE, REFUSED])
      expect(plan('unknown_execute', order, { sends: [aSend(refused)] })).toMatchObject({
        record: { kind: 'execute_refused' },
      });
  });

  test.each(EARLY)('× %s: expiry and a refused cancel before replies, pauses, accounts and keys', (column) => {
    const sends = [
      aSend({
        outcome: column === 'prepared' ? 'no_effect' : 'unknown',
        code: 'VALIDATION_ERROR',
        permittedAt: NOW - seconds(999),
      }),
    ];
    const around = { isPaused: true, areAccountsActive: false, gateClosedUntil: NOW + seconds(60) };
    expect(plan(column, AT_FENCE, { sends }, around)).toEqual(fence('watching', 'expiring'));
    expect(plan(column, REFUSED, { sends }, around)).toEqual(fence('failed', 'cancel_requested'));
  });

  test.each(EARLY)('× %s: a refused cancel ends the order, also when it is overdue', (column) => {
    expect(plan(column, { ...OVERDUE, ...REFUSED })).toEqual(fence('failed', 'cancel_requested'));
  });
});

describe('one state, one plan', () => {
  // A second hand that reads the same rows comes to the same plan, and reading changes nothing.
  test.each(COLUMNS)('× %s: the plan is a function of its facts', (column) => {
    const attempt = attemptIn(column);
    const situation = aSituation({ order: orderIn(column), attempt });
    const before = structuredClone(situation);
    const first = decide(situation, NOW, TIMING);
    expect(decide(situation, NOW, TIMING)).toEqual(first);
    expect(situation).toEqual(before);
  });
});

describe('money was seen to move under a closed attempt', () => {
  const MOVING = { isPaused: true, isMovingElsewhere: true } as const;

  test.each(EARLY)('× %s: fenced in time, and not ended by the clock or a cancel', (column) => {
    for (const order of [AT_FENCE, OVERDUE, REFUSED, { ...OVERDUE, ...REFUSED }])
      expect(plan(column, order, {}, MOVING)).toEqual(fence('watching', 'expiring'));
  });
});
