import { describe, expect, test } from '@jest/globals';
import type { Attempt, Column, Send } from '../../../src/domain/attempt.ts';
import { type Action, decide, type Situation } from '../../../src/domain/decide.ts';
import { aSend, aSituation, attemptIn, NOW, orderIn, seconds, TIMING } from '../../support/builders.ts';

// The columns of the transfer table in which no execute was ever permitted and Conduit's order is not known: prepared, unknown_create.

const FENCE = {
  kind: 'fence',
  to: 'watching',
  attemptTo: 'cancelled',
  reason: 'provider_busy',
  code: null,
  pause: null,
} as const;

function plan(column: Column, over: Partial<Attempt>, around: Partial<Situation> = {}): Action {
  return decide(aSituation({ order: orderIn(column), attempt: attemptIn(column, over), ...around }), NOW, TIMING);
}

function fence(over: Partial<Omit<typeof FENCE, 'kind'>> | Record<string, unknown> = {}) {
  return { kind: 'record', record: { ...FENCE, ...over } };
}

function refused(code: string, over: Partial<Send> = {}): Send {
  const repliedAt = NOW - seconds(69);
  return aSend({ outcome: 'no_effect', code, permittedAt: NOW - seconds(70), repliedAt, ...over });
}

function unsent(agoSeconds: number): Send {
  const at = NOW - seconds(agoSeconds);
  return aSend({ outcome: 'unsent', code: 'PERMIT_EXPIRED', permittedAt: at, repliedAt: at });
}

const absent: Partial<Attempt> = { lookup: { result: 'absent', begunAt: NOW - seconds(1) }, observed: 'absent' };
const SLEEP_TO_LOOK_UP = { kind: 'sleep', until: NOW + seconds(20), waitingFor: 'look_up' };

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

