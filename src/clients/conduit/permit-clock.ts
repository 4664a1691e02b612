import { uptime } from 'node:os';
import { performance } from 'node:perf_hooks';

/** When the permit's transaction was about to begin, on the two clocks of the machine that nobody sets. */
export interface PermitStart {
  /** Fine, and stands still while the machine is suspended. */
  readonly monotonicMs: number;
  /** Coarse (on Linux ten milliseconds, or a second where it cannot be read), and runs on. */
  readonly sinceBootMs: number;
}

export function startOfPermit(): PermitStart {
  return { monotonicMs: performance.now(), sinceBootMs: uptime() * 1_000 };
}

/** In milliseconds, by the clock that has gone further. Not a number where the start is none. */
export function ageOfPermit(start: PermitStart): number {
  const now = startOfPermit();
  return Math.max(now.monotonicMs - start.monotonicMs, now.sinceBootMs - start.sinceBootMs);
}
