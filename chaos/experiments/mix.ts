import type { Experiment, Stage } from './experiment.ts';
import { asShipped, heal } from './rest.ts';

/** A fault that is under way begins no other: what two of them do at once is each one's own experiment. */
const FAULT_MS = 8_000;
const ORDERS_PER_MINUTE = 45;

export const MIX = 'F45';

/** Faults at random, one after another, for so many minutes, while customers go on; each is healed before the next. */
export function randomMix(minutes: number, among: readonly Experiment[]): Experiment {
  const windowMs = minutes * 60_000;
  return {
    id: MIX,
    title: `faults at random for ${minutes} min`,
    atRisk: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7'],
    load: { orders: minutes * ORDERS_PER_MINUTE, windowMs, expiresInMs: [16_000, 60_000] },
    // There and back, so that orders always find a market that crosses for them.
    async moveMarket({ market, sleep, diceOf }) {
      const random = diceOf('market');
      for (const until = Date.now() + windowMs; Date.now() < until; ) {
        await market.away();
        await sleep(random.between(8_000, 15_000));
        await market.cross();
        await sleep(random.between(3_000, 6_000));
      }
    },
    async run(stage) {
      const { system } = stage;
      for (const until = Date.now() + windowMs; Date.now() < until; ) {
        const experiment = stage.random.pick(among);
        stage.report('now', { id: experiment.id, title: experiment.title });
        // The market is the mix's own, and so is the load. What finds nobody to strike has its own experiment for that.
        const quiet: Stage = { ...stage, windowMs: FAULT_MS, isQuick: true, market: still(stage), struck: () => {} };
        await experiment.run(quiet);
        await stage.asidesEnd();
        await system.desk.settled();
        await heal(stage);
        await asShipped(system);
        stage.history.add({ kind: 'turn', experiment: stage.experiment, at: Date.now(), what: 'mended' });
        await stage.sleep(stage.random.between(1_000, 5_000));
      }
    },
  };
}

function still({ market }: Stage): Stage['market'] {
  const nothing = async () => {};
  return { ...market, away: nothing, cross: nothing, flap: nothing };
}
