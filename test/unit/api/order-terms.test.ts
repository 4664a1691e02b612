import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  borrowedTermsOf,
  type QuoteReading,
  type TermLimits,
  termsOf,
  type Wish,
} from '../../../src/api/order-terms.ts';
import { Decimal } from '../../../src/domain/decimal.ts';
import { DomainError } from '../../../src/domain/errors.ts';
import { hasCrossed, isRateMet } from '../../../src/domain/rate.ts';

const USDC = { currency: 'USDC', network: 'ethereum' } as const;
const LIMITS: TermLimits = { maxFeeShareBps: 2_000, targetPlausibleFactor: '10', maxStopGapBps: 500 };

interface Pricing {
  readonly fixedFee: string;
  readonly feeBps: number;
  readonly destinationFee: string;
  readonly spreadBps: number;
}

/** What a provider that rounds to the nearest unit quotes for an amount at a rate. */
function quoteAt(rate: string, amount: string, { fixedFee, feeBps, destinationFee, spreadBps }: Pricing): QuoteReading {
  const endUserRate = new Decimal(rate)
    .times(10_000 - spreadBps)
    .div(10_000)
    .toDecimalPlaces(15);
  const fee = new Decimal(fixedFee).plus(new Decimal(amount).times(feeBps).div(10_000)).toDecimalPlaces(6);
  const source = new Decimal(amount).minus(fee);
  const destination = source.times(endUserRate).toDecimalPlaces(6);
  const recipient = destination.minus(destinationFee);
  return {
    quoteId: 'qte_1',
    amounts: { debit: amount, recipient: recipient.toFixed(), destinationFee },
    shape: {
      sourceAmount: source.toFixed(),
      totalDebit: amount,
      destinationAmount: destination.toFixed(),
      recipientAmount: recipient.toFixed(),
      referenceRate: rate,
      endUserRate: endUserRate.toFixed(),
    },
  };
}

const PLAIN: Pricing = { fixedFee: '0.10', feeBps: 0, destinationFee: '0', spreadBps: 25 };
const wish = (fields: Partial<Wish> = {}): Wish => ({
  direction: '>=',
  targetRate: '0.92',
  amount: '20.00',
  to: USDC,
  ...fields,
});
const codeOf = (terms: unknown) => (terms instanceof DomainError ? terms.code : null);

describe('an order under a quote of its own', () => {
  test('is armed at the rate at which the wanted amount first arrives', () => {
    const terms = termsOf(wish(), quoteAt('0.9150', '20.00', PLAIN), LIMITS);
    if (terms instanceof DomainError) throw terms;
    // 0.92694046 brings 18.400000, and 0.9269404 one unit less.
    expect(hasCrossed('>=', terms, '0.92694046')).toBe(true);
    expect(hasCrossed('>=', terms, '0.926940')).toBe(false);
    expect(terms).toMatchObject({ floorRate: null, triggerFloor: null, quotedRate: '0.9150', quoteId: 'qte_1' });
  });

  test.each([
    ['fees of exactly a fifth', wish({ amount: '0.50' }), null],
    ['fees of a little more', wish({ amount: '0.499999' }), 'amount_eaten_by_fees'],
    ['a target just under ten times the all-in rate', wish({ targetRate: '9.0814' }), null],
    ['a target of ten times', wish({ targetRate: '9.0815' }), 'target_implausible'],
    ['a target just over a tenth', wish({ targetRate: '0.091' }), null],
    ['a target of a tenth', wish({ targetRate: '0.0908' }), 'target_implausible'],
    ['a <= target that is met', wish({ direction: '<=', targetRate: '0.92' }), null],
    ['a <= target whose floor is just under the rate', wish({ direction: '<=', targetRate: '0.955' }), null],
    ['a <= target whose floor is over the rate', wish({ direction: '<=', targetRate: '0.956' }), 'below_floor'],
  ] as const)('%s: %#', (_name, order, code) => {
    expect(codeOf(termsOf(order, quoteAt('0.9150', order.amount, PLAIN), LIMITS))).toBe(code);
  });

  test('counts a fee that is taken on the other side', () => {
    const pricing = { ...PLAIN, fixedFee: '0', destinationFee: '0.30' };
    expect(codeOf(termsOf(wish({ amount: '1.00' }), quoteAt('0.9150', '1.00', pricing), LIMITS))).toBe(
      'amount_eaten_by_fees',
    );
    expect(codeOf(termsOf(wish({ amount: '2.00' }), quoteAt('0.9150', '2.00', pricing), LIMITS))).toBeNull();
  });
});

