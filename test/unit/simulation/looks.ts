import { attemptReference } from '../../../src/domain/ids.ts';
import type { OrderReason, Seen } from '../../../src/domain/order.ts';
import type { QuoteOption } from '../../../src/domain/quote.ts';
import { type Amounts, allInRate } from '../../../src/domain/rate.ts';
import { QUIET_SHARE } from '../../../src/domain/timing.ts';
import { prepared } from '../search/records.ts';
import { rowsOf } from './projection.ts';
import { isFree, moveOrder } from './records.ts';
import { type AttemptRow, isMovingElsewhere, liveAttempt } from './tables.ts';
import type { World } from './world.ts';

/** Of the watcher's interval of a minute. */
export const QUIET_MS = QUIET_SHARE * 60_000;

/** The verdict of a firm look, or of one that could not be taken. */
export interface Look {
  readonly rate: string | null;
  readonly triggerRate?: string;
  readonly triggerFloor?: string | null;
  readonly nextCheckInMs: number;
  readonly lookInMs: number;
  readonly failedLooks: number;
}

function keep({ tables: { order }, now }: World, look: Look): void {
  order.nextCheckAt = now + look.nextCheckInMs;
  // A look without a rate moves only an own look that is due.
  if (look.rate !== null || order.lookDueAt <= now) order.lookDueAt = now + look.lookInMs;
  order.failedLooks = look.failedLooks;
  if (look.triggerRate !== undefined) order.triggerRate = look.triggerRate;
  if (look.triggerFloor) order.triggerFloor = look.triggerFloor;
}

/** `recordMiss`. */
export function recordMiss(world: World, seen: Seen, fact: string, reason: OrderReason, look: Look): boolean {
  if (world.tables.order.status !== 'watching' || !isFree(world, `look:${fact}`, seen)) return false;
  keep(world, look);
  moveOrder(world, 'watching', `look:${fact}`, { reason });
  return true;
}

/** `prepareAttempt`: the next attempt, under the order's lock. */
export function prepareAttempt(world: World, seen: Seen, option: QuoteOption, quoted: Amounts, look: Look): boolean {
  const { tables, rules, now, timing } = world;
  const fact = `look:${option.quoteId}`;
  if (!isFree(world, fact, seen) || world.isAtAttemptLimit() || isMovingElsewhere(tables, null)) return false;
  const live = liveAttempt(tables);
  if (!prepared(rules, rowsOf(tables, live, now, timing).order, live !== null)) return false;
  const number = tables.attempts.length + 1;
  const attempt: AttemptRow = {
    number,
    version: 1,
    status: 'prepared',
    optionExpiresAt: option.expiresAt,
    quoted,
    conduitOrderId: null,
    locked: null,
    lockFault: null,
    lockExpiresAt: null,
    observed: null,
    end: null,
    lookup: null,
    nextLookupAt: null,
    sends: [],
    reference: attemptReference(tables.order.id, number),
    optionId: option.optionId,
    allInRate: allInRate(quoted),
    createdAt: now,
    closedBy: null,
    orphanUntil: null,
    orphanClosedAt: null,
    hasAlarmed: false,
    linkedTransactionIds: [],
  };
  tables.attempts.push(attempt);
  world.remindOf(attempt);
  keep(world, look);
  moveOrder(world, 'watching', fact, { reason: null, providerCode: null });
  return true;
}
