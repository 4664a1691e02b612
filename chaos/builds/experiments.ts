import type { Experiment } from '../experiments/experiment.ts';
import { CONDUCT_EXPERIMENTS } from './conduct-experiments.ts';
import { TRANSFER_EXPERIMENTS } from './transfer-experiments.ts';

/** The situations in which the broken builds do harm, where none of the other experiments is sure to bring one about. */
export const BUILD_EXPERIMENTS: readonly Experiment[] = [...TRANSFER_EXPERIMENTS, ...CONDUCT_EXPERIMENTS].toSorted(
  (a, b) => a.id.localeCompare(b.id),
);