describe('own reply: no effect × unknown_create', () => {
  test('another create is still unresolved: its refusal proves nothing', () => {
    const sends = [aSend({ permittedAt: NOW - seconds(90) }), refused('VALIDATION_ERROR')];
    expect(plan('unknown_create', { sends })).toEqual(SLEEP_TO_LOOK_UP);
    const exists = [
      aSend({ outcome: 'exists', code: 'CONFLICT', permittedAt: NOW - seconds(90) }),
      refused('QUOTE_EXPIRED'),
    ];
    expect(plan('unknown_create', { sends: exists })).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('all resolved: what the last reply asks for', () => {
    const sends = [refused('RATE_LIMITED', { permittedAt: NOW - seconds(130) }), refused('QUOTE_EXPIRED')];
    expect(plan('unknown_create', { sends })).toMatchObject({ record: { kind: 'fence', reason: 'quote_expired' } });
  });
});

describe('absent × unknown_create', () => {
  const sent = (...ago: number[]) =>
    ago.map((age) => aSend({ permittedAt: NOW - seconds(age), outcome: 'unknown', code: 'TIMEOUT' }));

  test('begun less than 32 s after the last send: not yet an absent, looked up on', () => {
    const at = (begunAt: number) => ({ sends: sent(60), lookup: { result: 'absent', begunAt } as const });
    expect(plan('unknown_create', at(NOW - seconds(60) + seconds(32) - 1))).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('unknown_create', at(NOW - seconds(60) + seconds(32)))).toEqual({ kind: 'send_create' });
  });

  test('a send since makes an older absent worthless', () => {
    const over = { sends: sent(120, 20), lookup: { result: 'absent', begunAt: NOW - seconds(30) } as const };
    expect(plan('unknown_create', over)).toEqual(SLEEP_TO_LOOK_UP);
  });

  test('key young and due: the same key again', () => {
    expect(plan('unknown_create', { ...absent, sends: sent(60) })).toEqual({ kind: 'send_create' });
    expect(plan('unknown_create', { ...absent, sends: sent(180, 110) })).toEqual({ kind: 'send_create' });
  });

  test('key young, not due yet: looked up on, and awake when it is due', () => {
    expect(plan('unknown_create', { ...absent, sends: sent(50) })).toEqual({
      kind: 'sleep',
      until: NOW + seconds(10),
      waitingFor: 'look_up',
    });
    expect(plan('unknown_create', { ...absent, sends: sent(50), nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
  });

  test('Retry-After wins over the schedule', () => {
    const send = aSend({
      permittedAt: NOW - seconds(70),
      outcome: 'unknown',
      code: 'SERVICE_UNAVAILABLE',
      retryAt: NOW + seconds(15),
    });
    expect(plan('unknown_create', { ...absent, sends: [send] })).toEqual({
      kind: 'sleep',
      until: NOW + seconds(15),
      waitingFor: 'look_up',
    });
  });

  test('under a pause: looked up on', () => {
    expect(plan('unknown_create', { ...absent, sends: sent(60) }, { isPaused: true })).toEqual(SLEEP_TO_LOOK_UP);
    const due = { ...absent, sends: sent(60), nextLookupAt: NOW };
    expect(plan('unknown_create', due, { isPaused: true })).toEqual({ kind: 'look_up' });
  });

  test('the gate is closed: waits for it', () => {
    const gateClosedUntil = NOW + seconds(9);
    const over = { ...absent, sends: sent(60) };
    expect(plan('unknown_create', over, { gateClosedUntil })).toEqual({
      kind: 'sleep',
      until: gateClosedUntil,
      waitingFor: 'gate',
    });
  });

  test('key 240 s old: fenced once a valid look-up says absent, and not before', () => {
    expect(plan('unknown_create', { ...absent, sends: sent(240) })).toEqual(fence());
    expect(plan('unknown_create', { sends: sent(240) })).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('unknown_create', { ...absent, sends: sent(239.999) })).toEqual({ kind: 'send_create' });
  });

  test('repeated twice already: fenced', () => {
    expect(plan('unknown_create', { ...absent, sends: sent(200, 140, 40) })).toEqual(fence());
  });

  test('three unsent in a row: fenced', () => {
    const sends = [...sent(100), unsent(50), unsent(45), unsent(40)];
    expect(plan('unknown_create', { ...absent, sends })).toEqual(fence());
  });

  test('evidence that it exists: looked up until 15 min after the option, then fenced', () => {
    const sends = [aSend({ outcome: 'exists', code: 'QUOTE_ALREADY_USED', permittedAt: NOW - seconds(100) })];
    const at = (optionExpiresAt: number) => ({ ...absent, sends, optionExpiresAt });
    expect(plan('unknown_create', at(NOW - seconds(900) + 1))).toEqual(SLEEP_TO_LOOK_UP);
    expect(plan('unknown_create', at(NOW - seconds(900)))).toEqual(fence());
  });

  test('the same again needs what a first send needs: else fenced, what exists becomes an orphan', () => {
    const over = { ...absent, sends: sent(60) };
    expect(plan('unknown_create', over, { areAccountsActive: false })).toEqual(fence({ reason: 'account_changed' }));
    expect(plan('unknown_create', { ...over, optionExpiresAt: NOW + seconds(30) })).toEqual(
      fence({ reason: 'quote_expired' }),
    );
  });
});

describe('look-up down, or ambiguous × unknown_create', () => {
  test.each(['unavailable', 'ambiguous'] as const)('%s: looked up on, nothing is sent', (result) => {
    for (const age of [60, 300]) {
      const over = {
        lookup: { result, begunAt: NOW - seconds(1) },
        sends: [aSend({ permittedAt: NOW - seconds(age) })],
      };
      expect(plan('unknown_create', over)).toEqual(SLEEP_TO_LOOK_UP);
      expect(plan('unknown_create', { ...over, nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
    }
  });
});

describe('own reply 2xx × prepared and unknown_create', () => {
  test('the order in the 202 is adopted, also when another create is unresolved', () => {
    const accepted = aSend({ outcome: 'accepted', repliedAt: NOW - seconds(1) });
    for (const sends of [[accepted], [aSend(), accepted], [accepted, aSend()]])
      expect(plan('prepared', { conduitOrderId: 'ord_1', observed: 'pending', sends })).toEqual({
        kind: 'record',
        record: { kind: 'adopt_created', isLost: false },
      });
  });
});
