import { describe, expect, test } from '@jest/globals';
import type { Attempt, Send } from '../../../src/domain/attempt.ts';
import { aSend, NOW, orderIn, seconds } from '../../support/builders.ts';
import { fence, plan, read, unsent } from './plans.ts';

// The column "prepared" of the transfer table: no create was sent, or each was refused by its own reply.

function refused(code: string, over: Partial<Send> = {}): Send {
  const repliedAt = NOW - seconds(69);
  return aSend({ outcome: 'no_effect', code, permittedAt: NOW - seconds(70), repliedAt, ...over });
}

const absent: Partial<Attempt> = { ...read('absent'), observed: 'absent' };

describe('absent, or the look-up down × prepared', () => {
  test.each([
    ['absent', absent],
    ['down', { lookup: { result: 'unavailable', begunAt: NOW - seconds(1) } } as const],
    ['never asked', {}],
  ])('%s: the create is sent, it needs no look-up', (_name, over) => {
    expect(plan('prepared', over)).toEqual({ kind: 'send_create' });
  });

  test('refused for the rate: fenced', () => {
    const order = orderIn('prepared', { targetRate: '0.920000000000000001' });
    expect(plan('prepared', {}, { order })).toEqual(fence({ reason: 'rate_not_met' }));
  });

  test('refused for an account: fenced', () => {
    expect(plan('prepared', {}, { areAccountsActive: false })).toEqual(fence({ reason: 'account_changed' }));
  });

  test('refused for a pause: asked again every 30 s, until the option has 30 s left', () => {
    const wait = (until: number) => ({ kind: 'sleep', until, waitingFor: 'pause' });
    expect(plan('prepared', {}, { isPaused: true })).toEqual(wait(NOW + seconds(30)));
    const short = { optionExpiresAt: NOW + seconds(40) };
    expect(plan('prepared', short, { isPaused: true })).toEqual(wait(NOW + seconds(10)));
    const over = { optionExpiresAt: NOW + seconds(30) };
    expect(plan('prepared', over, { isPaused: true })).toEqual(fence({ reason: 'paused' }));
  });

  test('refused for a pause near the fence: no longer than that', () => {
    const order = orderIn('prepared', { expiresAt: NOW + seconds(20) });
    expect(plan('prepared', {}, { order, isPaused: true })).toEqual({
      kind: 'sleep',
      until: NOW + seconds(5),
      waitingFor: 'pause',
    });
  });

  test('the option has 30 s left or less: fenced', () => {
    expect(plan('prepared', { optionExpiresAt: NOW + seconds(30) + 1 })).toEqual({ kind: 'send_create' });
    expect(plan('prepared', { optionExpiresAt: NOW + seconds(30) })).toEqual(fence({ reason: 'quote_expired' }));
  });

  test('the gate is closed: waits for it, but not beyond the option', () => {
    const gateClosedUntil = NOW + seconds(12);
    expect(plan('prepared', {}, { gateClosedUntil })).toEqual({
      kind: 'sleep',
      until: gateClosedUntil,
      waitingFor: 'gate',
    });
    const short = { optionExpiresAt: NOW + seconds(35) };
    expect(plan('prepared', short, { gateClosedUntil })).toEqual({
      kind: 'sleep',
      until: NOW + seconds(5),
      waitingFor: 'gate',
    });
    expect(plan('prepared', {}, { gateClosedUntil: NOW })).toEqual({ kind: 'send_create' });
  });
});

