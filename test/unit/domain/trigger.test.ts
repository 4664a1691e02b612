import { describe, expect, test } from '@jest/globals';
import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { type Asset, type Currency, decimalsOf } from '../../../src/domain/assets.ts';
import {
  type Amounts,
  armEarlier,
  floorRate,
  hasCrossed,
  isRateMet,
  type QuoteShape,
  type RateCondition,
  triggersOf,
} from '../../../src/domain/rate.ts';

// The provider's arithmetic, as its quotes show it: the fixed fee comes out of the locked amount, the rate with its spread is printed
// with 15 decimals, what arrives is rounded to the nearest unit.
const Exact = Decimal.clone({ precision: 80, rounding: Decimal.ROUND_HALF_UP, toExpNeg: -1000, toExpPos: 1000 });

interface Terms {
  readonly debit: string;
  readonly fixedFee: string;
  readonly spreadBps: string;
  readonly destinationFee: string;
  readonly to: Asset;
}

function quoted(terms: Terms, referenceRate: string): { amounts: Amounts; shape: QuoteShape } {
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

const shown = (value: Decimal.Value, places: number) => new Exact(value).toDecimalPlaces(places).toFixed();

interface Case {
  readonly terms: Terms;
  /** The rate of the quote that the trigger is computed from. */
  readonly earlier: string;
  /** The rate the watcher sees, within a few parts in ten million of the one that just meets the target. */
  readonly now: string;
  readonly targetRate: string;
}

/** Rates as our pairs have them, from EUR in ETH to ETH in USD with room on both sides, at terms like the provider's. */
const cases = (hasDestinationFee: boolean): fc.Arbitrary<Case> =>
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

function armed(condition: RateCondition, { terms, earlier }: Case) {
  return triggersOf(condition, quoted(terms, earlier).shape, terms.to);
}

describe.each([false, true])('the trigger, a fee in what arrives: %p', (hasFee) => {
  const numRuns = 4000;

  test('>= arms early, never late', () => {
    let met = 0;
    fc.assert(
      fc.property(cases(hasFee), (given) => {
        const condition = { direction: '>=', targetRate: given.targetRate, floorRate: null } as const;
        if (!isRateMet(condition, quoted(given.terms, given.now).amounts)) return;
        met += 1;
        expect(hasCrossed('>=', armed(condition, given), given.now)).toBe(true);
      }),
      { numRuns },
    );
    expect(met).toBeGreaterThan(numRuns / 5);
  });

  test('<= with its floor arms early, never late', () => {
    let met = 0;
    const gaps = fc.constantFrom(1, 50, 500, 3000);
    fc.assert(
      fc.property(cases(hasFee), gaps, fc.boolean(), (given, gap, isAtFloor) => {
        // The seen rate lies at `targetRate`: either that is the target, or it is the floor of a higher one.
        const targetRate = isAtFloor
          ? new Exact(given.targetRate)
              .times(10_000)
              .div(10_000 - gap)
              .toFixed(18, Decimal.ROUND_DOWN)
          : given.targetRate;
        const condition = { direction: '<=', targetRate, floorRate: floorRate(targetRate, gap) } as const;
        if (!isRateMet(condition, quoted(given.terms, given.now).amounts)) return;
        met += 1;
        expect(hasCrossed('<=', armed(condition, given), given.now)).toBe(true);
      }),
      { numRuns },
    );
    expect(met).toBeGreaterThan(numRuns / 5);
  });
});

describe('the trigger is not early by much', () => {
  /** How far what arrives at the seen rate may be from what the target asks for: two units, and four billionths of it. */
  function slack(terms: Terms, recipient: string): Decimal {
    const unit = new Exact(10).pow(-decimalsOf(terms.to.currency));
    return unit.times(2).plus(new Exact(recipient).times('4e-9'));
  }

  test('>=: a crossing is at most two units and four billionths short', () => {
    let crossed = 0;
    fc.assert(
      fc.property(cases(false), (given) => {
        const condition = { direction: '>=', targetRate: given.targetRate, floorRate: null } as const;
        if (!hasCrossed('>=', armed(condition, given), given.now)) return;
        crossed += 1;
        const { recipient } = quoted(given.terms, given.now).amounts;
        const wanted = new Exact(given.targetRate).times(given.terms.debit);
        expect(wanted.minus(recipient).lte(slack(given.terms, recipient))).toBe(true);
      }),
      { numRuns: 4000 },
    );
    expect(crossed).toBeGreaterThan(800);
  });

  test('<=: a crossing is at most two units and four billionths over, or under its floor', () => {
    let crossed = 0;
    fc.assert(
      fc.property(cases(false), fc.constantFrom(1, 50, 500), (given, gap) => {
        const floor = floorRate(given.targetRate, gap);
        const condition = { direction: '<=', targetRate: given.targetRate, floorRate: floor } as const;
        if (!hasCrossed('<=', armed(condition, given), given.now)) return;
        crossed += 1;
        const { recipient } = quoted(given.terms, given.now).amounts;
        const over = new Exact(recipient).minus(new Exact(given.targetRate).times(given.terms.debit));
        const under = new Exact(floor).times(given.terms.debit).minus(recipient);
        expect(Exact.max(over, under).lte(slack(given.terms, recipient))).toBe(true);
      }),
      { numRuns: 4000 },
    );
    expect(crossed).toBeGreaterThan(400);
  });
});

describe('the example of the documentation: 20.00 USDT, a fixed fee of 0.10, a spread of 25 bps', () => {
  const usdc: Asset = { currency: 'USDC', network: 'ethereum' };
  const terms: Terms = { debit: '20.000000', fixedFee: '0.10', spreadBps: '25', destinationFee: '0', to: usdc };
  const condition = { direction: '>=', targetRate: '0.92', floorRate: null } as const;

  test('0.92694046 meets 0.92, 0.9269404 does not', () => {
    expect(quoted(terms, '0.92694046').amounts.recipient).toBe('18.400000');
    expect(quoted(terms, '0.9269404').amounts.recipient).toBe('18.399999');
    expect(isRateMet(condition, quoted(terms, '0.92694046').amounts)).toBe(true);
    expect(isRateMet(condition, quoted(terms, '0.9269404').amounts)).toBe(false);
  });

  test('its trigger, from a quote far below, tells the two apart', () => {
    const triggers = triggersOf(condition, quoted(terms, '0.9150').shape, usdc);
    expect(hasCrossed('>=', triggers, '0.92694046')).toBe(true);
    expect(hasCrossed('>=', triggers, '0.9269404')).toBe(false);
    expect(triggers.triggerFloor).toBeNull();
  });

  test('a <= order is between its trigger and that of its floor', () => {
    const below = { direction: '<=', targetRate: '0.92', floorRate: floorRate('0.92', 500) } as const;
    const triggers = triggersOf(below, quoted(terms, '0.95').shape, usdc);
    const crossed = ['0.926941', '0.92694', '0.9', '0.880594', '0.880593'].map((rate) =>
      hasCrossed('<=', triggers, rate),
    );
    expect(crossed).toEqual([false, true, true, true, false]);
  });
});

describe('a trigger from a quote of another amount', () => {
  const triggers = { triggerRate: '0.926940399000000000', triggerFloor: '0.880593400000000000' };

  test('is moved towards sooner, in each direction', () => {
    expect(armEarlier({ ...triggers, triggerFloor: null }, '>=', 5)).toEqual({
      triggerRate: '0.926476928800500000',
      triggerFloor: null,
    });
    expect(armEarlier(triggers, '<=', 5)).toEqual({
      triggerRate: '0.927403869199500000',
      triggerFloor: '0.880153103300000000',
    });
  });

  test('is crossed by every rate that crossed it before', () => {
    const rates = fc.bigInt({ min: 1n, max: 2_000_000_000_000_000_000n }).map((units) => shown(`${units}e-18`, 18));
    fc.assert(
      fc.property(rates, rates, rates, fc.integer({ min: 0, max: 100 }), (triggerRate, triggerFloor, rate, bps) => {
        for (const direction of ['>=', '<='] as const) {
          const given = { triggerRate, triggerFloor: direction === '<=' ? triggerFloor : null };
          if (hasCrossed(direction, given, rate))
            expect(hasCrossed(direction, armEarlier(given, direction, bps), rate)).toBe(true);
        }
      }),
    );
  });
});

test('a trigger never falls below zero', () => {
  const shape: QuoteShape = {
    sourceAmount: '10',
    totalDebit: '10',
    destinationAmount: '5.00',
    recipientAmount: '5.00',
    referenceRate: '0.5',
    endUserRate: '0.5',
  };
  const condition = { direction: '>=', targetRate: '0.000000000000000001', floorRate: null } as const;
  expect(triggersOf(condition, shape, { currency: 'EUR', network: null }).triggerRate).toMatch(/^0\.\d{18}$/);
});
