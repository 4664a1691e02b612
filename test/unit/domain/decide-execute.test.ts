import { describe, expect, test } from '@jest/globals';
import type { Attempt, Column, LookupResult, Send } from '../../../src/domain/attempt.ts';
import { type Action, decide, type Situation } from '../../../src/domain/decide.ts';
import { aSend, aSituation, attemptIn, NOW, orderIn, seconds, TIMING } from '../../support/builders.ts';

// The columns of the transfer table in which Conduit's order is known: created, executing, unknown_execute.

function plan(column: Column, over: Partial<Attempt>, around: Partial<Situation> = {}): Action {
  return decide(aSituation({ order: orderIn(column), attempt: attemptIn(column, over), ...around }), NOW, TIMING);
}

function fence(reason: string) {
  const record = { kind: 'fence', to: 'watching', attemptTo: 'cancelled', reason, code: null, pause: null };
  return { kind: 'record', record };
}

function execute(over: Partial<Send> = {}): Send {
  return aSend({ operation: 'execute', permittedAt: NOW - seconds(100), ...over });
}

function refused(code: string, over: Partial<Send> = {}): Send {
  return execute({ outcome: 'no_effect', code, repliedAt: NOW - seconds(99), ...over });
}

function unsent(agoSeconds: number, over: Partial<Send> = {}): Send {
  const at = NOW - seconds(agoSeconds);
  return execute({ outcome: 'unsent', code: 'PERMIT_EXPIRED', permittedAt: at, repliedAt: at, ...over });
}

const read = (result: LookupResult, begunAt = NOW - seconds(1)): Partial<Attempt> => ({ lookup: { result, begunAt } });
const SLEEP_TO_LOOK_UP = { kind: 'sleep', until: NOW + seconds(20), waitingFor: 'look_up' };
const FIRST = { kind: 'send_execute', keyNumber: 1 };
const withSends = (column: Column, ...sends: Send[]): Partial<Attempt> => {
  const [create] = attemptIn(column).sends;
  return { sends: create ? [create, ...sends] : sends };
};

