import type { Timing } from '../domain/timing.ts';
import { findLiveAttempt } from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import { lockOrder, type OrderRow } from './orders.ts';
import { fenceAttempt, isMovingElsewhere } from './proofs.ts';
import { type Actor, transitionLocked } from './transition.ts';

export type CancelAnswer = 'cancelled' | 'too_late' | 'already_terminal';

export interface CancelResult {
  readonly answer: CancelAnswer;
  readonly order: OrderRow;
  /** Whether this very call cancelled the order: of ten at once one says so, and it is counted once. */
  readonly isNew: boolean;
}

/**
 * A customer's cancel, definite at once: everything is read and decided under the order's row lock. `cancelled`: no execute
 * will take effect. `too_late`: an execute may be on its way; the refusal is kept, so no further permit is given.
 * Null when there is no such order.
 */
export async function cancelOrder(
  db: Database,
  orderId: string,
  actor: Actor,
  timing: Timing,
): Promise<CancelResult | null> {
  return inTransaction(db, async (tx): Promise<CancelResult | null> => {
    const order = await lockOrder(tx, orderId);
    if (!order) return null;
    if (order.status === 'cancelled') return { answer: 'cancelled', order, isNew: false };
    if (order.closedAt !== null) return { answer: 'already_terminal', order, isNew: false };
    if (order.status === 'executing' || order.cancelRefusedAt !== null) return refuse(tx, order, actor);

    const live = await findLiveAttempt(tx, orderId);
    const done = await transitionLocked(
      tx,
      order,
      {
        to: 'cancelled',
        dedupeKey: 'cancel',
        event: 'cancelled',
        actor,
        attempt: live?.attempt ?? null,
        patch: { reason: null },
      },
      async () =>
        !(await isMovingElsewhere(tx, orderId, live?.attempt ?? null)) &&
        (!live || (await fenceAttempt(tx, orderId, live.attempt, 'cancelled', timing))),
    );
    if (done.result === 'applied') return { answer: 'cancelled', order: done.order, isNew: true };
    // An attempt was seen claimed, or its money moving, and only the record of it is missing: that is an execution.
    return refuse(tx, order, actor);
  });
}

async function refuse(tx: Transaction, order: OrderRow, actor: Actor): Promise<CancelResult> {
  const live = await findLiveAttempt(tx, order.id);
  const done = await transitionLocked(tx, order, {
    to: order.status,
    dedupeKey: 'cancel_refused',
    event: 'cancel_refused',
    actor,
    attempt: live?.attempt ?? null,
    patch: { cancelRefusedAt: 'now' },
  });
  // The customer waits for the outcome: look at once. A look-up that is overdue stays so, or the repair of those would not see it.
  await tx`
    update transactions set next_lookup_at = least(next_lookup_at, app_now())
    where order_id = ${order.id} and status in ('created', 'executing')`;
  return { answer: 'too_late', order: done.order, isNew: false };
}
