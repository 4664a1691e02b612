import { canMoveAttempt } from '../../../src/domain/attempt.ts';
import { canMoveOrder, isTerminalOrder, type OrderStatus } from '../../../src/domain/order.ts';
import { type AttemptState, isLive, type OrderState } from './state.ts';

/** An order's row and one attempt's: what one transaction of `src/db` reads and writes. */
export interface Rows {
  readonly order: OrderState;
  readonly attempt: AttemptState;
  /** Whether money was seen to move under another attempt: `isMovingElsewhere`. In the search itself it never is. */
  readonly isMovingElsewhere?: boolean;
}

/**
 * `transitionLocked` said again in small: the edges of both state machines, no early expiry, no terminal order over a live attempt.
 * Null where it changes nothing. Comparing versions is the caller's, who knows which plans are stale.
 */
export function commit({ order, attempt }: Rows, to: OrderStatus, moved: AttemptState): Rows | null {
  if (isTerminalOrder(order.status)) return null;
  if (to !== order.status && !canMoveOrder(order.status, to)) return null;
  const [from, into] = [attempt.status, moved.status];
  if (from !== into && (from === 'unborn' || into === 'unborn' || !canMoveAttempt(from, into))) return null;
  if (isTerminalOrder(to) && isLive(moved)) return null;
  if (to === 'expired' && order.phase < 2) return null;
  return { order: { ...order, status: to }, attempt: moved };
}
