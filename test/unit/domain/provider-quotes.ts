import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { type Asset, type Currency, decimalsOf } from '../../../src/domain/assets.ts';
import type { Amounts, QuoteShape } from '../../../src/domain/rate.ts';

// The provider's arithmetic, as its quotes show it: the fixed fee comes out of the locked amount, the rate with its spread is printed
// with 15 decimals, what arrives is rounded to the nearest unit.
export const Exact = Decimal.clone({ precision: 80, rounding: Decimal.ROUND_HALF_UP, toExpNeg: -1000, toExpPos: 1000 });

export interface Terms {
  readonly debit: string;
  readonly fixedFee: string;
  readonly spreadBps: string;
  readonly destinationFee: string;
  readonly to: Asset;
}

export function quoted(terms: Terms, referenceRate: string): { amounts: Amounts; shape: QuoteShape } {
  const decimals = decimalsOf(terms.to.currency);
  const endUserRate = new Exact(referenceRate)
    .times(new Exact(10_000).minus(terms.spreadBps))
    .div(10_000)
    .toDecimalPlaces(15)
    .toFixed();
  const sourceAmount = new Exact(terms.debit).minus(terms.fixedFee).toFixed();
  const destination = new Exact(sourceAmount).times(endUserRate).toDecimalPlaces(decimals);
  const recipientAmount = destination.minus(terms.destinationFee).toFixed(decimals);
  const destinationAmount = destination.toFixed(decimals);
  return {
    amounts: { debit: terms.debit, recipient: recipientAmount, destinationFee: terms.destinationFee },
    shape: { sourceAmount, totalDebit: terms.debit, destinationAmount, recipientAmount, referenceRate, endUserRate },
  };
}

const NETWORKS: Partial<Record<Currency, string>> = { USDC: 'base', ETH: 'ethereum', SOL: 'solana' };
const to = fc
  .constantFrom<Currency>('EUR', 'USDC', 'SOL', 'ETH')
  .map((currency): Asset => ({ currency, network: NETWORKS[currency] ?? null }));

export const shown = (value: Decimal.Value, places: number) => new Exact(value).toDecimalPlaces(places).toFixed();

export interface Case {
  readonly terms: Terms;
  /** The rate of the quote that the trigger is computed from. */
  readonly earlier: string;
  /** The rate the watcher sees, within a few parts in ten million of the one that just meets the target. */
  readonly now: string;
  readonly targetRate: string;
}

/** Rates as our pairs have them, from EUR in ETH to ETH in USD with room on both sides, at terms like the provider's. */
export const cases = (hasDestinationFee: boolean): fc.Arbitrary<Case> =>
  fc
    .record({
      to,
      logRate: fc.double({ min: -4.7, max: 5, noNaN: true }),
      debitCents: fc.bigInt({ min: 1_000n, max: 100_000_000n }),
      feeCents: fc.integer({ min: 0, max: 150 }),
      spread: fc.integer({ min: 0, max: 20_000 }),
      drift: fc.double({ min: 0.5, max: 2, noNaN: true }),
      nearness: fc.oneof(
        fc.double({ min: -3e-7, max: 3e-7, noNaN: true }),
        fc.double({ min: -3e-9, max: 3e-9, noNaN: true }),
        fc.double({ min: -0.2, max: 0.2, noNaN: true }),
      ),
      places: fc.integer({ min: 4, max: 18 }),
      fee: fc.integer({ min: 1, max: 9 }),
    })
    .map((given) => {
      const rate = shown(10 ** given.logRate, 15);
      const terms: Terms = {
        debit: shown(new Exact(given.debitCents.toString()).div(100), 2),
        fixedFee: shown(new Exact(given.feeCents).div(100), 2),
        spreadBps: shown(new Exact(given.spread).div(100), 2),
        destinationFee: '0',
        to: given.to,
      };
      const { amounts } = quoted(terms, rate);
      const allIn = new Exact(amounts.recipient).div(amounts.debit);
      const targetRate = Exact.max(shown(allIn, Math.max(given.places, 8)), '0.00000001').toFixed();
      const fee = new Exact(10).pow(-decimalsOf(given.to.currency)).times(given.fee).toFixed();
      return {
        terms: hasDestinationFee ? { ...terms, destinationFee: fee } : terms,
        earlier: shown(new Exact(rate).times(given.drift), 15),
        now: shown(new Exact(rate).times(new Exact(1).plus(given.nearness)), 15),
        targetRate,
      };
    })
    .filter(({ terms, earlier }) => new Exact(quoted(terms, earlier).amounts.recipient).gt(1));
