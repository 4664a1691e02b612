// The market flaps, and the feed lies.
import { setTimeout as wait } from 'node:timers/promises';
import type { Recorded } from '../../simulator/book/entries.ts';
import { FIAT, STABLES } from '../load/market.ts';
import type { Experiment, Stage } from './experiment.ts';
import { disarm } from './provider.ts';

const LIES = ['zero', 'negative', 'absurd', 'nan', 'stale', 'swapped', 'swapped_refs'] as const;

/** Until the market of a slow machine flaps. */
const BEGUN_WITHIN_MS = 1_000;
/** Before it flaps and after it the market moves, too: once each, and not in between. */
const TURNS_AT_LEAST = 4;

/** How often the rate that was told of a pair differed from the one before. */
function countTurns(ledger: readonly Recorded[]): number {
  const last = new Map<string, string>();
  let turns = 0;
  for (const entry of ledger) {
    const [option] = entry.event === 'quote.created' ? entry.options : [];
    if (!option) continue;
    const { source, priced } = option;
    const { referenceRate } = priced.rate;
    if ((last.get(source.code) ?? referenceRate) !== referenceRate) turns += 1;
    last.set(source.code, referenceRate);
  }
  return turns;
}

/** The first order of each pair comes in this time, and a tick after it. */
const OBSERVED_WITHIN_MS = 15_000;

/** A lie is known for one only where there was a good rate before. */
async function untilObserved({ system: { db }, sleep, struck }: Stage): Promise<void> {
  const isObserved = async () => {
    const rows = await db`select distinct pair from rate_observations where pair = any(${[STABLES, FIAT]})`;
    return rows.length === 2;
  };
  for (const giveUpAt = Date.now() + OBSERVED_WITHIN_MS; !(await isObserved()); await sleep(200))
    if (Date.now() > giveUpAt) return struck(false, 'no rate of either pair was observed before the first lie');
}
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
      const quotes = await system.simulator.ledger({ event: 'quote.created' });
      const [from, until] = [beganAt + windowMs / 4 + BEGUN_WITHIN_MS, beganAt + windowMs * 0.75];
      const meanwhile = quotes.filter(({ at }) => Date.parse(at) > from && Date.parse(at) < until);
      struck(countTurns(meanwhile) >= TURNS_AT_LEAST, 'hardly anybody was told a rate that had turned');
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
      await untilObserved(stage);
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
