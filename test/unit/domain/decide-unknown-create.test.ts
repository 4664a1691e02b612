import { describe, expect, test } from '@jest/globals';
import type { Attempt, Send } from '../../../src/domain/attempt.ts';
import { aSend, NOW, seconds } from '../../support/builders.ts';
import { fence, plan, read, SLEEP_TO_LOOK_UP, unsent } from './plans.ts';

// The column "unknown_create" of the transfer table: a create is unresolved, and no execute was ever permitted.

function refused(code: string, over: Partial<Send> = {}): Send {
  const repliedAt = NOW - seconds(69);
  return aSend({ outcome: 'no_effect', code, permittedAt: NOW - seconds(70), repliedAt, ...over });
}

const absent: Partial<Attempt> = { ...read('absent'), observed: 'absent' };

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
