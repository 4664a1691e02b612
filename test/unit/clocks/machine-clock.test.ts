import { expect, jest, test } from '@jest/globals';
import type { Database } from '../../../src/db/client.ts';
import { createMachineClock, watchMachineClock } from '../../../src/main/machine-clock.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { silent } from '../bridge/fakes.ts';

const DATABASE_TIME = 1_900_000_000_000;

/** A process whose clock is `skewMs` away from a database that takes `tookMs` to answer, half of it on each way. */
function measured(skewMs: number, tookMs = 10) {
  const state = { skewMs, isDatabaseAway: false };
  const metrics = createMetrics('api');
  let reads = 0;
  const now = () => {
    reads += 1;
    return DATABASE_TIME + state.skewMs + (reads % 2 === 1 ? -tookMs / 2 : tookMs / 2);
  };
  const db = (async () => {
    if (state.isDatabaseAway) throw new Error('away');
    return [{ now: DATABASE_TIME }];
  }) as unknown as Database;
  const { measure } = createMachineClock({ db, metrics, log: silent, now });
  const shown = async () => ({
    skew: (await metrics.machineClockSkewSeconds.get()).values[0]?.value,
    alerts: (await metrics.alerts.get()).values.find(({ labels }) => labels.alert === 'machine_clock_skew')?.value,
  });
  return { measure, state, shown };
}

test.each([
  [0, 10, 0, 0],
  [600_000, 10, 599.995, 1],
  [-600_000, 10, -599.995, 1],
  [2_100, 10, 2.095, 1],
  [-2_100, 10, -2.095, 1],
  // What the way to the database may have taken is no skew.
  [2_100, 300, 1.95, 0],
  [4_000, 10_000, 0, 0],
])('a clock %i ms away, asked in %i ms, shows %d s and alerts %i times', async (skewMs, tookMs, skew, alerts) => {
  const clock = measured(skewMs, tookMs);
  await clock.measure();
  expect(await clock.shown()).toEqual({ skew, alerts });
});

test('what lasts is told once, what comes back again', async () => {
  const { measure, state, shown } = measured(600_000);
  await measure();
  await measure();
  expect((await shown()).alerts).toBe(1);
  state.skewMs = 0;
  await measure();
  expect(await shown()).toEqual({ skew: 0, alerts: 1 });
  state.skewMs = -600_000;
  await measure();
  expect((await shown()).alerts).toBe(2);
});

test('while the database is away nothing is measured, and nothing is blamed on the clock', async () => {
  const { measure, state, shown } = measured(600_000);
  state.isDatabaseAway = true;
  await expect(measure()).rejects.toThrow('away');
  expect((await shown()).alerts).toBe(0);
});

test('a database that hangs is asked once, and again when it has answered', async () => {
  jest.useFakeTimers();
  try {
    const answers: (() => void)[] = [];
    const db = (() => new Promise((resolve) => answers.push(() => resolve([{ now: DATABASE_TIME }])))) as unknown;
    const unwatch = watchMachineClock({ db: db as Database, metrics: createMetrics('api'), log: silent });
    await jest.advanceTimersByTimeAsync(10 * 60_000);
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await jest.advanceTimersByTimeAsync(15_000);
    expect(answers).toHaveLength(2);
    unwatch();
  } finally {
    jest.useRealTimers();
  }
});
