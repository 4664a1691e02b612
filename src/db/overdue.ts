import type { Instant, OrderStatus } from '../domain/order.ts';
import type { Timing } from '../domain/timing.ts';
import { findLiveAttempt } from './attempts.ts';
import { type Database, inTransaction } from './client.ts';
import { lockOrder } from './orders.ts';
import { fenceAttempt, isMovingElsewhere } from './proofs.ts';
import { type Actor, transitionLocked } from './transition.ts';

/** How long after its expiry an order that its own workflow did not end is ended by repair. Never scaled. */
const GRACE_MS = 30_000;
const BATCH = 100;
const FIRST: { readonly expiresAt: Instant; readonly orderId: string } = {
  expiresAt: 0,
  orderId: '00000000-0000-0000-0000-000000000000',
};
/** What one pass may take; the reconciler's whole pass has ten seconds. */
const BUDGET_MS = 5_000;

export interface EndedOrder {
  readonly orderId: string;
  /** `expired`, or `failed` where a cancel had been refused before. */
  readonly status: OrderStatus;
}

/**
 * Expires accepted and watching orders whose workflow did not: the one mechanism outside Temporal, so that an order ends in time
 * even while Temporal is away. Never an executing one: its end is the provider's to give. With `only` no other order than that
 * one. Returns what it ended.
 */
export async function expireOverdue(
  db: Database,
  timing: Timing,
  actor: Actor,
  onFailure: (orderId: string, error: unknown) => void = () => {},
  only: string | null = null,
): Promise<EndedOrder[]> {
  const ended: EndedOrder[] = [];
  const giveUpAt = performance.now() + BUDGET_MS;
  for (let after = FIRST; performance.now() < giveUpAt; ) {
    const page = await db<{ orderId: string; expiresAt: Instant }[]>`
      select order_id, expires_at from orders
      where closed_at is null and status in ('accepted', 'watching')
        and (expires_at, order_id) > (${after.expiresAt}, ${after.orderId}::uuid)
        and expires_at < (select app_now()) - ${GRACE_MS} * interval '1 millisecond'
        and (${only}::uuid is null or order_id = ${only}::uuid)
      order by expires_at, order_id limit ${BATCH}`;
    let count = 0;
    for (const { orderId } of page) {
      // One that cannot be ended now must not stand in the way of the others; the next pass finds it again.
      const order = await expireOne(db, orderId, timing, actor).catch((error: unknown) => {
        onFailure(orderId, error);
        return null;
      });
      if (!order) continue;
      count += 1;
      ended.push(order);
    }
    // A page of which nothing could be ended is left behind, so that the pass does not turn in place.
    const last = page.at(-1);
    if (!last || page.length < BATCH) break;
    if (count === 0) after = last;
  }
  return ended;
}

async function expireOne(db: Database, orderId: string, timing: Timing, actor: Actor): Promise<EndedOrder | null> {
  return inTransaction(db, async (tx) => {
    // A row that somebody works on is theirs for now; the next pass finds it again.
    const free = await tx`select 1 from orders where order_id = ${orderId} for update skip locked`;
    if (free.length === 0) return null;
    const order = await lockOrder(tx, orderId);
    if (!order || (order.status !== 'accepted' && order.status !== 'watching')) return null;
    const live = await findLiveAttempt(tx, orderId);
    const isRefused = order.cancelRefusedAt !== null;
    const done = await transitionLocked(
      tx,
      order,
      {
        to: isRefused ? 'failed' : 'expired',
        dedupeKey: 'overdue',
        event: isRefused ? 'failed' : 'expired',
        actor,
        attempt: live?.attempt ?? null,
        ...(isRefused ? { patch: { reason: 'cancel_requested' } } : {}),
      },
      async () =>
        !(await isMovingElsewhere(tx, orderId, live?.attempt ?? null)) &&
        (!live || (await fenceAttempt(tx, orderId, live.attempt, 'cancelled', timing))),
    );
    return done.result === 'applied' ? { orderId, status: done.order.status } : null;
  });
}
