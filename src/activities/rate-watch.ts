import type { RedisHints } from '../clients/redis-hints.ts';
import { databaseNow } from '../db/clock.ts';
import {
  claimCrossed,
  insertObservation,
  type Observation,
  oldestAmounts,
  pairBook,
  scheduleLooks,
} from '../db/rate-watch.ts';
import { parsePair } from '../domain/assets.ts';
import { Decimal } from '../domain/decimal.ts';
import type { Instant } from '../domain/order.ts';
import type { QuoteOption } from '../domain/quote.ts';
import { ownLookAgainInMs, QUIET_SHARE } from '../domain/timing.ts';
import type { Metrics } from '../metrics.ts';
import type { Activities, TickResult } from './interface.ts';
import { type JudgedQuote, type ProviderDeps, setPause, takeQuote } from './provider.ts';

/** The runs of orders, as this room reaches them: by signal, started where there is none. */
export interface OrderRuns {
  /** Signals the order's run; one that is not there is started from its row. */
  wake(orderId: string): Promise<void>;
}

export interface RateWatchDeps extends ProviderDeps {
  readonly hints: Pick<RedisHints, 'keepRate'>;
  readonly runs: OrderRuns;
  readonly callsPerSecond: number;
  /** Says that the activity is alive. */
  readonly heartbeat: () => void;
  readonly metrics: Pick<Metrics, 'clockSkewSeconds'>;
}

const PAGE = 500;
const SIGNALS_AT_ONCE = 50;
const MAX_WOKEN = 1_000;
/** How many orders' amounts are tried when the provider refuses an amount as out of range. */
const MAX_AMOUNTS = 3;
/** Above the first somebody should look; above the second the margin's share for clock error is spent. */
const SKEW_ALERT_MS = 2_000;
const SKEW_PAUSE_MS = 3_000;

