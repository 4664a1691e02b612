import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalDecimal, Decimal, digitsOf, isAmount, isPlainDecimal, isRate } from '../../../src/domain/decimal.ts';

const plain = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.option(fc.stringMatching(/^\d{1,30}$/), { nil: null }))
  .map(([integer, fraction]) => (fraction === null ? `${integer}` : `${integer}.${fraction}`));

describe('money on a wire', () => {
  test.each(['0', '1', '20.00', '0.000000000000000001', '123456789012345678901234567890.5', '10', '0.0'])(
    '%s is a plain decimal',
    (text) => {
      expect(isPlainDecimal(text)).toBe(true);
    },
  );

  test.each([
    '', ' ', '1 ', ' 1', '1\n', '-1', '+1', '01', '00', '1.', '.5', '1e3', '1E3', '0x1', '1,5', '1_000', 'NaN', 'Infinity', '-0', '١', '1.5.2', 'null',
  ])('%j is none', (text) => {
    expect(isPlainDecimal(text)).toBe(false);
  }); // biome-ignore format: a list reads better in a block

  test('a plain decimal is read exactly', () => {
    fc.assert(
      fc.property(plain, (text) => {
        expect(isPlainDecimal(text)).toBe(true);
        const { integer, fraction } = digitsOf(text);
        expect(integer + fraction + (fraction === 0 ? 0 : 1)).toBe(text.length);
        expect(new Decimal(text).toFixed(fraction)).toBe(text);
      }),
    );
  });

  test('equal amounts have one text, and it is the shortest', () => {
    fc.assert(
      fc.property(plain, fc.integer({ min: 0, max: 5 }), (text, zeros) => {
        const longer = `${text.includes('.') ? text : `${text}.`}${'0'.repeat(zeros)}`;
        const canonical = canonicalDecimal(text);
        if (isPlainDecimal(longer)) expect(canonicalDecimal(longer)).toBe(canonical);
        expect(isPlainDecimal(canonical)).toBe(true);
        expect(canonical).not.toMatch(/\.\d*0$/);
        expect(new Decimal(canonical).eq(text)).toBe(true);
        expect(canonicalDecimal(canonical)).toBe(canonical);
      }),
    );
    expect(canonicalDecimal('20.00')).toBe('20');
    expect(canonicalDecimal('0.000')).toBe('0');
    expect(canonicalDecimal('1000000000000000000000000')).toBe('1000000000000000000000000');
  });

  test('rates and amounts are bounded as their columns are', () => {
    const schema = readFileSync(new URL('../../../migrations/0001_users.sql', import.meta.url), 'utf8');
    expect(schema).toContain("create domain amount as numeric check (value > 0 and value < 1e18 and value <> 'NaN')");
    expect(schema).toContain(
      "create domain rate as numeric check (value > 0 and value < 1e12 and value <> 'NaN' and scale(value) <= 18)",
    );
    for (const text of ['0.000000000000000001', '999999999999.999999999999999999', '1'])
      expect(isRate(text)).toBe(true);
    for (const text of ['0', '0.000', '1000000000000', '0.0000000000000000001', '1e3', '-1', 'NaN', ''])
      expect(isRate(text)).toBe(false);
    for (const text of ['0.0000000000000000000001', '999999999999999999.9']) expect(isAmount(text)).toBe(true);
    for (const text of ['0', '0.00', '1000000000000000000', '1e3', '-1', 'Infinity', ''])
      expect(isAmount(text)).toBe(false);
  });

  test('a product of the longest inputs is exact', () => {
    const amount = '999999999999999999.999999999999999999';
    const rate = '999999999999.999999999999999999';
    const product = (BigInt(amount.replace('.', '')) * BigInt(rate.replace('.', ''))).toString();
    expect(new Decimal(amount).times(rate).times('1e36').toFixed()).toBe(product);
  });
});
