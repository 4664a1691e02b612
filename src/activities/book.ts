import type { Database } from '../db/client.ts';
import { databaseNow } from '../db/clock.ts';
import { readBook, stalePairs } from '../db/reconcile.ts';
import type { Metrics } from '../metrics.ts';
import type { Bell } from './bell.ts';

/** Two missed ticks are bad luck; a third is nobody watching. */
const STALE_INTERVALS = 3;
/** With intervals of a second a restart of anything would make every rate stale. */
const MIN_STALE_MS = 30_000;

/** For readiness: whether the rate of every pair that somebody waits for is as new as its watcher should keep it. */
export async function areRatesFresh(db: Database, rateRefreshMs: number): Promise<boolean> {
  return (await readStalePairs(db, rateRefreshMs)).length === 0;
}

function readStalePairs(db: Database, rateRefreshMs: number): Promise<string[]> {
  return stalePairs(db, Math.max(STALE_INTERVALS * rateRefreshMs, MIN_STALE_MS));
}

/**
 * Brings the gauges up to date; asked when they are read. One that fails leaves them as they were, and their date with them. Whoever
 * asks while a reading is pending waits for that one: a database that hangs is to hold one connection, not one for each scrape.
 */
export function createBookCollector(db: Database, metrics: Metrics, rateRefreshMs: number): () => Promise<void> {
  let pending: Promise<void> | null = null;
  return () => {
    pending ??= collectBook(db, metrics, rateRefreshMs).finally(() => {
      pending = null;
    });
    return pending;
  };
}

async function collectBook(db: Database, metrics: Metrics, rateRefreshMs: number): Promise<void> {
  // The date first: what took long to read is as old as that. And one after the other, on one connection.
  const now = await databaseNow(db);
  const book = await readBook(db);
  const stale = await readStalePairs(db, rateRefreshMs);
  metrics.rateWatchStale.reset();
  for (const { pair } of book.tickAges) metrics.rateWatchStale.set({ pair }, Number(stale.includes(pair)));
  metrics.bookSeconds.set(now / 1_000);
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

/** Shows that a schedule has made a whole pass just now. What the pass did stands, also where this cannot be shown. */
export async function datePass(
  { db, metrics, bell }: { db: Database; metrics: Pick<Metrics, 'lastPassSeconds'>; bell: Pick<Bell, 'log'> },
  schedule: 'reconcile' | 'orphans',
): Promise<void> {
  try {
    metrics.lastPassSeconds.set({ schedule }, (await databaseNow(db)) / 1_000);
  } catch (err) {
    bell.log.warn({ event: 'dependency_unavailable', err }, `the pass of ${schedule} is done, and cannot be dated`);
  }
}
