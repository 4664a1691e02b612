import { describe, expect, test } from '@jest/globals';
import { aSend, NOW, orderIn, seconds } from '../../support/builders.ts';
import { fence, plan, read, refusedExecute, SLEEP_TO_LOOK_UP, unsent, withSends } from './plans.ts';

// The column "created" of the transfer table: Conduit's order is known, each execute was refused by its own reply.

const FIRST = { kind: 'send_execute', keyNumber: 1 };

describe('pending, unclaimed × created', () => {
  test('execute is sent on the stored, verified lock', () => {
    expect(plan('created', {})).toEqual(FIRST);
    expect(plan('created', read('pending'))).toEqual(FIRST);
  });

  test.each([
    ['an account', 'account_changed', {}, { areAccountsActive: false }],
    ['a lock of other assets', 'lock_unacceptable', { lockFault: 'assets', locked: null }, {}],
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
    expect(plan('created', over, around)).toEqual(fence({ reason }));
  });

  test('a lock that executes by itself: fenced under a code of its own', () => {
    const action = plan('created', { lockFault: 'auto_execute', locked: null });
    expect(action).toEqual(fence({ reason: 'lock_unacceptable', code: 'AUTO_EXECUTE_IGNORED' }));
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
        refusedExecute('INSUFFICIENT_FUNDS', { keyNumber: i + 1, repliedAt: NOW - seconds(2000) }),
      );
      const last = (ago: number) => refusedExecute('INSUFFICIENT_FUNDS', { keyNumber: nth + 1, repliedAt: NOW - ago });
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
    const over = withSends('created', refusedExecute('INSUFFICIENT_FUNDS', { repliedAt: NOW - seconds(1) }));
    expect(plan('created', over)).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('created', { ...over, nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
  });

  test('429: after Retry-After, under a new key', () => {
    const over = (retryAt: number) => ({
      ...withSends('created', refusedExecute('RATE_LIMITED', { retryAt })),
      nextLookupAt: NOW + seconds(60),
    });
    expect(plan('created', over(NOW))).toEqual({ kind: 'send_execute', keyNumber: 2 });
    expect(plan('created', over(NOW + 1))).toEqual({ kind: 'sleep', until: NOW + 1, waitingFor: 'retry' });
  });

  test('unsent: at once, three in a row, then like a refusal', () => {
    expect(plan('created', withSends('created', unsent(1, { operation: 'execute' })))).toEqual({
      kind: 'send_execute',
      keyNumber: 2,
    });
    const three = [
      unsent(5, { operation: 'execute' }),
      unsent(3, { operation: 'execute', keyNumber: 2 }),
      unsent(1, { operation: 'execute', keyNumber: 3 }),
    ];
    expect(plan('created', withSends('created', ...three.slice(0, 2)))).toEqual({ kind: 'send_execute', keyNumber: 3 });
    // Three of one kind: 4 min after the last.
    const over = { ...withSends('created', ...three), nextLookupAt: NOW + seconds(600) };
    expect(plan('created', over)).toEqual({ kind: 'sleep', until: NOW + seconds(239), waitingFor: 'retry' });
  });

  test('a wait never lasts beyond the fence', () => {
    const order = orderIn('created', { expiresAt: NOW + seconds(20) });
    const over = { ...withSends('created', refusedExecute('INSUFFICIENT_FUNDS')), nextLookupAt: NOW + seconds(60) };
    expect(
      plan('created', { ...over, sends: [refusedExecute('INSUFFICIENT_FUNDS', { repliedAt: NOW })] }, { order }),
    ).toEqual({
      kind: 'sleep',
      until: NOW + seconds(5),
      waitingFor: 'funds',
    });
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
    expect(plan('created', { ...absent, lockExpiresAt: NOW - seconds(120) })).toEqual(
      fence({ reason: 'lock_unacceptable' }),
    );
    expect(plan('created', { ...absent, lockExpiresAt: NOW - seconds(120) + 1 })).toEqual(SLEEP_TO_LOOK_UP);
    const unlocked = { ...absent, lockExpiresAt: null, optionExpiresAt: NOW - seconds(120) };
    expect(plan('created', unlocked)).toEqual(fence({ reason: 'lock_unacceptable' }));
  });
});

test('look-up down × created: execute is sent on the stored 202', () => {
  expect(plan('created', read('unavailable'))).toEqual(FIRST);
});
