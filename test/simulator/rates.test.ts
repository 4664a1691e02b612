import { afterEach, expect, test } from '@jest/globals';
import { loadSimulatorConfig } from '../../simulator/config.ts';
import { createClock } from '../../simulator/core/clock.ts';
import { createRates } from '../../simulator/core/rates.ts';
import { PAIR, start, stopAll, USDC, USDT } from './support.ts';

afterEach(stopAll);

/** Rates on a clock that stands where it is put. */
function standing() {
  let nowMs = 0;
  const rates = createRates({ clock: createClock(() => nowMs) });
  const at = (ms: number, source = USDT, destination = USDC): unknown => {
    nowMs = ms;
    const now = rates.now(source as { code: string }, destination as { code: string });
    return now && ('rate' in now ? now.rate : now.unavailable);
  };
  return { rates, at };
}

test('a scripted path takes each step so long after the one before, and keeps the last', () => {
  const { rates, at } = standing();
  rates.set(PAIR, '0.90');
  rates.set(PAIR, {
    steps: [
      { rate: '0.91', afterMs: 100 },
      { rate: '0.93', afterMs: 50 },
    ],
  });
  expect([99, 100, 149, 150, 9_999].map((ms) => at(ms))).toEqual(['0.9', '0.91', '0.91', '0.93', '0.93']);
});

test('a looping path flaps for ever', () => {
  const { rates, at } = standing();
  rates.set(PAIR, {
    steps: [
      { rate: '0.91', afterMs: 0 },
      { rate: '0.93', afterMs: 200 },
      { rate: '0.91', afterMs: 200 },
    ],
    loop: true,
  });
  expect([0, 199, 200, 399, 400, 600, 800, 1_000].map((ms) => at(ms))).toEqual(
    '0.91 0.91 0.93 0.93 0.91 0.93 0.91 0.93'.split(' '),
  );
});

test('a climb goes from one rate to the other in equal steps and stays there', () => {
  const { rates, at } = standing();
  rates.set(PAIR, { climb: { from: '0.9150', to: '0.9250', steps: 10, everyMs: 100 } });
  expect([0, 99, 100, 550, 1_000, 5_000].map((ms) => at(ms))).toEqual([
    '0.915',
    '0.915',
    '0.916',
    '0.92',
    '0.925',
    '0.925',
  ]);
  rates.set(PAIR, { climb: { from: '0.93', to: '0.92', steps: 4, everyMs: 100 } });
  expect(at(5_200)).toBe('0.925');
});

test('the ECB replay walks through the days, crosses through the euro, and turns round at the end', () => {
  const { rates, at } = standing();
  const [usd, eur, gbp] = [{ code: 'USD' }, { code: 'EUR' }, { code: 'GBP' }];
  rates.replayEcb({ daysPerSecond: 1 });
  expect(at(0, eur as never, usd as never)).toBe('1.2043');
  expect(at(1_000, eur as never, usd as never)).toBe('1.1915');
  expect(at(0, usd as never, gbp as never)).toBe('0.647679149714'); // 0.78 / 1.2043
  expect(at(3_028_000, eur as never, usd as never)).toBe('1.1172');
  expect(at(3_029_000, eur as never, usd as never)).toBe('1.113');
  expect(at(0, USDT, { code: 'USD' } as never)).toBe('1');
  expect(at(0, eur as never, { code: 'BTC' } as never)).toBeUndefined();
  rates.replayEcb({ daysPerSecond: 1, from: '2015-01-05' });
  expect(at(0, eur as never, usd as never)).toBe('1.1915');
});

test('a fixed rate wins over the replay, and a quote is priced with the rate of its moment', async () => {
  const { api, control } = await start({ ecb: { daysPerSecond: 0.001 } });
  expect((await api.option()).rate.referenceRate).toBe('0.915');
  const body = { source: { code: 'EUR' }, destination: { code: 'USD' }, lockSide: 'source', amount: '100' };
  expect((await api.call('POST', '/quotes', { body })).body.options[0].rate.referenceRate).toBe('1.2043');
  await control.replayEcb(null);
  expect((await api.call('POST', '/quotes', { body })).body.type).toBe('UNSUPPORTED_PAIR');
  await expect(control.setRate('USD-EUR', '-1')).rejects.toThrow('400');
  await expect(control.setRate('USD-USD', '1')).rejects.toThrow('400');
  expect((await control.rates())[PAIR]).toEqual({ spec: '0.9150', now: { rate: '0.915' } });
});

test('the configuration has a default for everything and names every fault of a bad one at once', () => {
  const config = loadSimulatorConfig({ SIMULATOR_RATES: '', TIME_SCALE: '10' });
  expect(config).toMatchObject({ SIMULATOR_PORT: 8090, SIMULATOR_HOST: '127.0.0.1', TIME_SCALE: 10 });
  expect(config.SIMULATOR_RATES[PAIR]).toBe('0.9150');
  const bad = {
    SIMULATOR_PORT: 'x',
    SIMULATOR_API_KEY: 'ck_live_1',
    SIMULATOR_RATES: 'USD-EUR=0.9,foo',
    SIMULATOR_SPREAD_BPS: '-1',
    SIMULATOR_WEBHOOK_URL: 'http://127.0.0.1/',
    TIME_SCALE: '0',
    SIMULATOR_ALLOW_HTTP_WEBHOOKS: 'perhaps',
  };
  let message = '';
  try {
    loadSimulatorConfig(bad);
  } catch (error) {
    message = String(error);
  }
  for (const name of [
    ...Object.keys(bad).filter((one) => one !== 'SIMULATOR_WEBHOOK_URL'),
    'SIMULATOR_WEBHOOK_SECRET',
  ]) {
    expect(message).toContain(name);
  }
  expect(loadSimulatorConfig({ SIMULATOR_ALLOW_HTTP_WEBHOOKS: 'false' }).SIMULATOR_ALLOW_HTTP_WEBHOOKS).toBe(false);
});

test('the endpoint of the environment is held to the rule of every other: plain HTTP needs the flag', () => {
  const endpoint = { SIMULATOR_WEBHOOK_SECRET: `whsec_${'d4'.repeat(32)}`, SIMULATOR_WEBHOOK_URL: 'http://127.0.0.1/' };
  expect(() => loadSimulatorConfig(endpoint)).toThrow(/SIMULATOR_WEBHOOK_URL: .*SIMULATOR_ALLOW_HTTP_WEBHOOKS=true/);
  expect(loadSimulatorConfig({ ...endpoint, SIMULATOR_ALLOW_HTTP_WEBHOOKS: 'true' })).toMatchObject(endpoint);
});
