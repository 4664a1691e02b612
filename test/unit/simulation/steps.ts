import type { Seam } from './history.ts';
import type { World } from './world.ts';

/**
 * What an activity does, step by step. A generator yields how many milliseconds pass before its next step, so that anything may
 * happen in between; whoever drives it may also never ask for the next step, as a process that died.
 */
export type Steps<T> = Generator<number, T, void>;

/** The process that ran the activity has died. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** Passes a seam, where a mishap may wait. */
export function* pass(world: World, seam: Seam): Steps<void> {
  const mishap = world.takeMishap(seam);
  if (!mishap) return;
  world.note(() => (mishap.ms === null ? `the worker dies at "${seam}"` : `frozen at "${seam}" for ${mishap.ms} ms`));
  if (mishap.ms === null) throw new Crash(`at ${seam}`);
  yield mishap.ms;
}
