import { afterEach, expect, test } from '@jest/globals';
import { createBreaker } from '../../../src/pubsub-bridge/breaker.ts';
import { eventually } from '../../support/eventually.ts';
import { newMetrics, silent } from './fakes.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

function startBreaker() {
  const answers = { temporal: true, postgres: true };
  let changes = 0;
  let probes = 0;
  const time = { ms: 0 };
  const breaker = createBreaker({
    dependencies: {
      temporal: async () => {
        probes += 1;
        return answers.temporal;
      },
      postgres: async () => {
        if (!answers.postgres) throw new Error('away');
        return true;
      },
    },
    log: silent,
    metrics: newMetrics(),
    onChange: () => {
      changes += 1;
    },
    probeEveryMs: 5,
    clock: () => time.ms,
  });
  breaker.start();
  stops.push(() => breaker.stop());
  return { breaker, answers, time, changes: () => changes, probes: () => probes };
}
const resumed = ({ breaker }: ReturnType<typeof startBreaker>) =>
  eventually('resumed', async () => !breaker.isPaused());
const paused = ({ breaker }: ReturnType<typeof startBreaker>) => eventually('paused', async () => breaker.isPaused());

test('nothing is taken before everything has answered once', async () => {
  const it = startBreaker();
  expect(it.breaker.isPaused()).toBe(true);
  expect(it.breaker.isAnswering('temporal')).toBe(false);
  await resumed(it);
  expect(it.breaker.isAnswering('temporal')).toBe(true);
});

test('a dependency that says no, or fails, pauses; its return resumes', async () => {
  const it = startBreaker();
  await resumed(it);
  for (const name of ['temporal', 'postgres'] as const) {
    const before = it.changes();
    it.answers[name] = false;
    await paused(it);
    expect(it.breaker.isAnswering(name)).toBe(false);
    it.answers[name] = true;
    await resumed(it);
    expect(it.changes()).toBe(before + 2);
  }
});

test('handlers that fail in a row pause although all seems well, for longer each time, until one succeeds', async () => {
  const it = startBreaker();
  await resumed(it);
  /** Fails three times, and returns whether it is still paused so long after. */
  const isPausedAfter = async (ms: number) => {
    for (let i = 0; i < 3; i += 1) it.breaker.failed();
    expect(it.breaker.isPaused()).toBe(true);
    it.time.ms += ms;
    const probes = it.probes();
    await eventually('two more probes', async () => it.probes() >= probes + 2);
    return it.breaker.isPaused();
  };
  const end = async () => {
    it.time.ms += 60_000;
    await resumed(it);
  };

  expect(await isPausedAfter(999)).toBe(true);
  await end();
  expect(await isPausedAfter(1_999)).toBe(true);
  await end();
  it.breaker.succeeded();
  expect(await isPausedAfter(1_000)).toBe(false);
});

test('a failure between successes pauses nothing', async () => {
  const it = startBreaker();
  await resumed(it);
  for (let i = 0; i < 10; i += 1) {
    it.breaker.failed();
    it.breaker.succeeded();
  }
  expect(it.breaker.isPaused()).toBe(false);
});
