import type { Clock } from '../core/clock.ts';
import type { Twists } from '../faults/twists.ts';
import { checkedId } from '../wire/bodies.ts';
import { Problem } from '../wire/problem.ts';
import type { Accounts } from './accounts.ts';
import type { Book } from './book.ts';
import type { Actor, Order } from './entries.ts';
import type { OrderIntake } from './order-intake.ts';
import { isClaimed, type Settlements } from './settlement.ts';
import type { Transitions } from './transitions.ts';

export type Orders = {
  create(body: unknown, twists: Twists): Order;
  /** One attempt: without funds the order stays pending and unclaimed; otherwise it is claimed, and claimed once. */
  execute(orderId: string, twists: Twists): Order;
  cancel(orderId: string): Order;
  /** Cancels a pending order without its owner having asked; false when it is claimed or at its end. */
  cancelFor(orderId: string, reason: 'expired' | 'client_cancelled', by: Actor): boolean;
  /** Cancels what was not claimed by its lock's end. */
  sweep(): void;
  /** Claims the unclaimed autoExecute orders that their source can fund, the oldest first. */
  claimFunded(): void;
};

type OrdersDeps = {
  book: Book;
  clock: Clock;
  intake: OrderIntake;
  accounts: Accounts;
  settlements: Settlements;
  transitions: Transitions;
};

export function createOrders(deps: OrdersDeps): Orders {
  const { book, clock, intake, accounts, settlements, transitions } = deps;

  function find(orderId: string): Order {
    const held = book.orders.get(checkedId('ord', orderId));
    if (!held) throw new Problem('ORDER_NOT_FOUND', `there is no order ${orderId}`);
    return held.order;
  }

  function isPastLock(order: Order): boolean {
    return Date.parse(order.lockExpiresAt) <= clock.nowMs();
  }

  function execute(orderId: string, twists: Twists): Order {
    const order = find(orderId);
    if (order.status !== 'pending') throw new Problem('ORDER_NOT_EXECUTABLE', `the order is ${order.status}`);
    if (isClaimed(order)) throw new Problem('ORDER_NOT_EXECUTABLE', 'the order is already being executed');
    if (isPastLock(order)) throw new Problem('ORDER_EXPIRED', `the lock ended at ${order.lockExpiresAt}`);
    if (!accounts.holds(order.source.id, order.totalDebit)) {
      throw new Problem('INSUFFICIENT_FUNDS', `the source holds less than ${order.totalDebit.amount}`);
    }
    return settlements.claim(order, 'client', twists.settlement);
  }

  function cancelFor(orderId: string, reason: 'expired' | 'client_cancelled', by: Actor): boolean {
    const order = book.orders.get(orderId)?.order;
    if (order?.status !== 'pending' || isClaimed(order)) return false;
    const cancelledAt = clock.nowIso();
    transitions.order(
      'order.cancelled',
      { ...order, status: 'cancelled', cancellationReason: reason, cancelledAt },
      by,
    );
    return true;
  }

  function cancel(orderId: string): Order {
    const order = find(orderId);
    if (order.status === 'cancelled') return order;
    if (cancelFor(orderId, 'client_cancelled', 'client')) return find(orderId);
    throw new Problem('ORDER_NOT_CANCELLABLE', isClaimed(order) ? 'funds are moving' : `the order is ${order.status}`);
  }

  function claimFunded(): void {
    // The book keeps orders in the order of their creation.
    for (const { order } of book.orders.values()) {
      const waits = order.autoExecute && order.status === 'pending' && !isClaimed(order) && !isPastLock(order);
      if (waits && accounts.holds(order.source.id, order.totalDebit)) settlements.claim(order, 'auto', undefined);
    }
  }

  function sweep(): void {
    for (const { order } of book.orders.values()) if (isPastLock(order)) cancelFor(order.id, 'expired', 'sweep');
  }

  function create(body: unknown, twists: Twists): Order {
    const order = intake(body, twists);
    if (order.autoExecute) clock.at(clock.nowMs(), claimFunded);
    return order;
  }

  return { create, execute, cancel, cancelFor, sweep, claimFunded };
}
