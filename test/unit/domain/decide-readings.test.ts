import { describe, expect, test } from '@jest/globals';
import type { Attempt, Column, LinkedEffect, ProviderEnd } from '../../../src/domain/attempt.ts';
import { decide } from '../../../src/domain/decide.ts';
import type { Action } from '../../../src/domain/plan.ts';
import { aSend, aSituation, attemptIn, COLUMNS, NOW, orderIn, seconds, TIMING } from '../../support/builders.ts';

// The rows of the transfer table that speak of what Conduit was read to say: claimed, succeeded, failed, cancelled.

const EARLY: readonly Column[] = ['prepared', 'unknown_create', 'created'];
const LATE: readonly Column[] = ['executing', 'unknown_execute'];
const WAIT_FOR_LOOK_UP = { kind: 'sleep', until: NOW + seconds(20), waitingFor: 'look_up' };

function plan(column: Column, over: Partial<Attempt>, now = NOW): Action {
  return decide(aSituation({ order: orderIn(column), attempt: attemptIn(column, over) }), now, TIMING);
}

function ended(end: ProviderEnd, over: Partial<Attempt> = {}): Partial<Attempt> {
  return {
    conduitOrderId: 'ord_1',
    observed: 'terminal',
    end,
    lookup: { result: 'terminal', begunAt: NOW - seconds(1) },
    ...over,
  };
}

describe('pending, unclaimed', () => {
  const found: Partial<Attempt> = {
    conduitOrderId: 'ord_1',
    observed: 'pending',
    lookup: { result: 'pending', begunAt: NOW - seconds(1) },
  };

  test('× prepared: adopted, and said to be a lost row', () => {
    expect(plan('prepared', found)).toEqual({ kind: 'record', record: { kind: 'adopt_created', isLost: true } });
  });

  test('× unknown_create: adopted as ours', () => {
    expect(plan('unknown_create', found)).toEqual({ kind: 'record', record: { kind: 'adopt_created', isLost: false } });
  });

  test.each(['accepted', 'exists', 'unknown'] as const)(
    '× prepared, a create replied %s: adopted as ours',
    (outcome) => {
      const sends = [aSend({ outcome, repliedAt: NOW - seconds(5) })];
      expect(plan('prepared', { ...found, sends })).toEqual({
        kind: 'record',
        record: { kind: 'adopt_created', isLost: false },
      });
    },
  );

  test('× prepared, every create refused by its own reply: a lost row', () => {
    const sends = [aSend({ outcome: 'no_effect', code: 'RATE_LIMITED', repliedAt: NOW - seconds(5) })];
    expect(plan('prepared', { ...found, sends })).toEqual({
      kind: 'record',
      record: { kind: 'adopt_created', isLost: true },
    });
  });
});

describe('pending, claimed', () => {
  test.each(EARLY)('× %s: adopted as executing', (column) => {
    const over = { conduitOrderId: 'ord_1', observed: 'claimed' } as const;
    expect(plan(column, over)).toEqual({ kind: 'record', record: { kind: 'adopt_claimed' } });
  });

  test.each(LATE)('× %s: looked up when due', (column) => {
    expect(plan(column, { observed: 'claimed' })).toEqual(WAIT_FOR_LOOK_UP);
    expect(plan(column, { observed: 'claimed', nextLookupAt: NOW })).toEqual({ kind: 'look_up' });
  });
});

describe('succeeded', () => {
  test.each(EARLY)('× %s: done, although no execute of ours was on its way', (column) => {
    expect(plan(column, ended({ kind: 'succeeded' }))).toEqual({
      kind: 'record',
      record: { kind: 'complete', isForeign: true },
    });
  });

  test.each(LATE)('× %s: done', (column) => {
    expect(plan(column, ended({ kind: 'succeeded' }))).toEqual({
      kind: 'record',
      record: { kind: 'complete', isForeign: false },
    });
  });
});

describe('cancelled', () => {
  const withoutEffect = (code: string | null) => ({
    kind: 'record',
    record: { kind: 'close_without_effect', attemptTo: 'cancelled', reason: 'attempt_without_effect', code },
  });

  test.each(COLUMNS)('because it expired × %s: closed without effect', (column) => {
    expect(plan(column, ended({ kind: 'cancelled', reason: 'expired' }))).toEqual(withoutEffect('expired'));
    expect(plan(column, ended({ kind: 'cancelled', reason: null }))).toEqual(withoutEffect(null));
  });

  test.each(COLUMNS)('by our own cancel × %s: closed without effect', (column) => {
    const over = ended({ kind: 'cancelled', reason: 'client_cancelled' });
    const sends = [...attemptIn(column).sends, aSend({ operation: 'cancel', outcome: 'unknown', code: 'TIMEOUT' })];
    expect(plan(column, { ...over, sends })).toEqual(withoutEffect('client_cancelled'));
  });

  test.each(COLUMNS)('by somebody else, or for a reason that we do not know × %s: the order fails', (column) => {
    for (const reason of ['client_cancelled', 'compliance_hold'])
      expect(plan(column, ended({ kind: 'cancelled', reason }))).toEqual({
        kind: 'record',
        record: {
          kind: 'fail_attempt',
          attemptTo: 'cancelled',
          reason: 'cancelled_by_provider',
          code: reason,
          isPage: false,
        },
      });
  });
});

