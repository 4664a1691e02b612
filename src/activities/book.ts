import type { Database } from '../db/client.ts';
import { readBook, stalePairs } from '../db/reconcile.ts';
import type { Metrics } from '../metrics.ts';

/** Two missed ticks are bad luck; a third is nobody watching. */
const STALE_INTERVALS = 3;
/** With intervals of a second a restart of anything would make every rate stale. */
const MIN_STALE_MS = 30_000;

/** For readiness: whether the rate of every pair that somebody waits for is as new as its watcher should keep it. */
export async function areRatesFresh(db: Database, rateRefreshMs: number): Promise<boolean> {
  return (await stalePairs(db, Math.max(STALE_INTERVALS * rateRefreshMs, MIN_STALE_MS))).length === 0;
}

/** Brings the gauges up to date; asked when they are read. */
export async function collectBook(db: Database, metrics: Metrics): Promise<void> {
  const book = await readBook(db);
  metrics.openOrders.reset();
  for (const { pair, status, count } of book.openOrders) metrics.openOrders.set({ pair, status }, count);
  metrics.watcherTickAgeSeconds.reset();
  for (const { pair, seconds } of book.tickAges) metrics.watcherTickAgeSeconds.set({ pair }, seconds);
  metrics.attemptsUnknown.set(book.attemptsUnknown);
  metrics.attemptsUnknownOldestSeconds.set(book.oldestUnknownSeconds);
  metrics.executingOldestSeconds.set(book.oldestExecutingSeconds);
  metrics.orphansOpen.set(book.orphansOpen);
  metrics.overdueOldestSeconds.set(book.oldestOverdueSeconds);
  metrics.pausesActive.set(book.pausesActive);
}
