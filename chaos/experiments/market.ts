// The market flaps, and the feed lies.
import { setTimeout as wait } from 'node:timers/promises';
import type { Experiment } from './experiment.ts';

const LIES = ['zero', 'negative', 'absurd', 'nan', 'stale', 'swapped', 'swapped_refs'] as const;

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
    async run({ windowMs, sleep, note }) {
      note('flapping');
      await sleep(windowMs);
    },
  },
  {
    id: 'F28',
    title: 'the feed says zero, less than zero, a billion times as much, no number, ten minutes ago, other assets',
    atRisk: ['I3'],
    load: { expiresInMs: [25_000, 45_000] },
    async run({ system, random, windowMs, sleep, note }) {
      const { simulator } = system;
      const operation = 'quotes.create' as const;
      // Single quotes first, then feeds that last.
      for (const lie of random.shuffled(LIES)) {
        await simulator.armFault({ match: { operation, nth: random.between(1, 3) }, action: { badRate: lie } });
        note('one bad quote', { lie });
        await sleep(windowMs / 20);
      }
      await simulator.clearFaults();
      for (const lie of random.shuffled(LIES)) {
        await simulator.armFault({ match: { operation, times: 'always' }, action: { badRate: lie } });
        note('a bad feed', { lie });
        await sleep(windowMs / 12);
        await simulator.clearFaults();
      }
    },
  },
];
