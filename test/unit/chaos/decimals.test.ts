import { describe, expect, test } from '@jest/globals';
import {
  canonical,
  compare,
  exact,
  isPlain,
  isSame,
  quotient,
  roundedUp,
  times,
} from '../../../chaos/checker/decimals.ts';

describe('decimals of the judge', () => {
  test.each([
    ['1', '1.000', 0],
    ['0.1', '0.10', 0],
    ['0.92', '0.919999999999999999999999999999', 1],
    ['-1.5', '-1.4', -1],
    ['100000000000000000000000000000.1', '100000000000000000000000000000.2', -1],
  ])('%s is compared with %s exactly', (a, b, sign) => {
    expect(compare(exact(a), exact(b))).toBe(sign);
    expect(compare(exact(b), exact(a))).toBe(sign === 0 ? 0 : -sign);
    expect(isSame(a, b)).toBe(sign === 0);
  });

  test.each([
    ['100', '100'],
    ['100.00', '100'],
    ['20.50', '20.5'],
    ['0.00010', '0.0001'],
    ['0.07', '0.07'],
  ])('%s is written %s', (text, due) => {
    expect(canonical(text)).toBe(due);
  });

  test.each([
    ['0.8740000000000000000', 18, '0.874'],
    ['0.8740000000000000001', 18, '0.874000000000000001'],
    ['0.8749', 18, '0.8749'],
    ['1.01', 1, '1.1'],
  ])('%s at %d places, rounded up, is %s', (text, places, due) => {
    expect(compare(roundedUp(exact(text), places), exact(due))).toBe(0);
  });

  test.each([
    ['146.674694', '158.210000', '0.927088641678781366'],
    ['1', '3', '0.333333333333333333'],
    ['2', '3.00', '0.666666666666666666'],
    ['92.50', '100.000000', '0.925'],
  ])('%s divided by %s, rounded down, is %s', (a, b, due) => {
    expect(compare(quotient(exact(a), exact(b), 18), exact(due))).toBe(0);
  });

  test('a product that floats and twenty digits get wrong is exact', () => {
    const product = times(exact('0.387065989244999765'), exact('9422407.948647'));
    expect(compare(exact('3647093.653713'), product)).toBe(-1);
    expect(compare(product, exact('3647093.653714'))).toBe(-1);
  });

  test.each(['1e3', 'NaN', '1.', '.5', '+1', '', ' 1', 'Infinity', '0x10'])('"%s" is no plain decimal', (text) => {
    expect(isPlain(text)).toBe(false);
    expect(() => exact(text)).toThrow('is no plain decimal');
  });

  test('a number is no decimal, whatever it prints', () => {
    expect(isPlain(1.5)).toBe(false);
    expect(isPlain('1.5')).toBe(true);
  });
});
