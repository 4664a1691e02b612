import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { confirms, judgeRate } from '../../../src/domain/rate-sanity.ts';

const BOUNDS = { jumpFactor: '1.2', absurdFactor: '10' };
const rate = fc
  .bigInt({ min: 1n, max: 10n ** 12n })
  .map((units) => `${units / 10n ** 6n}.${(units % 10n ** 6n).toString().padStart(6, '0')}`);

describe('a rate beside the last good one', () => {
  test.each([
    ['0.92', '0.92', 'good'],
    ['1.104', '0.92', 'good'],
    ['1.104000000000000001', '0.92', 'confirm'],
    ['0.92', '1.104', 'good'],
    ['0.919999999999999999', '1.104', 'confirm'],
    ['9.2', '0.92', 'confirm'],
    ['9.200000000000000001', '0.92', 'absurd'],
    ['0.092', '0.92', 'confirm'],
    ['0.091999999999999999', '0.92', 'absurd'],
  ])('%s after %s is %s', (next, last, verdict) => {
    expect(judgeRate(next, last, BOUNDS)).toBe(verdict);
  });

  test('without one there is nothing to distrust', () => {
    expect(judgeRate('123456', null, BOUNDS)).toBe('good');
  });

  test('up and down are judged alike', () => {
    fc.assert(fc.property(rate, rate, (a, b) => expect(judgeRate(a, b, BOUNDS)).toBe(judgeRate(b, a, BOUNDS))));
  });
});

describe('a second quote', () => {
  test.each([
    ['1', '1', true],
    ['1', '1.01', true],
    ['1', '1.010000000000000001', false],
    ['1', '0.99', true],
    ['1', '0.989999999999999999', false],
    ['100', '1', false],
  ])('after %s, %s confirms it: %p', (first, second, isConfirmed) => {
    expect(confirms(first, second)).toBe(isConfirmed);
  });
});
