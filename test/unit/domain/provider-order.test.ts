import { describe, expect, test } from '@jest/globals';
import type { Asset } from '../../../src/domain/assets.ts';
import {
  observedOf,
  type ProviderOrder,
  type ProviderOrderStatus,
  readLock,
} from '../../../src/domain/provider-order.ts';
import type { ProviderAmount } from '../../../src/domain/quote.ts';
import { NOW, seconds } from '../../support/builders.ts';

const from: Asset = { currency: 'USD', network: null };
const to: Asset = { currency: 'ETH', network: 'base' };
const TERMS = {
  from,
  to,
  sourceAccount: 'vac_1',
  destinationAccount: 'wlt_1',
  quoteOptionId: 'qop_1',
  allInRate: '0.00025',
  bounds: { jumpFactor: '1.2', absurdFactor: '10' },
};

function amount(asset: { currency: string; network: string | null }, text: string): ProviderAmount {
  return { ...asset, amount: text };
}

function aProviderOrder(over: Partial<ProviderOrder> = {}): ProviderOrder {
  return {
    id: 'ord_1',
    reference: '0b1c2d3e-4f50-4a61-8b72-93a4b5c6d7e8:g1',
    status: 'pending',
    isClaimed: false,
    autoExecute: false,
    sourceAccount: 'vac_1',
    destinationAccount: 'wlt_1',
    quoteOptionId: 'qop_1',
    source: amount(from, '999.00'),
    destination: amount(to, '0.250000000000000000'),
    totalDebit: amount(from, '1000.00'),
    fees: [amount(from, '1.00')],
    endUserRate: '0.0002502503',
    lockExpiresAt: NOW + seconds(7200),
    failureCode: null,
    cancellationReason: null,
    linkedTransactionIds: [],
    ...over,
  };
}

describe('the lock', () => {
  test('holds what leaves and what arrives', () => {
    expect(readLock(aProviderOrder(), TERMS)).toEqual({
      amounts: { debit: '1000.00', recipient: '0.250000000000000000', destinationFee: '0' },
      fault: null,
      rate: '0.0002502503',
      expiresAt: NOW + seconds(7200),
    });
  });

  test.each([
    ['0.300000000000001000', 'implausible'],
    ['0.300000000000000000', null],
    ['0.208333333333334000', null],
    ['0.208333333333333000', 'implausible'],
  ])('a rate that jumped from the quote by more than the factor is not to be executed: %s', (recipient, fault) => {
    expect(readLock(aProviderOrder({ destination: amount(to, recipient) }), TERMS).fault).toBe(fault);
  });

  test.each<[Partial<ProviderOrder>, string | null]>([
    [{ destinationAccount: 'wlt_2' }, 'accounts'],
    [{ destinationAccount: null }, 'accounts'],
    [{ sourceAccount: 'vac_2' }, 'accounts'],
    [{ sourceAccount: null }, null],
    [{ quoteOptionId: 'qop_2' }, 'accounts'],
    [{ quoteOptionId: null }, null],
  ])('moves money between the accounts it was asked for, from the option it was asked for: %j', (over, fault) => {
    expect(readLock(aProviderOrder(over), TERMS).fault).toBe(fault);
  });

  test('knows the fees in what arrives', () => {
    const fees = [amount(to, '0.001'), amount(from, '1.00'), amount(to, '0.002')];
    expect(readLock(aProviderOrder({ fees }), TERMS).amounts?.destinationFee).toBe('0.003');
  });

  test('an order that executes by itself is never ours, whatever else is right', () => {
    expect(readLock(aProviderOrder({ autoExecute: true }), TERMS)).toMatchObject({
      amounts: null,
      fault: 'auto_execute',
    });
    const also = { autoExecute: true, totalDebit: amount(to, 'x') };
    expect(readLock(aProviderOrder(also), TERMS).fault).toBe('auto_execute');
  });

  test.each<[string, Partial<ProviderOrder>]>([
    ['what leaves', { totalDebit: amount({ currency: 'EUR', network: null }, '1000.00') }],
    ['what arrives', { destination: amount({ currency: 'ETH', network: 'ethereum' }, '0.25') }],
    ['the network of a currency without one', { totalDebit: amount({ currency: 'USD', network: 'base' }, '1000.00') }],
    ['both, exchanged', { totalDebit: amount(to, '1000.00'), destination: amount(from, '0.25') }],
    ['a fee', { fees: [amount({ currency: 'USDC', network: 'base' }, '1')] }],
    ['a fee without a number', { fees: [amount(from, '1e2')] }],
  ])('other assets: %s', (_name, over) => {
    expect(readLock(aProviderOrder(over), TERMS)).toMatchObject({ amounts: null, fault: 'assets' });
  });

  test.each(['0', '0.00', '-5', '1e3', 'NaN', 'Infinity', '', '01', '1000000000000000000'])(
    'unreadable: %j as an amount',
    (text) => {
      expect(readLock(aProviderOrder({ totalDebit: amount(from, text) }), TERMS)).toMatchObject({
        amounts: null,
        fault: 'unreadable',
      });
      expect(readLock(aProviderOrder({ destination: amount(to, text) }), TERMS)).toMatchObject({
        amounts: null,
        fault: 'unreadable',
      });
    },
  );

  test.each(['1e-4', '-1', 'NaN', '', '0', '1000000000000', '0.0000000000000000001'])(
    'a rate that cannot be stored (%j) is only not shown',
    (endUserRate) => {
      expect(readLock(aProviderOrder({ endUserRate }), TERMS)).toMatchObject({ fault: null, rate: null });
      expect(readLock(aProviderOrder({ endUserRate: null }), TERMS)).toMatchObject({ fault: null, rate: null });
    },
  );
});

describe('how far an order has come', () => {
  test('pending: unclaimed or claimed', () => {
    expect(observedOf(aProviderOrder())).toBe('pending');
    expect(observedOf(aProviderOrder({ isClaimed: true }))).toBe('claimed');
  });

  test.each<ProviderOrderStatus>(['succeeded', 'failed', 'cancelled'])('%s is an end, claimed or not', (status) => {
    for (const isClaimed of [true, false]) expect(observedOf(aProviderOrder({ status, isClaimed }))).toBe('terminal');
  });
});
