import { describe, expect, test } from '@jest/globals';
import { compare, exact, isPlain, isSame, times } from '../../../chaos/checker/decimals.ts';

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
