import { orderWorkflowId } from '../../src/workflows/messages.ts';
import type { RunRef } from './archive.ts';
import type { Stage } from './stage.ts';

/**
 * `early`: the Temporal server suggests a new run after a few dozen events instead of thousands. `alone`: a usual one, on which a
 * scene does what would hit others beside it.
 */
export type StageName = 'usual' | 'early' | 'alone';

/** At this many events the Temporal server of the stage `early` suggests a new run: more than an execution takes. */
export const EARLY = 110;

/** One history that a scene gives. */
export interface Take {
  /** One sentence: the shape of the run. */
  readonly gives: string;
  /** Steps without which the run did not take that way, in the words of `stepsOf`, in this order. */
  readonly shows: readonly string[];
}

export interface Scene {
  readonly stage: StageName;
  readonly takes: Readonly<Record<string, Take>>;
  /** Plays and waits for the end of each run; tells which run is which take. */
  readonly play: (stage: Stage) => Promise<Readonly<Record<string, RunRef>>>;
}

/** A scene of one order and one history: plays until the order's end is near, and returns the order. */
export function orderScene(
  name: string,
  gives: string,
  shows: readonly string[],
  play: (stage: Stage) => Promise<string>,
): Scene {
  return {
    stage: 'usual',
    takes: { [name]: { gives, shows } },
    async play(stage) {
      const orderId = await play(stage);
      await stage.finish(orderId);
      return { [name]: newestRun(orderId) };
    },
  };
}

export function newestRun(orderId: string): RunRef {
  return { workflowId: orderWorkflowId(orderId) };
}
