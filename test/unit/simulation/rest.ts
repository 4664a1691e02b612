import type { Instant } from '../../../src/domain/order.ts';
import { LONG_MS } from './deeds.ts';
import { DEADLINE_MS } from './network.ts';
import { isOpen, readableFrom } from './their-orders.ts';
import type { World } from './world.ts';

/** L2: every order has ended this long after its expiry, or after everything is well again. */
export const REST_MS = 90_000;
/**
 * And one that was executing, after its end at Conduit can be read. An hour after the last send a look-up may be a minute away; a failure
 * without effect counts on a second one, half a minute later; and each may take a request's whole deadline.
 */
export const EXECUTING_REST_MS = 60_000 + 30_000 + 2 * DEADLINE_MS;
/** A rate that sets nothing off. */
const FAR = -200_000;

/** Everything is well from now on. Returns from when on it is for the order too: what the provider asked us to wait must pass first. */
export function heal(world: World): Instant {
  const { tables, conduit } = world;
  world.note(() => '— all is well again');
  world.clearFaults();
  conduit.hasFunds = true;
  tables.areAccountsActive = true;
  world.resume();
  // A rate that stays at the edge for weeks would be looked at once a minute for weeks, and show nothing new.
  if (tables.order.expiresAt - world.now > LONG_MS) world.setRate(FAR);
  const waits = tables.attempts.flatMap(({ sends }) => sends.map(({ retryAt }) => retryAt ?? 0));
  return Math.max(world.now, tables.gateClosedUntil, ...waits);
}

/** When everything that Conduit has ended so far could be read, by our clock; an order that is still claimed is not among it. */
export function readableAt({ conduit, history }: World): Instant {
  const byTheirClock = Math.max(0, ...conduit.orders.map((order) => readableFrom(order) ?? 0));
  return byTheirClock - history.terms.conduit.skewMs;
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