describe('own reply: no effect × prepared', () => {
  test('429: the create again after Retry-After, while the key is young', () => {
    const at = (retryAt: number) => ({ sends: [refused('RATE_LIMITED', { retryAt })] });
    expect(plan('prepared', at(NOW))).toEqual({ kind: 'send_create' });
    expect(plan('prepared', at(NOW + seconds(7)))).toEqual({
      kind: 'sleep',
      until: NOW + seconds(7),
      waitingFor: 'retry',
    });
    // Permitted 70 s ago: at 240 s the key is old.
    expect(plan('prepared', at(NOW + seconds(169)))).toMatchObject({ kind: 'sleep', until: NOW + seconds(169) });
    expect(plan('prepared', at(NOW + seconds(170)))).toEqual(fence({ code: 'RATE_LIMITED' }));
  });

  test('429 or no connection, nothing said of when: after 60 s, then 180 s after the first, then no more', () => {
    for (const code of ['RATE_LIMITED', 'NOT_CONNECTED']) {
      const once = [refused(code, { permittedAt: NOW - seconds(59) })];
      expect(plan('prepared', { sends: once })).toEqual({
        kind: 'sleep',
        until: NOW + seconds(1),
        waitingFor: 'retry',
      });
      expect(plan('prepared', { sends: [refused(code, { permittedAt: NOW - seconds(60) })] })).toEqual({
        kind: 'send_create',
      });
      const first = refused(code, { permittedAt: NOW - seconds(179) });
      expect(plan('prepared', { sends: [first, refused(code)] })).toMatchObject({
        kind: 'sleep',
        until: NOW + seconds(1),
      });
      const earlier = refused(code, { permittedAt: NOW - seconds(180) });
      expect(plan('prepared', { sends: [earlier, refused(code)] })).toEqual({ kind: 'send_create' });
      expect(plan('prepared', { sends: [earlier, refused(code), refused(code)] })).toEqual(fence({ code }));
    }
  });

  test('the key is 240 s old: fenced, no send', () => {
    const sends = (age: number) => [refused('RATE_LIMITED', { permittedAt: NOW - age, retryAt: NOW - seconds(1) })];
    expect(plan('prepared', { sends: sends(seconds(240) - 1) })).toEqual({ kind: 'send_create' });
    expect(plan('prepared', { sends: sends(seconds(240)) })).toEqual(fence({ code: 'RATE_LIMITED' }));
  });

  test('unsent: again at once, at most three in a row', () => {
    expect(plan('prepared', { sends: [unsent(1)] })).toEqual({ kind: 'send_create' });
    expect(plan('prepared', { sends: [unsent(3), unsent(1)] })).toEqual({ kind: 'send_create' });
    expect(plan('prepared', { sends: [unsent(5), unsent(3), unsent(1)] })).toEqual(fence({ code: 'PERMIT_EXPIRED' }));
    const mixed = [unsent(90), unsent(85), refused('RATE_LIMITED', { retryAt: NOW }), unsent(3), unsent(1)];
    expect(plan('prepared', { sends: mixed })).toEqual({ kind: 'send_create' });
  });

  test.each(['QUOTE_EXPIRED', 'QUOTE_NOT_FOUND'])(
    '%s: the attempt fails, the order watches for a new quote',
    (code) => {
      expect(plan('prepared', { sends: [refused(code)] })).toEqual(
        fence({ attemptTo: 'failed', reason: 'quote_expired', code }),
      );
    },
  );

  test.each(['API_KEY_INVALID', 'API_KEY_READ_ONLY', 'FEATURE_NOT_ENABLED', 'CLIENT_MARKUP_NOT_ENABLED', 'A_NEW_401'])(
    '%s: fenced, everything is paused',
    (code) => {
      expect(plan('prepared', { sends: [refused(code)] })).toEqual(fence({ reason: 'paused', code, pause: 'all' }));
    },
  );

  test.each([
    'QUOTE_ASSET_MISMATCH',
    'INVALID_OID_FORMAT',
    'DESTINATION_NOT_ACTIVATED',
    'DESTINATION_ASSET_NOT_ACCEPTED',
    'NON_CUSTODIAL_SOURCE_NOT_SUPPORTED',
  ])('%s: fenced, the account is paused', (code) => {
    expect(plan('prepared', { sends: [refused(code)] })).toEqual(fence({ reason: 'paused', code, pause: 'account' }));
  });

  test.each(['VALIDATION_ERROR', 'UNSUPPORTED_PAIR', 'AMOUNT_OUT_OF_RANGE', 'TRANSACTION_BLOCKED', 'PAYOUT_LIMIT'])(
    '%s: the order fails with that code',
    (code) => {
      const failed = fence({ to: 'failed', attemptTo: 'failed', reason: 'provider_refused', code });
      expect(plan('prepared', { sends: [refused(code)] })).toEqual(failed);
    },
  );

  test('a send again still needs what a first one needs', () => {
    const over = { sends: [refused('RATE_LIMITED', { retryAt: NOW })] };
    expect(plan('prepared', over, { areAccountsActive: false })).toEqual(fence({ reason: 'account_changed' }));
    expect(plan('prepared', { ...over, optionExpiresAt: NOW + seconds(30) })).toEqual(
      fence({ reason: 'quote_expired' }),
    );
    expect(plan('prepared', over, { isPaused: true })).toMatchObject({ kind: 'sleep', waitingFor: 'pause' });
    // Due only when the option is over: nothing is waited for.
    const late = {
      sends: [refused('RATE_LIMITED', { retryAt: NOW + seconds(60) })],
      optionExpiresAt: NOW + seconds(90),
    };
    expect(plan('prepared', late)).toEqual(fence({ reason: 'quote_expired' }));
  });
});