describe('failed', () => {
  const FIRST_READ = NOW - seconds(31);
  const failure = (
    code: string | null,
    linked: LinkedEffect,
    readAgainAt: number | null = NOW - seconds(1),
    firstReadAt = FIRST_READ,
  ): ProviderEnd => ({ kind: 'failed', code, linked, firstReadAt, readAgainAt });
  const without = (code: string) => ({
    kind: 'record',
    record: { kind: 'close_without_effect', attemptTo: 'failed', reason: 'provider_failed', code },
  });
  const fails = (code: string | null, reason: string, isPage: boolean) => ({
    kind: 'record',
    record: { kind: 'fail_attempt', attemptTo: 'failed', reason, code, isPage },
  });

  test.each(COLUMNS)('every linked transaction without effect × %s: closed without effect', (column) => {
    for (const code of ['insufficient_funds', 'provider_unavailable', 'cancelled', 'INSUFFICIENT_FUNDS'])
      expect(plan(column, ended(failure(code, 'no_effect')))).toEqual(without(code));
  });

  test.each(COLUMNS)('one completed × %s: the order fails and somebody is called, whatever the code', (column) => {
    for (const code of ['insufficient_funds', 'internal_error', null])
      expect(plan(column, ended(failure(code, 'completed')))).toEqual(fails(code, 'partial_effect', true));
  });

  test.each(EARLY)('one still open × %s: executing, whatever the code', (column) => {
    for (const code of ['insufficient_funds', 'internal_error'])
      expect(plan(column, ended(failure(code, 'open')))).toEqual({ kind: 'record', record: { kind: 'adopt_claimed' } });
  });

  test.each(LATE)('one still open × %s: looked up when due', (column) => {
    expect(plan(column, ended(failure('insufficient_funds', 'open')))).toEqual(WAIT_FOR_LOOK_UP);
    const due = { ...ended(failure('insufficient_funds', 'open')), nextLookupAt: NOW };
    expect(plan(column, due)).toEqual({ kind: 'look_up' });
  });

  test.each(COLUMNS)('another or no code × %s: the order fails', (column) => {
    for (const code of ['provider_rejected', 'internal_error', 'insufficient_funds_at_settle', '', null])
      for (const linked of ['none', 'no_effect'] as const)
        expect(plan(column, ended(failure(code, linked)))).toEqual(fails(code, 'provider_failed', false));
  });

  describe.each(['none', 'no_effect'] as const)('its transactions read as %s', (linked) => {
    const code = 'insufficient_funds';
    const read = (readAgainAt: number | null, firstReadAt = FIRST_READ) =>
      ended(failure(code, linked, readAgainAt, firstReadAt));

    test.each(COLUMNS)('read once × %s: waits 30 s for the second reading, whatever the code', (column) => {
      for (const its of [code, 'internal_error', null]) {
        const fresh = ended(failure(its, linked, null, NOW - seconds(29)));
        expect(plan(column, fresh)).toEqual({ kind: 'sleep', until: NOW + seconds(1), waitingFor: 'look_up' });
        const due = { ...fresh, nextLookupAt: NOW + seconds(1) };
        expect(plan(column, due, NOW + seconds(1))).toEqual({ kind: 'look_up' });
        expect(plan(column, { ...due, nextLookupAt: NOW + seconds(20) }, NOW + seconds(2))).toMatchObject({
          kind: 'sleep',
          waitingFor: 'look_up',
        });
      }
    });

    test.each(COLUMNS)('read a second time × %s: closed without effect', (column) => {
      expect(plan(column, read(FIRST_READ + seconds(30)))).toEqual(without(code));
      expect(plan(column, read(FIRST_READ + seconds(30) - 1))).not.toEqual(without(code));
    });

    test.each(['absent', 'unavailable', 'pending', 'claimed', 'terminal', 'ambiguous'] as const)(
      'a look-up since that says %s is no second reading by itself',
      (result) => {
        for (const column of COLUMNS) {
          const due = { ...read(null), lookup: { result, begunAt: NOW - seconds(1) }, nextLookupAt: NOW };
          expect(plan(column, due)).toEqual({ kind: 'look_up' });
        }
      },
    );
  });
});
