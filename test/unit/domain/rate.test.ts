import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Amounts, allInRate, floorRate, isRateMet, type RateCondition } from '../../../src/domain/rate.ts';

// A second opinion, in whole numbers and in its own words: no decimal library, no division.

const SCALE = 36;

/** The decimal text times 10^36, exactly. */
function whole(text: string): bigint {
  const [integer = '', fraction = ''] = text.split('.');
  return BigInt(integer + fraction.padEnd(SCALE, '0'));
}

function isMetInWholeNumbers(condition: RateCondition, amounts: Amounts): boolean {
  const one = 10n ** BigInt(SCALE);
  const debit = whole(amounts.debit);
  const arrives = [whole(amounts.recipient), whole(amounts.recipient) - whole(amounts.destinationFee)];
  if (debit <= 0n) return false;
  return arrives.every((recipient) => {
    if (recipient <= 0n) return false;
    const bought = recipient * one;
    if (condition.direction === '>=') return bought >= whole(condition.targetRate) * debit;
    const floor = condition.floorRate;
    return floor !== null && whole(floor) * debit <= bought && bought <= whole(condition.targetRate) * debit;
  });
}

/** The decimal text of `units` at `places` decimals. */
function text(units: bigint, places: number): string {
  const digits = units.toString().padStart(places + 1, '0');
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

const places = fc.constantFrom(2, 6, 9, 18);
const rate = fc.bigInt({ min: 1n, max: 10n ** 30n - 1n }).map((units) => text(units, 18));
const ordinaryRate = fc.bigInt({ min: 10n ** 14n, max: 10n ** 22n }).map((units) => text(units, 18));

interface Case {
  readonly targetRate: string;
  readonly amounts: Amounts;
}

/** Amounts within a few units of what the target asks for: where a rounding would decide otherwise. */
const nearTheTarget: fc.Arbitrary<Case> = fc
  .record({
    targetRate: fc.oneof(rate, ordinaryRate),
    debitUnits: fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }),
    debitPlaces: places,
    recipientPlaces: places,
    offBy: fc.bigInt({ min: -3n, max: 3n }),
    fee: fc.constantFrom(0n, 0n, 0n, 1n, 2n),
  })
  .map(({ targetRate, debitUnits, debitPlaces, recipientPlaces, offBy, fee }) => {
    const debit = text(debitUnits, debitPlaces);
    const exact = whole(targetRate) * whole(debit);
    const units = exact / 10n ** BigInt(2 * SCALE - recipientPlaces) + offBy;
    const recipient = text(units > 0n ? units : 0n, recipientPlaces);
    return { targetRate, amounts: { debit, recipient, destinationFee: text(fee, recipientPlaces) } };
  });