describe('an order under a borrowed quote', () => {
  test('is refused nothing: what would be refused asks for a quote of its own', () => {
    expect(borrowedTermsOf(wish({ amount: '0.40' }), quoteAt('0.9150', '0.80', PLAIN), LIMITS)).toBeNull();
    expect(borrowedTermsOf(wish({ amount: '0.10' }), quoteAt('0.9150', '0.20', PLAIN), LIMITS)).toBeNull();
    expect(borrowedTermsOf(wish({ targetRate: '9.2' }), quoteAt('0.9150', '30.00', PLAIN), LIMITS)).toBeNull();
    expect(
      borrowedTermsOf(wish({ direction: '<=', targetRate: '1.2' }), quoteAt('0.9150', '30.00', PLAIN), LIMITS),
    ).toBeNull();
  });

  test('is judged by what its own amount would bring: a fixed fee weighs more on less', () => {
    // 30 bring 0.90967 each, 16 bring 0.90700; the floor of 0.9558 lies between the two.
    const below = wish({ direction: '<=', targetRate: '0.9558', amount: '16.00' });
    expect(borrowedTermsOf(below, quoteAt('0.9150', '30.00', PLAIN), LIMITS)).toBeNull();
    expect(borrowedTermsOf({ ...below, amount: '29.00' }, quoteAt('0.9150', '30.00', PLAIN), LIMITS)).not.toBeNull();
  });

  test('arms early, never late, whether fees are fixed or grow with the amount', () => {
    const cents = (min: number, max: number) => fc.integer({ min, max }).map((n) => new Decimal(n).div(100).toFixed(2));
    const rates = fc.integer({ min: 500_000, max: 1_500_000 }).map((n) => new Decimal(n).div(1_000_000).toFixed());
    let met = 0;
    fc.assert(
      fc.property(
        fc.record({
          amount: cents(1_000, 100_000),
          factor: fc.integer({ min: 500, max: 2_000 }),
          direction: fc.constantFrom('>=' as const, '<=' as const),
          quoted: rates,
          moveBps: fc.integer({ min: -400, max: 400 }),
          offBps: fc.integer({ min: -60, max: 60 }),
          fixedFee: cents(0, 150),
          feeBps: fc.integer({ min: 0, max: 100 }),
          destinationFee: cents(0, 50),
          spreadBps: fc.integer({ min: 0, max: 100 }),
        }),
        ({ amount, factor, direction, quoted, moveBps, offBps, ...pricing }) => {
          const lent = new Decimal(amount).times(factor).div(1_000).toFixed(2);
          const later = new Decimal(quoted)
            .times(10_000 + moveBps)
            .div(10_000)
            .toFixed();
          const actual = quoteAt(later, amount, pricing);
          // A target close to what the later quote brings, so that both sides of the threshold are tried.
          const { debit, recipient } = actual.amounts;
          const targetRate = new Decimal(recipient)
            .div(debit)
            .times(10_000 + offBps)
            .div(10_000)
            .toFixed(8);
          const order = wish({ amount, direction, targetRate });
          const terms = borrowedTermsOf(order, quoteAt(quoted, lent, pricing), LIMITS);
          if (!terms || !isRateMet({ ...order, floorRate: terms.floorRate }, actual.amounts)) return;
          met += 1;
          expect(hasCrossed(direction, terms, later)).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
    expect(met).toBeGreaterThan(500);
  });
});
