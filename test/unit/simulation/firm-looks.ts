import type { ErrandResult } from '../../../src/activities/interface.ts';
import { parsePair } from '../../../src/domain/assets.ts';
import type { OrderReason, Seen } from '../../../src/domain/order.ts';
import { readQuote } from '../../../src/domain/quote.ts';
import { allInRate, isRateMet, triggersOf } from '../../../src/domain/rate.ts';
import { judgeRate } from '../../../src/domain/rate-sanity.ts';
import { healsByProbe, quoteRefusalClass } from '../../../src/domain/replies.ts';
import { backoffMs, ownLookAgainInMs, ownLookInMs } from '../../../src/domain/timing.ts';
import { BOUNDS } from './look-ups.ts';
import { type Look, prepareAttempt, QUIET_MS, recordMiss } from './looks.ts';
import { applyRecord, setPause } from './records.ts';
import { pass, type Steps } from './steps.ts';
import { liveAttempt } from './tables.ts';
import { PAIR } from './their-orders.ts';
import type { World } from './world.ts';

const said = (result: string, code: string | null = null): ErrandResult => ({ result, code });

const MAX_QUOTE_AGE_MS = 120_000;

/** `takeFirmLook`. */
export function* takeFirmLook(world: World, seen: Seen): Steps<ErrandResult> {
  const { tables, now } = world;
  const { order } = tables;
  if (order.version !== seen.version || liveAttempt(tables)) return said('superseded');
  if (world.isStopped()) return withhold(world, seen, 'paused');
  if (!tables.areAccountsActive) return withhold(world, seen, 'account_changed');
  if (world.isAtAttemptLimit()) return withhold(world, seen, 'attempt_limit');
  if (tables.gateClosedUntil > now) return said('gate_closed');
  if (tables.throttledUntil > now) {
    order.lookDueAt = Math.max(order.lookDueAt, now + QUIET_MS);
    return said('throttled');
  }
  const fault = world.quoteFaults.shift();
  yield world.history.terms.conduit.latencyMs;
  const option = world.conduit.quote(fault?.kind === 'bad' ? fault : null);
  const quotedAt = world.conduit.clock;
  yield world.history.terms.conduit.latencyMs;
  yield* pass(world, 'record');
  if (fault?.kind === 'down') return miss(world, seen, 'quote_failed');
  if (fault?.kind === 'limited') {
    world.closeGate(fault.retryAfterMs);
    return said('gate_closed');
  }
  if (fault?.kind === 'refused') return refused(world, seen, fault.status, fault.code);
  const asked = { ...parsePair(PAIR), amount: order.amount };
  const read = readQuote(option, asked, quotedAt, MAX_QUOTE_AGE_MS);
  if (typeof read === 'string') return miss(world, seen, 'quote_unusable');
  if (judgeRate(option.referenceRate, world.referenceRate(), BOUNDS) !== 'good') {
    setPause(world, 'pair', false);
    return miss(world, seen, 'rate_suspect');
  }
  const look: Look = {
    ...triggersOf(order, read.shape, asked.to),
    rate: allInRate(read.amounts),
    nextCheckInMs: QUIET_MS,
    lookInMs: ownLookInMs(0.5),
    failedLooks: 0,
  };
  if (isRateMet(order, read.amounts))
    return said(prepareAttempt(world, seen, option, read.amounts, look) ? 'hit' : 'superseded');
  const isRecorded = recordMiss(world, seen, option.quoteId, 'rate_not_met', look);
  if (isRecorded) tables.throttledUntil = world.now + QUIET_MS;
  return said(isRecorded ? 'rate_not_met' : 'superseded');
}

function refused(world: World, seen: Seen, status: number, code: string): ErrandResult {
  const cls = quoteRefusalClass(status, code);
  if (cls === 'failed_look') return miss(world, seen, 'quote_failed');
  if (cls === 'final') {
    applyRecord(world, seen, { kind: 'fail', reason: 'quote_refused', code });
    return said('refused', code);
  }
  setPause(world, 'all', healsByProbe(code));
  return miss(world, seen, 'paused');
}

function miss(world: World, seen: Seen, reason: OrderReason): ErrandResult {
  const failedLooks = world.tables.order.failedLooks + 1;
  const againInMs = backoffMs(failedLooks, world.timing);
  const look = { rate: null, nextCheckInMs: againInMs, lookInMs: againInMs, failedLooks };
  return said(recordMiss(world, seen, `${reason}:v${seen.version}`, reason, look) ? reason : 'superseded');
}

function withhold(world: World, seen: Seen, reason: OrderReason): ErrandResult {
  const failedLooks = world.tables.order.failedLooks + 1;
  const nextCheckInMs = backoffMs(failedLooks, world.timing);
  const look = { rate: null, nextCheckInMs, lookInMs: ownLookAgainInMs(0.5, world.timing), failedLooks };
  return said(recordMiss(world, seen, `${reason}:v${seen.version}`, reason, look) ? reason : 'superseded');
}
