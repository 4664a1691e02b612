// The orders of an experiment: those whose targets lie on the boundary, where one unit of what arrives decides, and those with time.
import { expect, test } from '@jest/globals';
import { compare, exact, times } from '../../../chaos/checker/decimals.ts';
import { boundaryOf, FIAT, STABLES } from '../../../chaos/load/market.ts';
import { planOrders } from '../../../chaos/load/plan.ts';
import { randomFrom } from '../../../chaos/load/random.ts';
import { price } from '../../../simulator/core/pricing.ts';

const MET = { [STABLES]: '0.9300', [FIAT]: '0.9000' } as const;
const ASSETS = {
  [STABLES]: [
    { code: 'USDT', chain: 'ethereum' },
    { code: 'USDC', chain: 'ethereum' },
  ],
  [FIAT]: [{ code: 'USD' }, { code: 'EUR' }],
} as const;

test.each([
  [STABLES, '20.000000'],
  [STABLES, '123.456789'],
  [FIAT, '20.01'],
  [FIAT, '199.99'],
] as const)('%s %s meets the one target exactly, and misses the other by a unit', (pair, amount) => {
  const [source, destination] = ASSETS[pair];
  const terms = { spreadBps: '25', fixedFee: '0.10', fixedFeeIn: 'source' } as const;
  const { recipientAmount } = price({
    source,
    destination,
    lockSide: 'source',
    amount,
    referenceRate: MET[pair],
    terms,
  });
  const arrives = exact(recipientAmount.amount);
  const unit = pair === STABLES ? '0.000001' : '0.01';
  const sides = (target: string) => compare(arrives, times(exact(target), exact(amount)));
  const isMet = (target: string) => (pair === STABLES ? sides(target) >= 0 : sides(target) <= 0);
  const [met, missed] = [boundaryOf(pair, amount, true), boundaryOf(pair, amount, false)];
  expect([isMet(met), isMet(missed)]).toEqual([true, false]);
  const gap = compare(exact(missed), exact(met));
  expect(gap).toBe(pair === STABLES ? 1 : -1);
  // No target between them would be met by one unit less: they are one unit of the destination apart.
  const apart = { units: exact(missed).units - exact(met).units, scale: 18 };
  const worth = times({ ...apart, units: apart.units < 0n ? -apart.units : apart.units }, exact(amount));
  expect(compare(worth, times(exact(unit), exact('1.000001')))).toBeLessThanOrEqual(0);
});

test('the patient ones are met when they are placed, outlive the others, and nobody cancels them', () => {
  const customers = [{ userId: '1a1fee00-1c6c-4115-a292-2ca19f117038', apiKey: 'cpt_key', accounts: {} }];
  const shape = { orders: 300, windowMs: 1_000, patient: 20, patientMs: 90_000, kinds: { at_once: 0 } };
  const plans = planOrders(shape, customers, randomFrom('any'), 'run');
  const [patient, others] = [plans.slice(0, 20), plans.slice(20)];

  expect(plans).toHaveLength(300);
  expect(new Set(patient.map(({ cancelAfterMs }) => cancelAfterMs))).toEqual(new Set([null]));
  expect(patient.every(({ body }) => ['0.85', '0.93'].includes(body.target_rate))).toBe(true);
  expect(others.some(({ body }) => ['0.85', '0.93'].includes(body.target_rate))).toBe(false);
  const expiryOf = ({ body }: (typeof plans)[number]) => Date.parse(body.expires_at);
  expect(Math.min(...patient.map(expiryOf))).toBeGreaterThan(Math.max(...others.map(expiryOf)) + 50_000);
});
