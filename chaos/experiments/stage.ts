import { setTimeout as sleep } from 'node:timers/promises';
import { createMarket } from '../load/market.ts';
import type { PlannedOrder } from '../load/plan.ts';
import { randomFrom } from '../load/random.ts';
import { type PlacedOrder, runLoad } from '../load/run-load.ts';
import type { Stage } from './experiment.ts';

/** The stage of one experiment: whatever is done on it is noted under its name. */
export function createStage(
  given: Pick<Stage, 'system' | 'experiment' | 'history' | 'timeScale' | 'isQuick' | 'windowMs'> & {
    seed: number;
    tell: (text: string) => void;
  },
): Stage {
  const { system, experiment, history, seed, tell } = given;
  // Dice of their own for each that throws them, or what one draws would hang on when another one does.
  const diceOf = (who: string) => randomFrom(`${experiment}:${seed}:${who}`);
  let placings = 0;
  const planned: PlannedOrder[] = [];
  const placed: PlacedOrder[] = [];
  const asides: Promise<unknown>[] = [];
  const note = (what: string, phase: 'begin' | 'end' | 'once', detail?: Readonly<Record<string, unknown>>) =>
    history.add({ kind: 'fault', experiment, at: Date.now(), what, phase, ...(detail ? { detail } : {}) });
  const expect: Stage['expect'] = (holds, invariant, text) => {
    if (!holds) history.add({ kind: 'finding', experiment, at: Date.now(), invariant, text });
  };
  return {
    ...given,
    random: diceOf('faults'),
    diceOf,
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
    expect,
    struck: (holds, text) => expect(holds, 'I14', text),
    report(what, detail) {
      history.add({ kind: 'system', at: Date.now(), what, detail });
      tell(`  … ${experiment} ${what}: ${JSON.stringify(detail)}`);
    },
    sleep: (ms) => sleep(ms),
    placed: () => placed,
    planned: () => planned,
    async place(plans) {
      placings += 1;
      planned.push(...plans);
      const load = `${experiment}-${placings}`;
      return runLoad(
        {
          apiUrl: system.apiUrl,
          experiment,
          load,
          history,
          customers: system.customers,
          diceOf,
          windowMs: given.windowMs,
        },
        plans,
        (order) => void placed.push(order),
      );
    },
  };
}
