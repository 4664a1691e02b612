import { describe, expect, test } from '@jest/globals';
import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { type Asset, decimalsOf } from '../../../src/domain/assets.ts';
import {
  armEarlier,
  floorRate,
  hasCrossed,
  isRateMet,
  type QuoteShape,
  type RateCondition,
  triggersOf,
} from '../../../src/domain/rate.ts';
import { type Case, cases, Exact, quoted, shown, type Terms } from './provider-quotes.ts';

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

test('the trigger is its formula, rounded towards sooner at 18 decimals', () => {
  fc.assert(
    fc.property(cases(true), fc.constantFrom('>=', '<='), (given, direction) => {
      const { shape } = quoted(given.terms, given.earlier);
      const isUp = direction === '>=';
      const unit = new Exact(10).pow(-decimalsOf(given.terms.to.currency));
      const units = new Exact(given.targetRate).times(shape.totalDebit).div(unit);
      const wanted = (isUp ? units.ceil() : units.floor()).times(unit);
      const exact = wanted
        .plus(shape.destinationAmount)
        .minus(shape.recipientAmount)
        .plus(unit.div(isUp ? -2 : 2))
        .div(shape.sourceAmount)
        .times(shape.referenceRate)
        .div(shape.endUserRate)
        .times(new Exact(1).plus(isUp ? '-1e-9' : '1e-9'));
      const condition = { direction, targetRate: given.targetRate, floorRate: isUp ? null : given.targetRate };
      const { triggerRate } = triggersOf(condition, shape, given.terms.to);
      const early = isUp ? exact.minus(triggerRate) : new Exact(triggerRate).minus(exact);
      expect(early.gte('-1e-60')).toBe(true);
      expect(early.lt('1e-18')).toBe(true);
    }),
  );
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

  test('what arrives comes in whole units: a target between two is met by the upper alone', () => {
    // 20 × 0.92000003 = 18.4000006: 18.400000 is too little, and too little to ask for a firm quote.
    const triggers = triggersOf({ ...condition, targetRate: '0.92000003' }, quoted(terms, '0.9150').shape, usdc);
    expect(['0.92694046', '0.92694049', '0.92694051'].map((rate) => quoted(terms, rate).amounts.recipient)).toEqual([
      '18.400000',
      '18.400000',
      '18.400001',
    ]);
    expect(['0.92694046', '0.92694049', '0.92694051'].map((rate) => hasCrossed('>=', triggers, rate))).toEqual([
      false,
      false,
      true,
    ]);
    const below = { direction: '<=', targetRate: '0.92000003', floorRate: '0.5' } as const;
    const lower = triggersOf(below, quoted(terms, '0.95').shape, usdc);
    expect(['0.92694051', '0.92694049'].map((rate) => hasCrossed('<=', lower, rate))).toEqual([false, true]);
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
