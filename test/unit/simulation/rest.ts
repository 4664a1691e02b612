import type { Instant } from '../../../src/domain/order.ts';
import { lookupsFrom } from '../../../src/domain/timing.ts';
import { LONG_MS } from './deeds.ts';
import { DEADLINE_MS } from './network.ts';
import { isOpen, isReadTwice, READ_AGAIN_MS, readableFrom } from './their-orders.ts';
import type { World } from './world.ts';

/** L2: every order has ended this long after its expiry, or after everything is well again. */
export const REST_MS = 90_000;
/** An hour after the last send, look-ups are this far apart. */
const OLD_LOOKUPS_MS = 60_000;
const OLD_MS = 3_600_000;
/** A rate that sets nothing off. */
const FAR = -200_000;

/** Everything is well from now on. Returns the time; for the order it may begin later, see {@link wellFrom}. */
export function heal(world: World): Instant {
  const { tables, conduit } = world;
  world.note(() => '— all is well again');
  world.clearFaults();
  conduit.hasFunds = true;
  tables.areAccountsActive = true;
  world.resume();
  // A rate that stays at the edge for weeks would be looked at once a minute for weeks, and show nothing new.
  if (tables.order.expiresAt - world.now > LONG_MS) world.setRate(FAR);
  return world.now;
}

/**
 * From when on all is well for the order too: what the provider asked us to wait must pass first. To be asked when whatever was under way
 * at the healing has been answered: a reply of before may be what asks.
 */
export function wellFrom({ tables }: World, healedAt: Instant): Instant {
  const waits = tables.attempts.flatMap(({ sends }) => sends.map(({ retryAt }) => retryAt ?? 0));
  return Math.max(healedAt, tables.gateClosedUntil, ...waits);
}

/** When everything that Conduit has ended so far could be read, by our clock; an order that is still claimed is not among it. */
export function readableAt({ conduit, history }: World): Instant {
  const byTheirClock = Math.max(0, ...conduit.orders.map((order) => readableFrom(order) ?? 0));
  return byTheirClock - history.terms.conduit.skewMs;
}

/**
 * When an executing order has ended at the latest that is over at Conduit and was sent an hour ago or more. A failure that counts only
 * when it is read twice takes a look-up, a second one and a request's whole deadline for each: longer than other ends. The second is
 * half a minute after the first and not after the end, so that {@link readableAt} does not hold it.
 */
export function oldFailureEndsBy({ tables, conduit, now }: World, healedAt: Instant): Instant {
  const attempt = tables.attempts.at(-1);
  const theirs = conduit.orders.find(({ reference }) => reference === attempt?.reference);
  const from = lookupsFrom(attempt?.sends ?? []);
  const isOldFailure = theirs !== undefined && isReadTwice(theirs) && from !== null && now - from >= OLD_MS;
  return healedAt + (isOldFailure ? OLD_LOOKUPS_MS + READ_AGAIN_MS + 2 * DEADLINE_MS : 0);
}

/** The last look-ups of an orphan are ten minutes apart, and the schedule adds its own. */
const PATROL_MS = 1_300_000;

/** What closed attempts left at Conduit is followed to its end: only then rows and ledger must tell one story. */
export function follow(world: World, isOver: () => boolean = () => false): void {
  const { agenda, tables, conduit, laws, timing, history } = world;
  const marks = tables.attempts.flatMap(({ optionExpiresAt, orphanUntil }) => [optionExpiresAt, orphanUntil ?? 0]);
  const last = Math.max(world.now, tables.gateClosedUntil, ...marks);
  const until = last + timing.orphanWatchMs + history.terms.conduit.lockTtlMs + PATROL_MS;
  agenda.runUntil(until, () => isOver() || world.areOrphansClosed());
  if (!world.areOrphansClosed()) laws.broken('L7: an orphan is never followed to its end');
  if (conduit.orders.some(isOpen)) laws.broken('L7: an order is left open at Conduit');
  laws.ledgerChanged();
}
