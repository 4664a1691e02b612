import { describe, expect, test } from '@jest/globals';
import type { Asset } from '../../../src/domain/assets.ts';
import { destinationFees, type ProviderAmount, type QuoteOption, readQuote } from '../../../src/domain/quote.ts';
import { NOW, seconds } from '../../support/builders.ts';

const from: Asset = { currency: 'USDT', network: 'ethereum' };
const to: Asset = { currency: 'USDC', network: 'ethereum' };
const USD: Asset = { currency: 'USD', network: null };
const EUR: Asset = { currency: 'EUR', network: null };
const REQUEST = { from, to, amount: '20' };

function amount(asset: { currency: string; network: string | null }, text: string): ProviderAmount {
  return { ...asset, amount: text };
}

function anOption(over: Partial<QuoteOption> = {}): QuoteOption {
  return {
    quoteId: 'qte_1',
    optionId: 'qop_1',
    createdAt: NOW - seconds(1),
    expiresAt: NOW + seconds(299),
    echo: { lockSide: 'source', amount: '20.000000', from, to },
    referenceRate: '0.92694046',
    endUserRate: '0.92462310885',
    spreadBps: '25',
    fees: [amount(from, '0.10')],
    sourceAmount: amount(from, '19.900000'),
    destinationAmount: amount(to, '18.400000'),
    recipientAmount: amount(to, '18.400000'),
    totalDebit: amount(from, '20.000000'),
    ...over,
  };
}

const read = (over: Partial<QuoteOption>, now = NOW) => readQuote(anOption(over), REQUEST, now, seconds(120));

test.each<[Partial<QuoteOption['echo']>, string | null]>([
  [{ from: to }, 'other_assets'],
  [{ to: from }, 'other_assets'],
  [{ amount: '20.000001' }, 'other_amount'],
  [{ amount: 'twenty' }, 'other_amount'],
  [{ lockSide: 'destination' }, 'other_amount'],
  [{ lockSide: null, amount: null, from: null, to: null }, null],
])('a quote that says it was asked something else is not used, whatever its option says: %j', (echo, fault) => {
  const got = read({ echo: { ...anOption().echo, ...echo } });
  expect(typeof got === 'string' ? got : null).toBe(fault);
});

test('a good option gives the amounts of the rate rule and the numbers of the trigger', () => {
  expect(read({})).toEqual({
    amounts: { debit: '20.000000', recipient: '18.400000', destinationFee: '0' },
    shape: {
      sourceAmount: '19.900000',
      totalDebit: '20.000000',
      destinationAmount: '18.400000',
      recipientAmount: '18.400000',
      referenceRate: '0.92694046',
      endUserRate: '0.92462310885',
    },
  });
});

describe('not a decimal', () => {
  test.each(['0', '0.000', '-1', '1e3', 'NaN', 'Infinity', '', '1.', '+1', ' 1'])(
    '%j in any of its numbers',
    (text) => {
      expect(read({ referenceRate: text })).toBe('not_a_decimal');
      expect(read({ endUserRate: text })).toBe('not_a_decimal');
      expect(read({ sourceAmount: amount(from, text) })).toBe('not_a_decimal');
      expect(read({ destinationAmount: amount(to, text) })).toBe('not_a_decimal');
      expect(read({ recipientAmount: amount(to, text) })).toBe('not_a_decimal');
      expect(read({ totalDebit: amount(from, text) })).toBe('not_a_decimal');
    },
  );
});

describe('a number that no column of ours holds', () => {
  test.each(['1000000000000', '0.0000000000000000001'])('%s as a rate', (text) => {
    expect(read({ referenceRate: text })).toBe('not_a_decimal');
    expect(read({ endUserRate: text })).toBe('not_a_decimal');
  });

  test('10^18 as an amount', () => {
    const text = `1${'0'.repeat(18)}`;
    expect(read({ recipientAmount: amount(to, text) })).toBe('not_a_decimal');
    expect(read({ totalDebit: amount(from, text) })).toBe('not_a_decimal');
  });
});

describe('other assets', () => {
  const others = [
    amount({ currency: 'USDC', network: 'base' }, '18.4'),
    amount(USD, '18.4'),
    amount({ currency: 'DOGE', network: null }, '18.4'),
  ];

  test.each(others)('$currency on $network on any side', (other) => {
    expect(read({ sourceAmount: other })).toBe('other_assets');
    expect(read({ totalDebit: other })).toBe('other_assets');
    expect(read({ destinationAmount: other })).toBe('other_assets');
    expect(read({ recipientAmount: other })).toBe('other_assets');
  });

  test('the two sides exchanged', () => {
    expect(read({ totalDebit: amount(to, '20') })).toBe('other_assets');
    expect(read({ recipientAmount: amount(from, '18.4') })).toBe('other_assets');
  });
});

test('another amount than asked for, compared as numbers', () => {
  expect(read({ totalDebit: amount(from, '20.000001') })).toBe('other_amount');
  expect(read({ totalDebit: amount(from, '19.999999') })).toBe('other_amount');
  expect(read({ totalDebit: amount(from, '20') })).not.toBe('other_amount');
});

describe('fees', () => {
  test('one in an asset of neither side is foreign', () => {
    expect(read({ fees: [amount(from, '0.1'), amount(USD, '0.01')] })).toBe('foreign_fee');
    expect(read({ fees: [amount({ currency: 'USDC', network: 'base' }, '0.1')] })).toBe('foreign_fee');
    expect(read({ fees: [amount({ currency: 'GAS', network: null }, '0')] })).toBe('foreign_fee');
  });

  test.each(['-1', '1e2', 'NaN', ''])('one that is no decimal (%j) is foreign too', (text) => {
    expect(read({ fees: [amount(from, text)] })).toBe('foreign_fee');
    expect(read({ fees: [amount(to, text)] })).toBe('foreign_fee');
  });

  test('those in what arrives are added up, those in what leaves are not', () => {
    const fees = [amount(from, '0.10'), amount(to, '0.01'), amount(to, '0.020')];
    expect(read({ fees })).toMatchObject({ amounts: { destinationFee: '0.03' } });
    expect(destinationFees([amount(EUR, '1'), amount(USD, '2')], { from: USD, to: EUR })).toBe('1');
    expect(destinationFees([], { from: USD, to: EUR })).toBe('0');
    expect(destinationFees([amount(USD, '0')], { from: USD, to: EUR })).toBe('0');
  });
});

describe('stale', () => {
  test('older than asked for', () => {
    expect(read({ createdAt: NOW - seconds(120) })).toMatchObject({ amounts: {} });
    expect(read({ createdAt: NOW - seconds(120) - 1 })).toBe('stale');
  });

  test('over', () => {
    expect(read({ expiresAt: NOW + 1 })).toMatchObject({ amounts: {} });
    expect(read({ expiresAt: NOW })).toBe('stale');
  });
});
