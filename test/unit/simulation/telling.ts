import fc from 'fast-check';
import type { History } from './history.ts';
import { keepable } from './kept-form.ts';
import { type SimulationOptions, simulate } from './simulate.ts';

/** `SEED` and `RUNS` repeat a run or make it longer, `AT` repeats one history of a seed by its path and prints what happened in it. */
export function settings(): { readonly seed: number | null; readonly runs: number; readonly at: string | null } {
  const { SEED, RUNS, AT } = process.env;
  return { seed: SEED === undefined ? null : Number(SEED), runs: Number(RUNS ?? 10_000), at: AT ?? null };
}

/** The law that a breach names: what is shrunk must go on breaking the same one. */
function lawOf(breach: string): string {
  return breach.split(':')[0] ?? breach;
}

export interface Found {
  readonly breach: string;
  readonly seed: number;
  readonly path: string;
  /** How many histories were played until it was found, itself included. */
  readonly after: number;
  readonly history: History;
}

interface HuntOptions extends SimulationOptions {
  readonly seed?: number | null;
  readonly runs: number;
  readonly isShrunk?: boolean;
  readonly onVerdict?: (verdict: ReturnType<typeof simulate>) => void;
}

/** What throws is told like a broken law: else it would come without the history that it came of. */
function breachOf(history: History, options: SimulationOptions, onVerdict: HuntOptions['onVerdict']): string | null {
  try {
    const verdict = simulate(history, options);
    onVerdict?.(verdict);
    return verdict.breach;
  } catch (error) {
    return `threw: ${String(error)}`;
  }
}

/** Plays random histories until a law breaks, and makes that one as small as it goes; null when none does. */
export function hunt(
  arbitrary: fc.Arbitrary<History>,
  { seed, runs, isShrunk = true, onVerdict, ...options }: HuntOptions,
): Found | null {
  let law: string | null = null;
  let breach = '';
  const property = fc.property(arbitrary, (history) => {
    const broken = breachOf(history, options, onVerdict);
    if (broken === null || (law !== null && lawOf(broken) !== law)) return true;
    breach = broken;
    law = lawOf(breach);
    return false;
  });
  const details = fc.check(property, {
    numRuns: runs,
    endOnFailure: !isShrunk,
    ...(seed === null || seed === undefined ? {} : { seed }),
  });
  const history = details.counterexample?.[0];
  if (!history) return null;
  return { breach, seed: details.seed, path: details.counterexamplePath ?? '', after: details.numRuns, history };
}

/** One history of a seed. */
export function historyAt(arbitrary: fc.Arbitrary<History>, seed: number, path: string): History {
  const [history] = fc.sample(arbitrary, { seed, path, numRuns: 1 });
  if (!history) throw new Error(`seed ${seed} has no history at ${path}`);
  return history;
}

/** What happens in a history, line by line. */
export function story(history: History, options: SimulationOptions = {}): string {
  const trace = [`terms: ${JSON.stringify(history.terms)}`];
  try {
    const { breach, status } = simulate(history, { ...options, trace });
    trace.push(`${status}; ${breach ?? 'no law is broken'}`);
  } catch (error) {
    trace.push(error instanceof Error && error.stack ? error.stack : String(error));
  }
  return trace.join('\n');
}

/** Everything that somebody needs who finds a broken law: what, how to see it again, how to keep it. */
export function report({ breach, seed, path, after, history }: Found): string {
  return [
    breach,
    `found after ${after} histories of seed ${seed}, made small at path ${path}`,
    `see it again:  SEED=${seed} AT=${path} npm run test:unit -- --testPathPatterns unit/simulation/simulation`,
    howToKeep(history, `${breach} (SEED=${seed})`),
    story(history),
  ].join('\n\n');
}

/** The history as it can be added to those that are kept; a seed in `why` only says where it comes from. */
export function howToKeep(history: History, why: string): string {
  return `keep it: add this line to KEPT in test/unit/simulation/regressions.ts\n${keepable(history, { why })}`;
}
