import type { Invariant } from '../checker/verdict.ts';
import type { History } from '../evidence/history.ts';
import type { Market } from '../load/market.ts';
import type { PlannedOrder } from '../load/plan.ts';
import type { Random } from '../load/random.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import type { LoadShape } from '../load/shape.ts';
import type { System } from '../system/system.ts';

/** Where an experiment does its work: the running system, its own dice, and the book in which it notes what it does. */
export interface Stage {
  readonly system: System;
  /** Those of the faults. */
  readonly random: Random;
  /** Those of somebody else, a client for instance. */
  readonly diceOf: (who: string) => Random;
  readonly market: Market;
  readonly history: History;
  readonly experiment: string;
  /** How long orders are placed for; the market crosses in the middle. */
  readonly windowMs: number;
  /** How much faster the protocol's waits run: an outage of a minute lasts `60_000 / timeScale`. */
  readonly timeScale: number;
  /** A run that must be short: fewer repetitions of the same. */
  readonly isQuick: boolean;
  /** Notes one fault that is over at once. */
  readonly note: (what: string, detail?: Readonly<Record<string, unknown>>) => void;
  /** Does something for `ms`, and undoes it. */
  readonly during: (what: string, ms: number, begin: () => unknown, end: () => unknown) => Promise<void>;
  /** What goes on beside the experiment; its end is waited for, and what it throws breaks the experiment off. */
  readonly aside: (work: Promise<unknown>) => void;
  readonly asidesEnd: () => Promise<void>;
  /** Something that the judge cannot know must hold: where it does not, it is a violation of `invariant`. */
  readonly expect: (holds: boolean, invariant: Invariant, text: string) => void;
  /** Something without which nothing was tried. Alone an experiment that tried nothing has failed; among others it had no turn. */
  readonly struck: (holds: boolean, text: string) => void;
  /** Tells what was measured, to whoever watches and in the history. */
  readonly report: (what: string, detail: Readonly<Record<string, unknown>>) => void;
  readonly sleep: (ms: number) => Promise<void>;
  /** Orders that were accepted so far. */
  readonly placed: () => readonly PlacedOrder[];
  /** Those that were to be. */
  readonly planned: () => readonly PlannedOrder[];
  /** Places orders beside the planned ones; they are judged like those. */
  readonly place: (plans: readonly PlannedOrder[]) => Promise<readonly PlacedOrder[]>;
}

export interface Experiment {
  readonly id: string;
  /** What is broken, in a few words. */
  readonly title: string;
  /** What it threatens most; all of them are judged. */
  readonly atRisk: readonly Invariant[];
  readonly needs?: readonly ('faketime' | 'mount')[];
  /** What it leaves in Temporal weighs on the next one, and what is there weighs on it: it has a system of its own, new and its last. */
  readonly hasOwnSystem?: true;
  readonly load?: Partial<LoadShape>;
  /** How the market moves; by default it crosses in the middle of the window, and stays. */
  readonly moveMarket?: (stage: Stage) => Promise<void>;
  /** Breaks things, beside the load. What is left broken at its end is healed by the runner. */
  readonly run: (stage: Stage) => Promise<void>;
}