/** One tick of a pair: an indicative quote, kept where everybody finds it, and the sweep of the orders it wakes. */
export function createRateWatch(deps: RateWatchDeps): Pick<Activities, 'tickRateWatch'> {
  const { db, hints, runs, bell, rateRefreshMs } = deps;
  /** Half of what the provider takes in an interval: the rest is for transfers. */
  const budget = Math.max(1, Math.min(MAX_WOKEN, Math.floor((deps.callsPerSecond * rateRefreshMs) / 2_000)));

  async function tickRateWatch(pair: string, dueAt: number): Promise<TickResult> {
    const book = await pairBook(db, pair);
    const nothing = { refreshMs: rateRefreshMs, openOrders: book.openOrders, rate: null, woken: 0 };
    if (book.openOrders === 0) return { ...nothing, fault: 'no_open_order' };
    if (book.gateClosedUntil !== null) return { ...nothing, fault: 'gate_closed' };
    const quote = await indicativeQuote(pair);
    deps.heartbeat();
    if ('serverDate' in quote && quote.serverDate !== null)
      await noticeSkew(quote.serverDate, book.now, await databaseNow(db));
    if (quote.kind !== 'good') return { ...nothing, fault: await faultOf(quote) };

    const { option } = quote;
    const observation = {
      pair,
      referenceRate: option.referenceRate,
      endUserRate: option.endUserRate,
      spreadBps: option.spreadBps,
      fixedFee: fixedFeeOf(option),
      quoteId: option.quoteId,
    };
    await insertObservation(db, observation);
    await hints.keepRate(pair, option.referenceRate, Math.round(1.5 * rateRefreshMs));
    bell.log.debug({ event: 'rate_watched', pair, rate: option.referenceRate }, 'indicative quote');
    const woken = book.isPaused ? 0 : await sweep(pair, option.referenceRate, dueAt);
    const fault = book.isPaused ? 'paused' : null;
    if (!book.isPaused) await refreshTriggers(observation);
    return { ...nothing, rate: option.referenceRate, woken, fault };
  }

  /**
   * Expiry, permits and margins assume that our database and Conduit agree about the time. The header is cut to the second and
   * was written somewhere between asking and answer, so only what that cannot explain counts as skew. Both ends are read from
   * the database: a worker whose own clock is wrong, or that stood still in between, must not pause anybody.
   */
  async function noticeSkew(serverDate: Instant, before: Instant, after: Instant): Promise<void> {
    const aheadMs = Math.max(0, before - (serverDate + 999));
    const behindMs = Math.max(0, serverDate - after);
    deps.metrics.clockSkewSeconds.set((aheadMs - behindMs) / 1_000);
    const skewMs = Math.max(aheadMs, behindMs);
    if (skewMs <= SKEW_ALERT_MS) return;
    bell.alert('clock_skew', { skew_ms: skewMs });
    if (skewMs > SKEW_PAUSE_MS) await setPause(deps, 'all', 'clock_skew', { isHealing: false });
  }

  /** The oldest order's amount; a next-oldest one's where the provider finds it out of range. */
  async function indicativeQuote(pair: string): Promise<JudgedQuote> {
    let last: JudgedQuote = { kind: 'unusable', fault: 'no_option', serverDate: null };
    for (const amount of await oldestAmounts(db, pair, MAX_AMOUNTS)) {
      last = await takeQuote(deps, pair, { ...parsePair(pair), amount });
      if (last.kind !== 'refused' || last.code !== 'AMOUNT_OUT_OF_RANGE') return last;
    }
    return last;
  }

  async function faultOf(quote: Exclude<JudgedQuote, { kind: 'good' }>): Promise<string> {
    if (quote.kind === 'ours') await setPause(deps, 'all', quote.code);
    return quote.kind === 'unusable' ? quote.fault : quote.kind;
  }

  /** Triggers were made from older terms: when spread or fee change, every order of the pair looks again, a share a tick. */
  async function refreshTriggers(observation: Observation): Promise<void> {
    const limit = Math.max(1, Math.floor(budget / 2));
    try {
      await scheduleLooks(db, {
        ...observation,
        overMs: rateRefreshMs,
        withheldMs: ownLookAgainInMs(1, deps.timing),
        limit,
      });
    } catch (err) {
      // The next tick asks again; this one has already done what cannot wait.
      bell.log.warn(
        { event: 'dependency_unavailable', err, pair: observation.pair },
        'own looks could not be scheduled',
      );
    }
  }

  /** Claims page by page and signals what was claimed. Bounded, so that a market that moves at once cannot spend every call. */
  async function sweep(pair: string, rate: string, dueAt: Instant): Promise<number> {
    const quietMs = Math.round(QUIET_SHARE * rateRefreshMs);
    let woken = 0;
    while (woken < budget) {
      const limit = Math.min(PAGE, budget - woken);
      const claimed = await claimCrossed(db, { pair, rate, dueAt, quietMs, limit });
      for (let i = 0; i < claimed.length; i += SIGNALS_AT_ONCE) {
        // A signal that is lost costs its order one interval: the claim has an end.
        const woke = await Promise.allSettled(
          claimed.slice(i, i + SIGNALS_AT_ONCE).map((orderId) => runs.wake(orderId)),
        );
        const failed = woke.filter((result) => result.status === 'rejected');
        if (failed.length > 0)
          bell.log.warn(
            { event: 'dependency_unavailable', err: failed[0]?.reason, pair, count: failed.length },
            'orders could not be woken; their claims end within an interval',
          );
        deps.heartbeat();
      }
      woken += claimed.length;
      if (claimed.length < limit) break;
    }
    if (woken > 0) bell.log.info({ event: 'orders_woken', pair, rate, count: woken }, `${woken} orders woken`);
    return woken;
  }

  return { tickRateWatch };
}

/** Fees of the source side as one number: only its change matters here. */
function fixedFeeOf(option: QuoteOption): string {
  return option.fees.reduce((sum, fee) => sum.plus(fee.amount), new Decimal(0)).toFixed();
}
