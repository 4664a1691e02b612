import { describe, expect, test } from '@jest/globals';
import type { Send } from '../../../src/domain/attempt.ts';
import {
  absentCountsFrom,
  backoffMs,
  isAbsent,
  isKeyYoung,
  isUnsentTooOften,
  lookupDueAt,
  lookupsFrom,
  orphanLookupDueAt,
  resendDueAt,
} from '../../../src/domain/timing.ts';
import { anAttempt, aSend, NOW, seconds, TIMING } from '../../support/builders.ts';

const at = (secondsAgo: number, over: Partial<Send> = {}) => aSend({ permittedAt: NOW - seconds(secondsAgo), ...over });

describe('look-ups', () => {
  test.each([
    [0, 2],
    [1.999, 2],
    [2, 5],
    [4.5, 5],
    [5, 15],
    [14.999, 15],
    [15, 45],
    [100, 130],
    [3599, 3629],
    [3600, 3660],
    [86_400, 86_460],
  ])('%d s after the send the next is at %d s', (elapsed, next) => {
    const from = NOW - seconds(elapsed);
    expect(lookupDueAt(from, NOW, TIMING)).toBe(from + seconds(next));
  });

  test('the whole schedule: 2, 5, 15 s, every 30 s, after an hour every 60 s', () => {
    const times: number[] = [];
    for (let now = NOW; times.length < 200; ) {
      now = lookupDueAt(NOW, now, TIMING);
      times.push((now - NOW) / 1000);
    }
    expect(times.slice(0, 6)).toEqual([2, 5, 15, 45, 75, 105]);
    const firstLate = times.findIndex((time) => time > 3600);
    expect(times[firstLate]).toBe(3615);
    expect((times[firstLate + 1] ?? 0) - (times[firstLate] ?? 0)).toBe(60);
  });

  test('they count from the newest create or execute, or from the first cancel if that is younger', () => {
    const [create, execute] = [at(300, { operation: 'create' }), at(200)];
    const cancels = [at(90, { operation: 'cancel' }), at(30, { operation: 'cancel' })];
    expect(lookupsFrom([])).toBeNull();
    expect(lookupsFrom([create, execute])).toBe(NOW - seconds(200));
    expect(lookupsFrom([create, execute, ...cancels])).toBe(NOW - seconds(90));
  });

  test('an orphan: like a live attempt for an hour, then every ten minutes', () => {
    expect(orphanLookupDueAt(NOW - seconds(3), NOW, TIMING, null)).toBe(NOW + seconds(2));
    expect(orphanLookupDueAt(NOW - seconds(3599), NOW, TIMING, null)).toBe(NOW + seconds(30));
    expect(orphanLookupDueAt(NOW - seconds(3600), NOW, TIMING, null)).toBe(NOW + seconds(600));
  });

  test('no orphan of an open order waits past the expiry of that, nor in a circle when that is over', () => {
    const at = (expiry: number) => orphanLookupDueAt(NOW - seconds(3600), NOW, TIMING, expiry);
    expect(at(NOW + seconds(300))).toBe(NOW + seconds(300));
    expect(at(NOW + seconds(900))).toBe(NOW + seconds(600));
    expect(at(NOW - seconds(300))).toBe(NOW + seconds(60));
  });

  test('a scaled second scales every wait, but not the age of a permit', () => {
    const scaled = { ...TIMING, secondMs: 100, retryBaseMs: 6000 };
    expect(lookupDueAt(NOW, NOW, scaled)).toBe(NOW + 200);
    expect(absentCountsFrom(NOW, scaled)).toBe(NOW + 2000 + 3000);
    expect(backoffMs(3, scaled)).toBe(24_000);
  });
});

