import { afterEach, expect, test } from '@jest/globals';
import type { BadRate } from '../../simulator/faults/bad-rates.ts';
import { PAIR, type Running, start, stopAll, USDC, USDT } from './support.ts';

afterEach(stopAll);

async function quoteWith({ api, control }: Running, badRate: BadRate) {
  await control.armFault({ match: { operation: 'quotes.create' }, action: { badRate } });
  return (await api.quote()).body;
}

test('a rate feed can be zero, negative, absurd, no number or stale', async () => {
  const running = await start();
  expect((await quoteWith(running, 'zero')).options[0]).toMatchObject({
    rate: { referenceRate: '0' },
    recipientAmount: { amount: '0.000000' },
  });
  expect((await quoteWith(running, 'negative')).options[0].rate.referenceRate).toBe('-0.915');
  expect((await quoteWith(running, 'absurd')).options[0].rate.referenceRate).toBe('915000000');
  expect((await quoteWith(running, 'nan')).options[0]).toMatchObject({
    rate: { referenceRate: 'NaN' },
    destinationAmount: { amount: 'NaN' },
  });
  const stale = await quoteWith(running, 'stale');
  expect(Date.now() - Date.parse(stale.createdAt)).toBeGreaterThanOrEqual(600_000);
  expect((await running.api.option()).rate.referenceRate).toBe('0.915');
});

test('the assets of a quote can be exchanged wherever it names one, or in its two references alone', async () => {
  const running = await start();
  const honest = (await running.api.quote()).body;
  const exchanged = (value: unknown) =>
    JSON.parse(JSON.stringify(value).replaceAll(/USD[TC]/g, (code) => (code === 'USDT' ? 'USDC' : 'USDT')));
  // Ids and times are each quote's own; everything else is the honest quote's.
  const own = { id: expect.any(String), createdAt: expect.any(String), expiresAt: expect.any(String) };
  const swapped = await quoteWith(running, 'swapped');
  const [option] = honest.options;
  expect(swapped).toEqual({
    ...exchanged(honest),
    ...own,
    options: [{ ...exchanged(option), id: expect.any(String) }],
  });
  expect(swapped.options[0]).toMatchObject({
    totalDebit: { ...USDC, amount: '20.000000' },
    recipientAmount: { ...USDT, amount: option.recipientAmount.amount },
    fees: [{ assetAmount: { ...USDC, amount: '0.100000' } }],
  });

  const refs = await quoteWith(running, 'swapped_refs');
  expect(refs).toMatchObject({ sourceAssetRef: USDC, destinationAssetRef: USDT });
  expect(refs.options).toEqual([{ ...option, id: expect.any(String) }]);
});

test('exchanged assets lose and gain their chain', async () => {
  const { api, control } = await start({ rates: { 'USD-USDC.ethereum': '1' } });
  await control.armFault({ match: { operation: 'quotes.create' }, action: { badRate: 'swapped' } });
  const body = { source: { code: 'USD' }, destination: USDC, lockSide: 'source', amount: '20' };
  const [option] = (await api.call('POST', '/quotes', { body })).body.options;
  expect(option.totalDebit).toEqual({ ...USDC, amount: '20.00' });
  expect(option.recipientAmount).toEqual({ code: 'USD', amount: '19.850250' });
});

test('a pair can have no rate at all', async () => {
  const { api, control } = await start();
  await control.scriptRates(PAIR, { unavailable: 'RATE_UNAVAILABLE_AFTER_HOURS' });
  const reply = await api.quote();
  expect([reply.status, reply.body.type]).toEqual([503, 'RATE_UNAVAILABLE_AFTER_HOURS']);
});

test('an order can be locked worse than its option was quoted', async () => {
  const { api, control } = await start();
  const option = await api.option();
  await control.armFault({ match: { operation: 'orders.create' }, action: { worseLock: { bps: 1 } } });
  const order = (await api.create({ optionId: option.id })).body;
  expect(Number(order.destinationAsset.amount)).toBeLessThan(Number(option.recipientAmount.amount));
  expect(order.totalDebit).toEqual(option.totalDebit);
});
