import type { RedisHints } from '../clients/redis-hints.ts';
import { isAtAttemptLimit, type MissedLook, postponeLook, prepareAttempt, recordMiss } from '../db/looks.ts';
import type { OrderRow } from '../db/orders.ts';
import { applyRecord } from '../db/records.ts';
import { loadSituation } from '../db/situations.ts';
import { parsePair } from '../domain/assets.ts';
import type { Instant, OrderReason, Seen } from '../domain/order.ts';
import { allInRate, isRateMet, triggersOf } from '../domain/rate.ts';
import { backoffMs, ownLookAgainInMs, ownLookInMs, QUIET_SHARE } from '../domain/timing.ts';
import type { Activities, ErrandResult } from './interface.ts';
import { type JudgedQuote, type ProviderDeps, said, setPause, takeQuote } from './provider.ts';

export interface FirmLookDeps extends ProviderDeps {
  readonly hints: RedisHints;
  readonly baseUrl: string;
  readonly organisation: string;
  readonly maxAttemptsPerHour: number;
  readonly cacheOrder: (orderId: string) => Promise<void>;
}

/** Takes a firm quote for the order's own amount and acts on the all-in rate: the next attempt, or a recorded miss. */
export function createFirmLooks(deps: FirmLookDeps): Pick<Activities, 'takeFirmLook'> {
  const { db, hints, bell, timing } = deps;
  const quietMs = Math.round(QUIET_SHARE * deps.rateRefreshMs);

  async function takeFirmLook(orderId: string, seen: Seen): Promise<ErrandResult> {
    const loaded = await loadSituation(db, orderId, { isLookWanted: true, compareRate: false, rateMaxAgeMs: 0 });
    if (!loaded || loaded.row.version !== seen.version || loaded.situation.attempt) return said('superseded');
    const { row, situation } = loaded;
    if (situation.isPaused) return withhold(row, seen, 'paused');
    if (!situation.areAccountsActive) return withhold(row, seen, 'account_changed');
    if (await isAtAttemptLimit(db, orderId, deps.maxAttemptsPerHour)) return withhold(row, seen, 'attempt_limit');
    if (situation.gateClosedUntil !== null) return said('gate_closed');
    if (await hints.isThrottled(orderId)) {
      // Otherwise an own look that is due would be asked for again and again until the throttle ends.
      await postponeLook(db, orderId, quietMs);
      return said('throttled');
    }
    const lock = await hints.lockOrder(orderId);
    if (lock === 'held') return said('busy');
    try {
      const { from, to } = parsePair(row.pair);
      const quote = await takeQuote(deps, row.pair, { from, to, amount: row.amount });
      return await actOn(row, seen, quote, loaded.now);
    } finally {
      await hints.unlockOrder(orderId, lock);
    }
  }

  async function actOn(row: OrderRow, seen: Seen, quote: JudgedQuote, askedAt: Instant): Promise<ErrandResult> {
    switch (quote.kind) {
      case 'good':
        return actOnRate(row, seen, quote, askedAt);
      case 'refused': {
        const plan = { kind: 'fail', reason: 'quote_refused', code: quote.code } as const;
        const done = await applyRecord(db, row.id, seen, plan, timing);
        if (done?.result === 'applied')
          bell.recorded('fail', 'failed', row.status, { order_id: row.id, code: quote.code });
        await deps.cacheOrder(row.id);
        return said('refused', quote.code);
      }
      case 'ours':
        await setPause(deps, 'all', quote.code);
        return miss(row, seen, 'paused', `ours:v${seen.version}`, quote.code);
      case 'gate_closed':
        return said('gate_closed');
      case 'unavailable':
        return miss(row, seen, 'quote_failed', `unavailable:v${seen.version}`, quote.code);
      case 'unusable':
        return miss(row, seen, 'quote_unusable', `unusable:v${seen.version}`, quote.fault);
      case 'suspect':
      case 'absurd':
        return miss(row, seen, 'rate_suspect', `${quote.kind}:v${seen.version}`);
    }
  }

  async function actOnRate(
    row: OrderRow,
    seen: Seen,
    quote: Extract<JudgedQuote, { kind: 'good' }>,
    askedAt: Instant,
  ): Promise<ErrandResult> {
    const { option, amounts, shape } = quote;
    const rate = allInRate(amounts);
    const look = {
      rate,
      ...triggersOf(row, shape, parsePair(row.pair).to),
      termsReadAt: askedAt,
      nextCheckInMs: quietMs,
      lookInMs: ownLookInMs(Math.random()),
      failedLooks: 0,
      isAsked: true,
    };
    if (!isRateMet(row, amounts))
      return record({ orderId: row.id, seen, fact: option.quoteId, reason: 'rate_not_met', code: null, look });
    const { baseUrl, organisation, maxAttemptsPerHour: maxAttempts } = deps;
    const done = await prepareAttempt(db, {
      orderId: row.id,
      seen,
      option,
      amounts,
      baseUrl,
      organisation,
      look,
      maxAttempts,
    });
    if (done === 'limited') return miss(row, seen, 'attempt_limit', `limit:v${seen.version}`);
    if (done === 'paused') return miss(row, seen, 'paused', `paused:v${seen.version}`);
    if (done?.result !== 'applied') return said('superseded');
    bell.looked('hit', { order_id: row.id, rate });
    await deps.cacheOrder(row.id);
    return said('hit');
  }

  /** A look that got no rate to judge: it backs off, whatever its trigger says. */
  function miss(
    row: OrderRow,
    seen: Seen,
    reason: OrderReason,
    fact: string,
    code: string | null = null,
  ): Promise<ErrandResult> {
    const failedLooks = row.failedLooks + 1;
    const againInMs = backoffMs(failedLooks, timing);
    const look = { rate: null, nextCheckInMs: againInMs, lookInMs: againInMs, failedLooks, isAsked: true };
    return record({ orderId: row.id, seen, fact, reason, code, look });
  }

  /** A look that is not taken at all, because nothing could follow from it now. */
  function withhold(row: OrderRow, seen: Seen, reason: 'paused' | 'account_changed' | 'attempt_limit') {
    const failedLooks = row.failedLooks + 1;
    const lookInMs = ownLookAgainInMs(Math.random(), timing);
    const look = { rate: null, nextCheckInMs: backoffMs(failedLooks, timing), lookInMs, failedLooks, isAsked: false };
    return record({ orderId: row.id, seen, fact: `${reason}:v${seen.version}`, reason, code: null, look });
  }

  async function record(missed: MissedLook): Promise<ErrandResult> {
    const done = await recordMiss(db, missed);
    if (done?.result !== 'applied') return said('superseded');
    bell.looked(missed.reason, { order_id: missed.orderId, rate: missed.look.rate, code: missed.code });
    if (missed.reason === 'rate_not_met') await hints.throttleOrder(missed.orderId, quietMs);
    await deps.cacheOrder(missed.orderId);
    return said(missed.reason, missed.code);
  }

  return { takeFirmLook };
}
