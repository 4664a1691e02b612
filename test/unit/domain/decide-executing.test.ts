import { describe, expect, test } from '@jest/globals';
import type { Send } from '../../../src/domain/attempt.ts';
import { aSend, NOW, orderIn, seconds } from '../../support/builders.ts';
import { execute, plan, read, refusedExecute, SLEEP_TO_LOOK_UP, unsent, withSends } from './plans.ts';

// The columns "executing" (a 202 or a claim was seen) and "unknown_execute" (an execute is unresolved) of the transfer table.

const FIRST = { kind: 'send_execute', keyNumber: 1 };

test.each(['created', 'executing', 'unknown_execute'] as const)('two matches × %s: no send, looked up', (column) => {
  expect(plan(column, read('ambiguous'))).toEqual(SLEEP_TO_LOOK_UP);
  expect(plan(column, { ...read('ambiguous'), nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
});

describe('× executing', () => {
  test.each(['pending', 'absent', 'unavailable', 'claimed'] as const)(
    '%s: looked up when due, nothing is sent',
    (result) => {
      expect(plan('executing', read(result))).toEqual(SLEEP_TO_LOOK_UP);
      expect(plan('executing', { ...read(result), nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
    },
  );

  test('still read unclaimed 5 min after the 202 was asked for: cancelled at Conduit all the same', () => {
    const at = (agoSeconds: number) => ({
      ...withSends('executing', execute({ outcome: 'accepted', permittedAt: NOW - seconds(agoSeconds) })),
      ...read('pending', NOW),
    });
    expect(plan('executing', at(300))).toEqual({ kind: 'send_cancel', keyNumber: 1 });
    expect(plan('executing', at(299.999))).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('a claim that was only read has no 202 to count from: looked up', () => {
    const over = { ...withSends('executing', execute()), observed: 'claimed' as const, ...read('pending', NOW) };
    expect(plan('executing', over)).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('own reply 2xx, also late and beside an unresolved one: executing', () => {
    const over = {
      ...withSends('unknown_execute', execute(), execute({ outcome: 'accepted' })),
      observed: 'claimed' as const,
    };
    expect(plan('unknown_execute', over)).toEqual(SLEEP_TO_LOOK_UP);
  });
});

describe('pending, unclaimed × unknown_execute', () => {
  const sent = (...ago: number[]) => ({
    ...withSends('unknown_execute', ...ago.map((age) => execute({ permittedAt: NOW - seconds(age) }))),
    ...read('pending'),
  });

  test('key young and due: the same key again', () => {
    expect(plan('unknown_execute', sent(60))).toEqual(FIRST);
    expect(plan('unknown_execute', sent(180, 110))).toEqual(FIRST);
    const second = {
      ...sent(),
      ...withSends('unknown_execute', refusedExecute('INSUFFICIENT_FUNDS'), execute({ keyNumber: 2 })),
    };
    expect(plan('unknown_execute', { ...second, ...read('pending') })).toEqual({ kind: 'send_execute', keyNumber: 2 });
  });

  test('not due yet: looked up, awake when it is due', () => {
    expect(plan('unknown_execute', sent(50))).toEqual({
      kind: 'sleep',
      until: NOW + seconds(10),
      waitingFor: 'look_up',
    });
    expect(plan('unknown_execute', { ...sent(50), nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
  });

  test('repeated twice: looked up until the key is old', () => {
    expect(plan('unknown_execute', sent(230, 170, 50))).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('unsent: at once, at most three in a row', () => {
    const over = (...more: Send[]) => ({ ...withSends('unknown_execute', execute(), ...more), ...read('pending') });
    expect(plan('unknown_execute', over(unsent(1, { operation: 'execute' })))).toEqual(FIRST);
    expect(
      plan(
        'unknown_execute',
        over(
          unsent(5, { operation: 'execute' }),
          unsent(3, { operation: 'execute' }),
          unsent(1, { operation: 'execute' }),
        ),
      ),
    ).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('under a pause or behind a closed gate: looked up', () => {
    expect(plan('unknown_execute', sent(60), { isPaused: true })).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('unknown_execute', sent(60), { gateClosedUntil: NOW + 1 })).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('unknown_execute', { ...sent(60), nextLookupAt: NOW }, { isPaused: true })).toEqual({
      kind: 'look_up',
    });
  });

  test('key 240 s old: cancelled at Conduit, never sent again', () => {
    expect(plan('unknown_execute', sent(240))).toEqual({ kind: 'send_cancel', keyNumber: 1 });
    expect(plan('unknown_execute', sent(239.999))).toEqual(FIRST);
  });

  test.each([
    ['an account', { areAccountsActive: false }, {}],
    ['the end of the lock', {}, { lockExpiresAt: NOW + seconds(15) }],
    ['a fault of the lock', {}, { lockFault: 'assets' }],
  ] as const)('permit refused for %s: cancelled at Conduit', (_name, around, over) => {
    expect(plan('unknown_execute', { ...sent(60), ...over }, around)).toEqual({ kind: 'send_cancel', keyNumber: 1 });
  });

  test('permit refused for the rate: cancelled at Conduit', () => {
    const order = orderIn('unknown_execute', { targetRate: '0.93' });
    expect(plan('unknown_execute', sent(60), { order })).toEqual({ kind: 'send_cancel', keyNumber: 1 });
  });
});

describe('absent, or the look-up down × unknown_execute', () => {
  test.each(['absent', 'unavailable'] as const)(
    '%s, key young: looked up, nothing is sent, without an end',
    (result) => {
      const over = { ...withSends('unknown_execute', execute()), ...read(result) };
      expect(plan('unknown_execute', over)).toEqual(SLEEP_TO_LOOK_UP);
      expect(plan('unknown_execute', { ...over, nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
      const late = { ...over, lockExpiresAt: NOW - seconds(9999) };
      expect(plan('unknown_execute', late)).toEqual(SLEEP_TO_LOOK_UP);
    },
  );

  test.each(['absent', 'unavailable'] as const)('%s, key old: cancelled at Conduit once, then looked up', (result) => {
    const old = execute({ permittedAt: NOW - seconds(241) });
    const cancel = aSend({ operation: 'cancel', permittedAt: NOW - seconds(40) });
    expect(plan('unknown_execute', { ...withSends('unknown_execute', old), ...read(result) })).toEqual({
      kind: 'send_cancel',
      keyNumber: 1,
    });
    expect(plan('unknown_execute', { ...withSends('unknown_execute', old, cancel), ...read(result) })).toEqual(
      SLEEP_TO_LOOK_UP,
    );
  });
});

describe('cancelling at Conduit', () => {
  const old = execute({ permittedAt: NOW - seconds(1000) });
  const cancel = (over: Partial<Send> = {}) => aSend({ operation: 'cancel', permittedAt: NOW - seconds(40), ...over });
  const afterCancels = (...cancels: Send[]) => ({
    ...withSends('unknown_execute', old, ...cancels),
    ...read('pending'),
  });

  test('a look-up that began before the cancel tells nothing of it', () => {
    const over = { ...afterCancels(cancel()), ...read('pending', NOW - seconds(40)) };
    expect(plan('unknown_execute', over)).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('still pending: again under the same key', () => {
    for (const outcome of [null, 'accepted', 'unknown'] as const)
      expect(plan('unknown_execute', afterCancels(cancel({ outcome })))).toEqual({ kind: 'send_cancel', keyNumber: 1 });
  });

  test('still pending after a definite refusal, or once the key is old: under the next key', () => {
    const conflict = cancel({ outcome: 'unknown', code: 'ORDER_CANCEL_IN_PROGRESS' });
    expect(plan('unknown_execute', afterCancels(conflict))).toEqual({ kind: 'send_cancel', keyNumber: 2 });
    const spent = cancel({ keyNumber: 3, permittedAt: NOW - seconds(240) });
    expect(plan('unknown_execute', afterCancels(spent))).toEqual({ kind: 'send_cancel', keyNumber: 4 });
    const again = [cancel({ permittedAt: NOW - seconds(250) }), cancel({ permittedAt: NOW - seconds(40) })];
    expect(plan('unknown_execute', afterCancels(...again))).toEqual({ kind: 'send_cancel', keyNumber: 2 });
  });

  test('asked to wait: waits', () => {
    const limited = cancel({ outcome: 'no_effect', code: 'RATE_LIMITED', retryAt: NOW + seconds(3) });
    expect(plan('unknown_execute', afterCancels(limited))).toEqual(SLEEP_TO_LOOK_UP);
  });
});

describe('own reply: no effect × unknown_execute', () => {
  const refusedPlan = (reason: string, code: string, pause: 'all' | null = null) => ({
    kind: 'record',
    record: { kind: 'execute_refused', reason, code, pause },
  });

  test.each([
    ['INSUFFICIENT_FUNDS', 'insufficient_funds', null],
    ['RATE_LIMITED', 'provider_busy', null],
    ['NOT_CONNECTED', 'provider_busy', null],
    ['API_KEY_INVALID', 'paused', 'all'],
    ['API_KEY_READ_ONLY', 'paused', 'all'],
  ] as const)('%s, all resolved: created again, the order watches as %s', (code, reason, pause) => {
    expect(plan('unknown_execute', withSends('unknown_execute', refusedExecute(code)))).toEqual(
      refusedPlan(reason, code, pause),
    );
  });

  test('unsent is resolved as well', () => {
    const over = withSends('unknown_execute', unsent(1, { operation: 'execute' }));
    expect(plan('unknown_execute', over)).toEqual(refusedPlan('provider_busy', 'PERMIT_EXPIRED'));
  });

  test("one unresolved: another send's refusal proves nothing", () => {
    for (const outcome of [null, 'unknown', 'exists'] as const) {
      const sends = [execute({ outcome }), refusedExecute('INSUFFICIENT_FUNDS')];
      for (const order of [sends, sends.toReversed()])
        expect(plan('unknown_execute', withSends('unknown_execute', ...order))).toEqual(SLEEP_TO_LOOK_UP);
    }
  });
});
