import { expect, test } from '@jest/globals';
import type { LinkedEffect } from '../../../src/domain/attempt.ts';
import { type Failure, type FailureReading, failureAfter, isReadTwice } from '../../../src/domain/failure.ts';
import { NOW, seconds, TIMING } from '../../support/builders.ts';

type Shown = Partial<FailureReading> & {
  readonly ids?: readonly string[];
  readonly lateBy?: number;
  readonly afterS?: number;
};

/** Readings as they are stored, half a minute and a second apart or `afterS`; `lateBy` seconds before that it began. */
type Readings = readonly (readonly [linked: LinkedEffect, shown?: Shown])[];

function after(readings: Readings): Failure | null {
  let end: Failure | null = null;
  let transactionIds: readonly string[] = [];
  let readAt: number | null = null;
  let now = NOW;
  for (const [linked, shown = {}] of readings) {
    const { ids = linked === 'none' ? [] : ['a'], lateBy = 0, code = 'cancelled', afterS = 31 } = shown;
    now += seconds(afterS);
    const begunAt = now - seconds(lateBy);
    end = failureAfter({ end, transactionIds, readAt }, { code, linked, transactionIds: ids, begunAt }, now);
    transactionIds = [...new Set([...transactionIds, ...ids])];
    readAt = Math.max(readAt ?? begunAt, begunAt);
  }
  return end;
}

const isProven = (end: Failure | null) =>
  end !== null && (end.linked === 'none' || end.linked === 'no_effect') && isReadTwice(end, TIMING);

test.each<[string, Readings, LinkedEffect, boolean]>([
  ['once none', [['none']], 'none', false],
  ['none, and again', [['none'], ['none']], 'none', true],
  ['once without effect', [['no_effect']], 'no_effect', false],
  ['without effect, and again', [['no_effect'], ['no_effect']], 'no_effect', true],
  ['none, and then one without effect', [['none'], ['no_effect']], 'no_effect', false],
  ['and that again', [['none'], ['no_effect'], ['no_effect']], 'no_effect', true],
  ['completed', [['completed']], 'completed', false],
  ['completed, and then less of it', [['completed'], ['none'], ['none'], ['no_effect']], 'completed', false],
  ['none, and then one completed', [['none'], ['completed']], 'completed', false],
  ['without effect twice, and then completed', [['no_effect'], ['no_effect'], ['completed']], 'completed', false],
  [
    'open, then without effect, and that again too soon',
    [['open'], ['no_effect'], ['no_effect', { afterS: 1 }]],
    'no_effect',
    false,
  ],
  [
    'none, then without effect, and that again too soon',
    [['none'], ['no_effect'], ['no_effect', { afterS: 1 }]],
    'no_effect',
    false,
  ],
  ['none, and again too soon', [['none'], ['none', { afterS: 29 }]], 'none', false],
  ['open, and then none to be seen', [['open'], ['none'], ['none']], 'open', false],
  ['open, and then without effect', [['open'], ['no_effect']], 'no_effect', false],
  ['and that again', [['open'], ['no_effect'], ['no_effect']], 'no_effect', true],
  [
    'one open of two, and then only the other',
    [
      ['open', { ids: ['a', 'b'] }],
      ['no_effect', { ids: ['b'] }],
      ['no_effect', { ids: ['b'] }],
    ],
    'open',
    false,
  ],
  [
    'another one has come between the two readings',
    [['no_effect'], ['no_effect', { ids: ['a', 'b'] }]],
    'no_effect',
    false,
  ],
  ['one has opened after all', [['no_effect'], ['open', { ids: ['a', 'b'] }]], 'open', false],
  ['a second reading that began before the first', [['none'], ['none', { lateBy: 40 }]], 'none', false],
  ['an older one that says open', [['no_effect'], ['open', { lateBy: 40 }]], 'no_effect', false],
  [
    'an older one of another transaction that is open',
    [['no_effect'], ['open', { ids: ['b'], lateBy: 40 }]],
    'open',
    false,
  ],
  ['an older one that says completed', [['no_effect'], ['completed', { lateBy: 40 }]], 'completed', false],
])('%s', (_, readings, linked, proven) => {
  const end = after(readings);
  expect(end?.linked).toBe(linked);
  expect(isProven(end)).toBe(proven);
});

test('a code after which money may have moved stays, a missing one is filled in, and doubt replaces what is harmless', () => {
  const codes = (...all: (string | null)[]) => after(all.map((code) => ['no_effect', { code }] as const))?.code;
  expect(codes('internal_error', 'cancelled')).toBe('internal_error');
  expect(codes(null, 'cancelled')).toBe('cancelled');
  expect(codes('cancelled', null)).toBe('cancelled');
  expect(codes('cancelled', 'internal_error')).toBe('internal_error');
});
