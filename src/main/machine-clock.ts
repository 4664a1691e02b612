import type { Database } from '../db/client.ts';
import { databaseNow } from '../db/clock.ts';
import type { Instant } from '../domain/order.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';

/** As often as a scrape usually comes. */
const EVERY_MS = 15_000;
/** As for the clocks of PostgreSQL and Conduit: below it, nobody needs to look. */
const ALERT_MS = 2_000;
/** What lasts is told this often. */
const TELL_AGAIN_MS = 30 * 60_000;

export interface MachineClockDeps {
  readonly db: Database;
  readonly metrics: Pick<Metrics, 'machineClockSkewSeconds' | 'alerts'>;
  readonly log: Logger;
  /** This machine's wall clock, in milliseconds. */
  readonly now?: () => Instant;
}

/**
 * Compares this process's own wall clock with PostgreSQL's. No decision about money rests on it: rows, permits and expiries take
 * PostgreSQL's time, waits a monotonic clock. What does rest on it is what people compare, the times of logs, and certificates,
 * which the world would find expired or not yet valid. So it is measured and told, and nothing is paused.
 */
export function createMachineClock({ db, metrics, log, now = Date.now }: MachineClockDeps) {
  let toldAtMs = Number.NEGATIVE_INFINITY;

  /** One comparison: only what the time on the way cannot explain counts as skew. Throws when the database cannot be asked. */
  async function measure(): Promise<void> {
    const before = now();
    const theirs = await databaseNow(db);
    const after = now();
    const skewMs = before > theirs ? before - theirs : Math.min(0, after - theirs);
    metrics.machineClockSkewSeconds.set(skewMs / 1_000);
    if (Math.abs(skewMs) <= ALERT_MS) {
      toldAtMs = Number.NEGATIVE_INFINITY;
      return;
    }
    if (performance.now() - toldAtMs < TELL_AGAIN_MS) return;
    toldAtMs = performance.now();
    metrics.alerts.inc({ alert: 'machine_clock_skew' });
    log.warn({ event: 'alert', alert: 'machine_clock_skew', skew_ms: skewMs }, 'to look at: machine_clock_skew');
  }

  return { measure };
}

/** Measures now and then until the returned function is called. A database that is away is not the clock's fault. */
export function watchMachineClock(deps: MachineClockDeps): () => void {
  const { measure } = createMachineClock(deps);
  let isPending = false;
  const tryToMeasure = (): void => {
    // A database that hangs is not asked again: each query would wait for a connection that others need.
    if (isPending) return;
    isPending = true;
    void measure()
      .catch(() => {})
      .finally(() => {
        isPending = false;
      });
  };
  tryToMeasure();
  const timer = setInterval(tryToMeasure, EVERY_MS);
  return () => clearInterval(timer);
}
