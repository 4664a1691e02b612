import { setTimeout as sleep } from 'node:timers/promises';
import { createMarket } from '../load/market.ts';
import { randomFrom } from '../load/random.ts';
import { type PlacedOrder, runLoad } from '../load/run-load.ts';
import type { Stage } from './experiment.ts';

/** The stage of one experiment: whatever is done on it is noted under its name. */
export function createStage(
  given: Pick<Stage, 'system' | 'experiment' | 'history' | 'timeScale' | 'isQuick' | 'windowMs'> & { seed: number },
): Stage {
  const { system, experiment, history, seed } = given;
  const random = randomFrom(`${experiment}:${seed}`);
  const placed: PlacedOrder[] = [];
  const asides: Promise<unknown>[] = [];
  const note = (what: string, phase: 'begin' | 'end' | 'once', detail?: Readonly<Record<string, unknown>>) =>
    history.add({ kind: 'fault', experiment, at: Date.now(), what, phase, ...(detail ? { detail } : {}) });
  return {
    ...given,
    random,
    market: createMarket(system.simulator),
    note: (what, detail) => note(what, 'once', detail),
    async during(what, ms, begin, end) {
      note(what, 'begin', { ms: Math.round(ms) });
      await begin();
      await sleep(ms);
      await end();
      note(what, 'end');
    },
    aside(work) {
      // Read at the end; until then nobody may take its failure for one that nobody sees.
      work.catch(() => {});
      asides.push(work);
    },
    async asidesEnd() {
      await Promise.all(asides);
    },
    expect(holds, invariant, text) {
      if (!holds) history.add({ kind: 'finding', experiment, at: Date.now(), invariant, text });
    },
    sleep: (ms) => sleep(ms),
    placed: () => placed,
    async place(plans) {
      const those = await runLoad(
        { apiUrl: system.apiUrl, experiment, history, customers: system.customers, random, windowMs: given.windowMs },
        plans,
        (order) => void placed.push(order),
      );
      return those;
    },
  };
}