describe('pending, unclaimed × created', () => {
  test('execute is sent on the stored, verified lock', () => {
    expect(plan('created', {})).toEqual(FIRST);
    expect(plan('created', read('pending'))).toEqual(FIRST);
  });

  test.each([
    ['an account', 'account_changed', {}, { areAccountsActive: false }],
    ['a lock of other assets', 'lock_unacceptable', { lockFault: 'assets', locked: null }, {}],
    ['a lock that executes by itself', 'lock_unacceptable', { lockFault: 'auto_execute', locked: null }, {}],
    ['a lock without amounts', 'lock_unacceptable', { locked: null }, {}],
    ['a lock without an end', 'lock_unacceptable', { lockExpiresAt: null }, {}],
    ['the amount', 'lock_unacceptable', { locked: { debit: '20.000001', recipient: '18.5', destinationFee: '0' } }, {}],
    ['the rate', 'lock_unacceptable', { locked: { debit: '20', recipient: '18.399999', destinationFee: '0' } }, {}],
    [
      'a fee in what arrives',
      'lock_unacceptable',
      { locked: { debit: '20', recipient: '18.4', destinationFee: '0.000001' } },
      {},
    ],
    ['the end of the lock', 'quote_expired', { lockExpiresAt: NOW + seconds(15) }, {}],
  ] as const)('refused for %s: fenced as %s', (_name, reason, over, around) => {
    expect(plan('created', over, around)).toEqual(fence(reason));
  });

  test('a lock with more than 15 s left is still good', () => {
    expect(plan('created', { lockExpiresAt: NOW + seconds(15) + 1 })).toEqual(FIRST);
  });

  test('the debit is compared as a number, not as a text', () => {
    expect(plan('created', { locked: { debit: '20', recipient: '18.4', destinationFee: '0' } })).toEqual(FIRST);
  });

  test('under a pause: waits, asks again every 30 s and looks meanwhile', () => {
    const around = { isPaused: true };
    expect(plan('created', { nextLookupAt: NOW + seconds(60) }, around)).toEqual({
      kind: 'sleep',
      until: NOW + seconds(30),
      waitingFor: 'pause',
    });
    expect(plan('created', {}, around)).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('created', { nextLookupAt: NOW }, around)).toEqual({ kind: 'look_up' });
  });

  test('the gate is closed: waits for it', () => {
    const gateClosedUntil = NOW + seconds(5);
    expect(plan('created', {}, { gateClosedUntil })).toEqual({
      kind: 'sleep',
      until: gateClosedUntil,
      waitingFor: 'gate',
    });
  });

  test.each([1, 2, 4, 4, 4])(
    'funds missing: refusal by refusal 1, 2, 4, 4 min, each under a new key (%#)',
    (minutes) => {
      const nth = [1, 2, 4, 4, 4].indexOf(minutes) + (minutes === 4 ? 1 : 0);
      const earlier = Array.from({ length: nth }, (_, i) =>
        refused('INSUFFICIENT_FUNDS', { keyNumber: i + 1, repliedAt: NOW - seconds(2000) }),
      );
      const last = (ago: number) => refused('INSUFFICIENT_FUNDS', { keyNumber: nth + 1, repliedAt: NOW - ago });
      const over = (ago: number) => ({
        ...withSends('created', ...earlier, last(ago)),
        nextLookupAt: NOW + seconds(60),
      });
      expect(plan('created', over(seconds(60 * minutes)))).toEqual({ kind: 'send_execute', keyNumber: nth + 2 });
      expect(plan('created', over(seconds(60 * minutes) - 1))).toEqual({
        kind: 'sleep',
        until: NOW + 1,
        waitingFor: 'funds',
      });
    },
  );

  test('funds missing: looked up meanwhile', () => {
    const over = withSends('created', refused('INSUFFICIENT_FUNDS', { repliedAt: NOW - seconds(1) }));
    expect(plan('created', over)).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('created', { ...over, nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
  });

  test('429: after Retry-After, under a new key', () => {
    const over = (retryAt: number) => ({
      ...withSends('created', refused('RATE_LIMITED', { retryAt })),
      nextLookupAt: NOW + seconds(60),
    });
    expect(plan('created', over(NOW))).toEqual({ kind: 'send_execute', keyNumber: 2 });
    expect(plan('created', over(NOW + 1))).toEqual({ kind: 'sleep', until: NOW + 1, waitingFor: 'retry' });
  });

  test('unsent: at once, three in a row, then like a refusal', () => {
    expect(plan('created', withSends('created', unsent(1)))).toEqual({ kind: 'send_execute', keyNumber: 2 });
    const three = [unsent(5), unsent(3, { keyNumber: 2 }), unsent(1, { keyNumber: 3 })];
    expect(plan('created', withSends('created', ...three.slice(0, 2)))).toEqual({ kind: 'send_execute', keyNumber: 3 });
    // Three of one kind: 4 min after the last.
    const over = { ...withSends('created', ...three), nextLookupAt: NOW + seconds(600) };
    expect(plan('created', over)).toEqual({ kind: 'sleep', until: NOW + seconds(239), waitingFor: 'retry' });
  });

  test('a wait never lasts beyond the fence', () => {
    const order = orderIn('created', { expiresAt: NOW + seconds(20) });
    const over = { ...withSends('created', refused('INSUFFICIENT_FUNDS')), nextLookupAt: NOW + seconds(60) };
    expect(plan('created', { ...over, sends: [refused('INSUFFICIENT_FUNDS', { repliedAt: NOW })] }, { order })).toEqual(
      {
        kind: 'sleep',
        until: NOW + seconds(5),
        waitingFor: 'funds',
      },
    );
  });
});

describe('absent × created', () => {
  const absent = { ...read('absent'), nextLookupAt: NOW + seconds(20) };

  test('begun less than 32 s after the last send: no absent, so execute is sent', () => {
    const sends = [aSend({ outcome: 'accepted', permittedAt: NOW - seconds(32) })];
    expect(plan('created', { ...absent, sends })).toEqual(FIRST);
  });

  test('looked up, no execute', () => {
    expect(plan('created', absent)).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('created', { ...absent, nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
  });

  test('120 s after the lock: fenced', () => {
    expect(plan('created', { ...absent, lockExpiresAt: NOW - seconds(120) })).toEqual(fence('lock_unacceptable'));
    expect(plan('created', { ...absent, lockExpiresAt: NOW - seconds(120) + 1 })).toEqual(SLEEP_TO_LOOK_UP);
    const unlocked = { ...absent, lockExpiresAt: null, optionExpiresAt: NOW - seconds(120) };
    expect(plan('created', unlocked)).toEqual(fence('lock_unacceptable'));
  });
});

test('look-up down × created: execute is sent on the stored 202', () => {
  expect(plan('created', read('unavailable'))).toEqual(FIRST);
});

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
      ...withSends('unknown_execute', refused('INSUFFICIENT_FUNDS'), execute({ keyNumber: 2 })),
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
    expect(plan('unknown_execute', over(unsent(1)))).toEqual(FIRST);
    expect(plan('unknown_execute', over(unsent(5), unsent(3), unsent(1)))).toEqual(SLEEP_TO_LOOK_UP);
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
    expect(plan('unknown_execute', withSends('unknown_execute', refused(code)))).toEqual(
      refusedPlan(reason, code, pause),
    );
  });

  test('unsent is resolved as well', () => {
    const over = withSends('unknown_execute', unsent(1));
    expect(plan('unknown_execute', over)).toEqual(refusedPlan('provider_busy', 'PERMIT_EXPIRED'));
  });

  test("one unresolved: another send's refusal proves nothing", () => {
    for (const outcome of [null, 'unknown', 'exists'] as const) {
      const sends = [execute({ outcome }), refused('INSUFFICIENT_FUNDS')];
      for (const order of [sends, sends.toReversed()])
        expect(plan('unknown_execute', withSends('unknown_execute', ...order))).toEqual(SLEEP_TO_LOOK_UP);
    }
  });
});
