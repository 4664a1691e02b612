import { expect, test } from '@jest/globals';
import { histories } from './generator.ts';
import { simulate, type Verdict } from './simulate.ts';
import { historyAt, hunt, report, settings, story } from './telling.ts';

/*
 * The real `decide` and its siblings through thousands of random histories: a modelled Conduit that loses, delays, doubles, refuses and
 * lags, workers that die and freeze, cancels, expiries, pauses, prices that cross and fall back. The laws are asked at every step. Where
 * test/unit/search visits all orders of events of a small world without times, this draws some of those of a large one: full times and
 * waits, real amounts and rates, many attempts. A new seed is drawn each time; it is printed when a law breaks.
 *
 * SEED=7 RUNS=1000000 npm run test:unit -- --testPathPatterns unit/simulation/simulation
 */

const TIMEOUT_MS = 3_600_000;
const { seed, runs, at } = settings();

/** How many histories showed what; a generator that has gone dull is noticed by it. */
function createTally() {
  const counts: Record<string, number> = {};
  const count = (what: string, isSo: unknown = true) => {
    if (isSo) counts[what] = (counts[what] ?? 0) + 1;
  };
  const add = ({ status, reason, attempts, counts: seen, lateEffects, lateExecutes, wasTooLate }: Verdict) => {
    count(status);
    if (reason !== null) count(`${status}: ${reason}`);
    count('several attempts', attempts > 1);
    count('many attempts', attempts > 3);
    count('cancel refused', wasTooLate);
    count('late effects, told apart', lateEffects + lateExecutes > 0);
    for (const [what, times] of Object.entries(seen)) count(what, times > 0);
  };
  return { counts, add };
}

/** The least share of the histories that must show it, in thousandths: about a third of what they do show. */
const LEAST: Record<string, number> = {
  executed: 120,
  expired: 80,
  cancelled: 70,
  failed: 35,
  'several attempts': 30,
  'many attempts': 2,
  adopted: 55,
  orphans: 40,
  resends: 48,
  crashes: 90,
  pauses: 10,
  'cancel refused': 18,
  'failed: partial_effect': 20,
  'failed: cancel_requested': 3,
  'expired: provider_failed': 2,
};

test(
  at === null ? `${runs} random histories break no law` : 'the history asked for breaks no law',
  () => {
    if (at !== null) {
      const history = historyAt(histories, seed ?? 0, at);
      process.stdout.write(`${story(history)}\n`);
      expect(simulate(history).breach).toBeNull();
      return;
    }
    const startedAt = performance.now();
    const { counts, add } = createTally();
    const found = hunt(histories, { seed, runs, onVerdict: add });
    if (found) throw new Error(report(found));

    if (process.env['SIMULATION'] === 'show') {
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      process.stdout.write(`${runs} histories in ${seconds} s: ${JSON.stringify(counts, null, 1)}\n`);
    }
    // So few show nothing of the generator.
    if (runs < 5_000) return;
    const shares = Object.fromEntries(Object.keys(LEAST).map((what) => [what, ((counts[what] ?? 0) * 1_000) / runs]));
    const dull = Object.entries(LEAST).filter(([what, least]) => (shares[what] ?? 0) < least);
    expect(dull.map(([what, least]) => `${what}: ${shares[what]} of 1000 instead of ${least}`)).toEqual([]);
  },
  TIMEOUT_MS,
);
