// The orders of an experiment: those whose targets lie on the boundary, where one unit of what arrives decides, and those with time.
import { expect, test } from '@jest/globals';
import { compare, exact, times } from '../../../chaos/checker/decimals.ts';
import { EXPERIMENTS } from '../../../chaos/experiments/catalogue.ts';
import { boundaryOf, FIAT, STABLES } from '../../../chaos/load/market.ts';
import { planOrders } from '../../../chaos/load/plan.ts';
import { randomFrom } from '../../../chaos/load/random.ts';
import { type Scale, shapeOf } from '../../../chaos/load/shape.ts';
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

const CUSTOMERS = [{ userId: '1a1fee00-1c6c-4115-a292-2ca19f117038', apiKey: 'cpt_key', accounts: {} }];
type Plan = ReturnType<typeof planOrders>[number];
const expiryOf = ({ body }: Plan) => Date.parse(body.expires_at);
const targetOf = ({ body }: Plan) => body.target_rate;

test('the patient ones are met when they are placed, outlive the others, and nobody cancels them', () => {
  const shape = shapeOf({ orders: 300, patient: 20, kinds: { at_once: 0 } }, { timeScale: 10, isQuick: false });
  const plans = planOrders(shape, CUSTOMERS, randomFrom('any'), 'run');
  const [patient, others] = [plans.filter((it) => it.isPatient), plans.filter((it) => !it.isPatient)];

  expect(plans).toHaveLength(300);
  expect(patient).toHaveLength(20);
  expect(new Set(patient.map(({ cancelAfterMs }) => cancelAfterMs))).toEqual(new Set([null]));
  expect(patient.map(targetOf).every((target) => ['0.85', '0.93'].includes(target))).toBe(true);
  expect(others.map(targetOf).some((target) => ['0.85', '0.93'].includes(target))).toBe(false);
  expect(Math.min(...patient.map(expiryOf))).toBeGreaterThan(Math.max(...others.map(expiryOf)) + 110_000);
});

const SCALES: readonly Scale[] = [
  { timeScale: 10, isQuick: false },
  { timeScale: 10, isQuick: true },
  { timeScale: 1, isQuick: false },
];

test('in the load of every experiment that has one some are patient, and live longer than anything that could keep them', () => {
  for (const scale of SCALES) {
    const loads = EXPERIMENTS.map(({ id, load }) => ({ id, shape: shapeOf(load, scale) }));
    const loaded = loads.filter(({ shape }) => shape.orders >= 4);
    expect(loaded.length).toBeGreaterThan(EXPERIMENTS.length * 0.8);
    for (const { id, shape } of loaded) {
      const patient = planOrders({ ...shape, isWatched: false }, CUSTOMERS, randomFrom(id), id).filter(
        ({ isPatient }) => isPatient,
      );
      expect({ id, patient: patient.length > 0 && patient.length <= shape.orders / 4 }).toEqual({ id, patient: true });
      // An outage of a minute at the very end, a message that a dead relay holds, repair, the longest back-off, the margin.
      const leftMs = Math.min(...patient.map(expiryOf)) - Date.now() - shape.windowMs;
      expect(leftMs).toBeGreaterThan(60_000 + 30_000 + 15_000 + 24_000 + 6_000 - 1_000);
    }
  }
});

test('of few orders a quarter at most is patient: the others are why they are placed', () => {
  const patientOf = (orders: number) => shapeOf({}, { timeScale: 10, isQuick: false, orders }).patient;
  expect([0, 3, 4, 10, 60].map(patientOf)).toEqual([0, 0, 1, 2, 3]);
});
