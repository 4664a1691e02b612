import { afterEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { price } from '../../simulator/core/pricing.ts';
import { idOf, PAIR, start, stopAll, USDC, USDT, untilStatus } from './support.ts';

afterEach(stopAll);

const TERMS = { spreadBps: '25', fixedFee: '0.10', fixedFeeIn: 'source' } as const;

function priced(referenceRate: string, amount = '20.00') {
  return price({ source: USDT, destination: USDC, lockSide: 'source', amount, referenceRate, terms: TERMS });
}

test('the documented example holds to the last digit: 0.92694046 brings 18.400000 and 0.9269404 brings 18.399999', () => {
  expect(priced('0.92694046').recipientAmount.amount).toBe('18.400000');
  expect(priced('0.9269404').recipientAmount.amount).toBe('18.399999');
});

test('with the source locked the fee comes out of the lock', () => {
  const usd = { code: 'USD' };
  const terms = { spreadBps: '25', fixedFee: '1', fixedFeeIn: 'source' } as const;
  const { rate, sourceAmount, destinationAmount, totalDebit, fees } = price({
    source: usd,
    destination: { code: 'EUR' },
    lockSide: 'source',
    amount: '1000.00',
    referenceRate: '0.92',
    terms,
  });
  expect(rate).toEqual({ endUserRate: '0.9177', referenceRate: '0.92', totalSpreadBps: '25' });
  expect([sourceAmount.amount, destinationAmount.amount, totalDebit.amount]).toEqual(['999.00', '916.78', '1000.00']);
  expect(fees[0]?.assetAmount).toEqual({ code: 'USD', amount: '1.00' });
});

test('with the destination locked the fee is added to the debit', () => {
  const quote = price({
    source: USDT,
    destination: USDC,
    lockSide: 'destination',
    amount: '18.4',
    referenceRate: '0.92694046',
    terms: TERMS,
  });
  expect(quote.recipientAmount.amount).toBe('18.400000');
  expect(quote.totalDebit.amount).toBe('20.000000');
});

test('a fee in the destination asset is taken from what arrives', () => {
  const quote = price({
    source: USDT,
    destination: USDC,
    lockSide: 'source',
    amount: '20',
    referenceRate: '0.92',
    terms: { ...TERMS, fixedFeeIn: 'destination' },
  });
  expect(quote.totalDebit.amount).toBe('20.000000');
  expect(quote.destinationAmount.amount).toBe('18.354000');
  expect(quote.recipientAmount.amount).toBe('18.254000');
});

test('an order and a quote can print what arrives before a fee in its asset is taken off; less arrives all the same', async () => {
  const { api, control } = await start({ knobs: { fixedFeeIn: 'destination' } });
  const [net, gross] = ['18.154250', '18.254250'];
  const destination = idOf('wlt', 'destination');
  await control.setBalance(destination, 'USDC.ethereum', '0');
  const runs = [
    { on: [], quoted: net, locked: net },
    { on: ['quote'], quoted: gross, locked: net },
    { on: ['order'], quoted: net, locked: gross },
    { on: ['quote', 'order'], quoted: gross, locked: gross },
  ] as const;
  for (const { on, quoted, locked } of runs) {
    await control.setKnobs({ grossAmountsOn: [...on] });
    const option = await api.option();
    expect([option.recipientAmount.amount, option.destinationAmount.amount]).toEqual([quoted, gross]);
    const { body } = await api.create({ optionId: option.id });
    expect([body.destinationAsset.amount, body.fees[0]?.assetAmount.amount]).toEqual([locked, '0.100000']);
    await control.setKnobs({ grossAmountsOn: [] });
    await api.execute(body.id);
    await untilStatus(api, body.id, 'succeeded');
    // An auditor of the claim must not have to know how the order was printed.
    const facts = await control.ledger({
      orderId: body.id,
      event: ['order.created', 'order.claimed', 'order.succeeded'],
    });
    const isGross = locked === gross;
    expect(facts.map((fact) => 'arrives' in fact && fact.arrives?.amount)).toEqual(Array(3).fill(isGross && net));
  }
  const { balances } = (await api.call('GET', `/wallets/${destination}`)).body;
  expect(balances.find(({ available }) => available.code === 'USDC')?.available.amount).toBe('72.617000');
});

/** floor(x + 1/2) on integers alone: an independent reading of "round half up" at six decimals. */
function recipientByIntegers(rate: bigint, rateDecimals: bigint, lockedMicros: bigint): bigint {
  const sourceMicros = lockedMicros - 100_000n;
  const halfUp = (value: bigint, unit: bigint): bigint => (2n * value + unit) / (2n * unit);
  const endUserRate15 = halfUp(rate * 9_975n * 10n ** 15n, 10n ** rateDecimals * 10_000n);
  return halfUp(sourceMicros * endUserRate15, 10n ** 15n);
}

test('every quote equals the same arithmetic on integers', () => {
  fc.assert(
    fc.property(
      fc.bigInt(1n, 10n ** 20n),
      fc.integer({ min: 0, max: 18 }),
      fc.bigInt(200_000n, 10n ** 15n),
      (rate, decimals, locked) => {
        const digits = rate.toString().padStart(decimals + 1, '0');
        const whole = digits.slice(0, digits.length - decimals);
        const referenceRate = decimals === 0 ? whole : `${whole}.${digits.slice(digits.length - decimals)}`;
        const amount = `${locked / 1_000_000n}.${(locked % 1_000_000n).toString().padStart(6, '0')}`;
        const recipient = priced(referenceRate, amount).recipientAmount.amount;
        expect(BigInt(recipient.replace('.', ''))).toBe(recipientByIntegers(rate, BigInt(decimals), locked));
      },
    ),
    { numRuns: 500 },
  );
});

test('a quote has 15 decimals of rate and its order 10, with the amounts of the quote', async () => {
  const { api, control } = await start();
  await control.setRate(PAIR, '0.92694046');
  expect((await api.option()).rate).toEqual({
    endUserRate: '0.92462310885',
    referenceRate: '0.92694046',
    totalSpreadBps: '25',
  });
  await control.setRate(PAIR, '0.123456789012345');
  const option = await api.option();
  expect(option.rate.endUserRate).toBe('0.123148147039814');
  const order = (await api.create({ optionId: option.id })).body;
  expect(order.rate.endUserRate).toBe('0.123148147');
  expect(order.destinationAsset).toEqual({ ...USDC, amount: option.recipientAmount.amount });
  expect(order.sourceAsset).toEqual({ ...USDT, amount: '19.900000' });
  expect(order.totalDebit).toEqual({ ...USDT, amount: '20.000000' });
});

test('spread and fee are knobs, and a fee may differ by asset', async () => {
  const { api, control } = await start();
  await control.setKnobs({ spreadBps: '100', fixedFeeByCode: { USDT: '0.5' } });
  const option = await api.option('100');
  expect(option.rate.totalSpreadBps).toBe('100');
  expect(option.sourceAmount.amount).toBe('99.500000');
  await expect(control.setKnobs({ spreadBps: '-1' })).rejects.toThrow('spreadBps');
  await expect(control.setKnobs({ noSuchKnob: 1 } as never)).rejects.toThrow('noSuchKnob');
  expect((await control.knobs()).spreadBps).toBe('100');
});