describe('a valid "absent"', () => {
  const attempt = (begunAt: number, ...sends: Send[]) => anAttempt({ lookup: { result: 'absent', begunAt }, sends });

  test('began 30 s after the last send could have left', () => {
    const validFrom = NOW - seconds(100) + seconds(32);
    expect(isAbsent(attempt(validFrom, at(200), at(100)), TIMING)).toBe(true);
    expect(isAbsent(attempt(validFrom - 1, at(200), at(100)), TIMING)).toBe(false);
  });

  test('any send counts, in whatever order they stand', () => {
    expect(isAbsent(attempt(NOW - seconds(50), at(40), at(100)), TIMING)).toBe(false);
    expect(isAbsent(attempt(NOW - seconds(10), at(100), at(41, { operation: 'cancel' })), TIMING)).toBe(false);
  });

  test('counts at once where nothing was ever sent', () => {
    expect(isAbsent(attempt(NOW), TIMING)).toBe(true);
  });

  test.each(['pending', 'claimed', 'terminal', 'ambiguous', 'unavailable'] as const)('%s is none', (result) => {
    expect(isAbsent(anAttempt({ lookup: { result, begunAt: NOW } }), TIMING)).toBe(false);
    expect(isAbsent(anAttempt(), TIMING)).toBe(false);
  });
});

describe('the same key again', () => {
  test('60 s after the first permit of the key, then 180 s, then never', () => {
    const first = at(100);
    expect(resendDueAt([first], TIMING)).toBe(first.permittedAt + seconds(60));
    expect(resendDueAt([first, at(40)], TIMING)).toBe(first.permittedAt + seconds(180));
    expect(resendDueAt([first, at(40), at(1)], TIMING)).toBeNull();
    expect(resendDueAt([], TIMING)).toBeNull();
  });

  test('every due time is inside the window of the key', () => {
    const first = at(0);
    for (const sends of [[first], [first, at(0)]])
      expect((resendDueAt(sends, TIMING) ?? Number.NaN) - first.permittedAt).toBeLessThan(TIMING.resendWindowMs);
  });

  test('unsent is due at once and does not count as sent', () => {
    const unsent = at(3, { outcome: 'unsent' });
    expect(resendDueAt([unsent], TIMING)).toBe(unsent.permittedAt);
    expect(resendDueAt([at(100), unsent], TIMING)).toBe(unsent.permittedAt);
    const first = at(100);
    expect(resendDueAt([first, unsent, at(1)], TIMING)).toBe(first.permittedAt + seconds(180));
    expect(resendDueAt([unsent, at(1)], TIMING)).toBe(unsent.permittedAt + seconds(60));
  });

  test('three unsent in a row are not bad luck any more', () => {
    const unsent = at(3, { outcome: 'unsent' });
    expect(isUnsentTooOften([unsent, unsent])).toBe(false);
    expect(isUnsentTooOften([unsent, unsent, unsent])).toBe(true);
    expect(isUnsentTooOften([at(9), unsent, unsent, unsent])).toBe(true);
    expect(isUnsentTooOften([unsent, unsent, at(9), unsent])).toBe(false);
    expect(isUnsentTooOften([])).toBe(false);
    expect(resendDueAt([unsent, unsent, unsent], TIMING)).toBeNull();
  });

  test('Retry-After wins: alone after a rate limit, together with the schedule after a reply that proves nothing', () => {
    const retryAt = NOW + seconds(7);
    const limited = { outcome: 'no_effect', code: 'RATE_LIMITED', retryAt } as const;
    expect(resendDueAt([at(1, limited)], TIMING)).toBe(retryAt);
    expect(resendDueAt([at(100), at(30), at(20), at(1, limited)], TIMING)).toBe(retryAt);
    const unavailable = { outcome: 'unknown', code: 'SERVICE_UNAVAILABLE' } as const;
    expect(resendDueAt([at(1, { ...unavailable, retryAt })], TIMING)).toBe(NOW + seconds(59));
    expect(resendDueAt([at(100, { ...unavailable, retryAt })], TIMING)).toBe(retryAt);
  });

  test('a key is young for 240 s from its first permit, whatever was sent since', () => {
    expect(isKeyYoung([at(239.999), at(1)], NOW, TIMING)).toBe(true);
    expect(isKeyYoung([at(240), at(1)], NOW, TIMING)).toBe(false);
    expect(isKeyYoung([], NOW, TIMING)).toBe(true);
  });
});

test.each([
  [0, 60],
  [1, 60],
  [2, 120],
  [3, 240],
  [4, 240],
  [50, 240],
])('after %d failures in a row the next try waits %d s', (count, wait) => {
  expect(backoffMs(count, TIMING)).toBe(seconds(wait));
});
