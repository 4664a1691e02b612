// The market flaps, and the feed lies.
import { setTimeout as wait } from 'node:timers/promises';
import type { Experiment } from './experiment.ts';
import { disarm } from './provider.ts';

const LIES = ['zero', 'negative', 'absurd', 'nan', 'stale', 'swapped', 'swapped_refs'] as const;

/** From a move of the market until a tick has seen it, at most. */
const SEEN_WITHIN_MS = 1_500;

export const MARKET_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F27',
    title: 'the rate crosses and falls back every 200 ms; all orders cross at once',
    atRisk: ['I3', 'I13'],
    async moveMarket({ market, windowMs }) {
      await wait(windowMs / 4);
      await market.flap(200);
      await wait(windowMs / 2);
      await market.away();
      await wait(1_500);
      await market.cross();
    },
    async run({ system, windowMs, during, struck }) {
      const beganAt = Date.now();
      await during(
        'flapping',
        windowMs,
        () => {},
        () => {},
      );
      // Before and after it flaps it moves, too: once each.
      const { instant } = system.db.typed;
      const [from, until] = [beganAt + windowMs / 4, beganAt + windowMs * 0.75];
      const flapped = await system.db`
        select pair from rate_observations where observed_at between ${instant(from + SEEN_WITHIN_MS)} and ${instant(until)}
        group by pair having count(distinct reference_rate) > 1`;
      struck(flapped.length > 0, 'nobody saw the rate of any pair flap');
    },
  },
  {
    id: 'F28',
    title: 'the feed says zero, less than zero, a billion times as much, no number, ten minutes ago, other assets',
    atRisk: ['I3'],
    load: { expiresInMs: [25_000, 45_000] },
    async run(stage) {
      const { random, windowMs, sleep } = stage;
      const { simulator } = stage.system;
      const operation = 'quotes.create' as const;
      // Single quotes first, then feeds that last.
      for (const lie of random.shuffled(LIES)) {
        await simulator.armFault({ match: { operation, nth: random.between(1, 3) }, action: { badRate: lie } });
        await sleep(windowMs / 20);
      }
      // A quote that comes too late for one of them meets the next.
      await disarm(stage, 0.5);
      for (const lie of random.shuffled(LIES)) {
        await simulator.armFault({ match: { operation, times: 'always' }, action: { badRate: lie } });
        await sleep(windowMs / 12);
        await disarm(stage);
      }
    },
  },
];