describe('the rate rule', () => {
  test('>= agrees with whole numbers, close to the target above all', () => {
    fc.assert(
      fc.property(nearTheTarget, ({ targetRate, amounts }) => {
        const condition = { direction: '>=', targetRate, floorRate: null } as const;
        expect(isRateMet(condition, amounts)).toBe(isMetInWholeNumbers(condition, amounts));
      }),
      { numRuns: 3000 },
    );
  });

  test('<= with its floor agrees with whole numbers, close to both ends', () => {
    fc.assert(
      fc.property(
        nearTheTarget,
        fc.integer({ min: 0, max: 9999 }),
        fc.boolean(),
        ({ targetRate, amounts }, gap, isAtFloor) => {
          // The generated amounts lie at `targetRate`: either that is the target, or it is the floor of a higher one.
          const higher = text((whole(targetRate) / 10n ** 18n) * 2n, 18);
          const condition = isAtFloor
            ? ({ direction: '<=', targetRate: higher, floorRate: targetRate } as const)
            : ({ direction: '<=', targetRate, floorRate: floorRate(targetRate, gap) } as const);
          expect(isRateMet(condition, amounts)).toBe(isMetInWholeNumbers(condition, amounts));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['18.400000', true],
    ['18.399999', false],
    ['18.4', true],
    ['18.40000000000000000000000001', true],
    ['18.39999999999999999999999999', false],
  ])('20.00 at 0.92 with %s arriving: met %p', (recipient, isMet) => {
    const condition = { direction: '>=', targetRate: '0.92', floorRate: null } as const;
    expect(isRateMet(condition, { debit: '20.000000', recipient, destinationFee: '0' })).toBe(isMet);
  });

  test('what twenty digits would round to "met" is not met', () => {
    const amounts = { debit: '9422407.948647', recipient: '3647093.653713', destinationFee: '0' };
    const condition = { direction: '>=', targetRate: '0.387065989244999765', floorRate: null } as const;
    expect(isRateMet(condition, amounts)).toBe(false);
    expect(isMetInWholeNumbers(condition, amounts)).toBe(false);
  });

  test('a fee in what arrives must leave it met with and without', () => {
    const up = { direction: '>=', targetRate: '0.92', floorRate: null } as const;
    expect(isRateMet(up, { debit: '20', recipient: '18.4', destinationFee: '0.000001' })).toBe(false);
    expect(isRateMet(up, { debit: '20', recipient: '18.400001', destinationFee: '0.000001' })).toBe(true);
    const down = { direction: '<=', targetRate: '0.92', floorRate: '0.9' } as const;
    expect(isRateMet(down, { debit: '20', recipient: '18.400001', destinationFee: '0.000001' })).toBe(false);
    expect(isRateMet(down, { debit: '20', recipient: '18', destinationFee: '0.000001' })).toBe(false);
    expect(isRateMet(down, { debit: '20', recipient: '18.000001', destinationFee: '0.000001' })).toBe(true);
  });

  test('<= holds at both ends and not outside', () => {
    const condition = { direction: '<=', targetRate: '0.92', floorRate: '0.874' } as const;
    const met = (recipient: string) => isRateMet(condition, { debit: '20', recipient, destinationFee: '0' });
    expect([met('17.479999'), met('17.48'), met('18'), met('18.4'), met('18.400001')]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    const unbounded = { ...condition, floorRate: null };
    expect(isRateMet(unbounded, { debit: '20', recipient: '18', destinationFee: '0' })).toBe(false);
  });

  test('nothing leaves or nothing arrives: never met', () => {
    for (const direction of ['>=', '<='] as const) {
      const condition = { direction, targetRate: '0.000000000000000001', floorRate: '0.000000000000000001' };
      expect(isRateMet(condition, { debit: '0', recipient: '1', destinationFee: '0' })).toBe(false);
      expect(isRateMet(condition, { debit: '1', recipient: '0', destinationFee: '0' })).toBe(false);
      expect(isRateMet(condition, { debit: '1', recipient: '1', destinationFee: '1' })).toBe(false);
      expect(isRateMet(condition, { debit: '1', recipient: '1', destinationFee: '2' })).toBe(false);
    }
  });
});

describe('rates that are kept and shown', () => {
  test('the all-in rate is rounded down at 18 decimals, so that it never shows more than arrives', () => {
    fc.assert(
      fc.property(nearTheTarget, ({ amounts }) => {
        const shown = allInRate(amounts);
        const bought = whole(amounts.recipient) * 10n ** BigInt(SCALE);
        const step = 10n ** BigInt(SCALE - 18);
        expect(shown).toMatch(/^\d+\.\d{18}$/);
        expect(whole(shown) * whole(amounts.debit) <= bought).toBe(true);
        expect((whole(shown) + step) * whole(amounts.debit) > bought).toBe(true);
      }),
    );
    expect(allInRate({ debit: '3', recipient: '2', destinationFee: '0' })).toBe('0.666666666666666666');
    expect(allInRate({ debit: '20.000000', recipient: '18.400000', destinationFee: '0' })).toBe('0.920000000000000000');
  });

  test('the floor is rounded up at 18 decimals, so that it is never under the promise', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 0, max: 9999 }), (target, gap) => {
        const floor = floorRate(target, gap);
        const exactTimes10000 = whole(target) * BigInt(10_000 - gap);
        expect(floor).toMatch(/^\d+\.\d{18}$/);
        expect(whole(floor) * 10_000n >= exactTimes10000).toBe(true);
        expect((whole(floor) - 10n ** BigInt(SCALE - 18)) * 10_000n < exactTimes10000).toBe(true);
        // What the schema asks for: a floor above its target could never be met.
        expect(whole(floor) <= whole(target)).toBe(true);
      }),
    );
    expect(floorRate('0.92', 500)).toBe('0.874000000000000000');
    expect(floorRate('0.000000000000000001', 500)).toBe('0.000000000000000001');
    expect(floorRate('0.333333333333333333', 1)).toBe('0.333300000000000000');
  });
});
