import type { HeldOrder } from '../book/book.ts';
import { isClaimed } from '../book/settlement.ts';
import { isId } from '../core/ids.ts';
import { FailureSpec } from '../faults/twists.ts';
import { HoldBody, TransactionBody } from './bodies.ts';
import { type DeskAsk, type DeskDeps, DeskError, type DeskRoute } from './desk-route.ts';

/** What can be done to one order from outside the API. */
export function orderRoutes({ book, orders, settlements, endings }: DeskDeps): DeskRoute[] {
  /** By its ord_ id or by its clientReferenceId. */
  function find(idOrReference: string | undefined): HeldOrder {
    const text = idOrReference ?? '';
    const held = book.orders.get(isId('ord', text) ? text : (book.orderByReference.get(text) ?? ''));
    if (!held) throw new DeskError(404, `there is no order ${text}`);
    return held;
  }

  function claimed({ params }: DeskAsk): string {
    const { order } = find(params['id']);
    if (!isClaimed(order)) throw new DeskError(409, `the order is ${order.status} and not claimed`);
    return order.id;
  }

  return [
    { method: 'GET', path: '/_sim/orders/:id', run: ({ params }) => find(params['id']) },
    {
      method: 'POST',
      path: '/_sim/orders/:id/settle',
      run(ask) {
        const id = claimed(ask);
        settlements.endNow(id);
        return find(id);
      },
    },
    {
      method: 'POST',
      path: '/_sim/orders/:id/fail',
      run(ask) {
        const { order } = find(ask.params['id']);
        const failure = FailureSpec.parse(ask.body ?? {});
        if (order.status !== 'pending') throw new DeskError(409, `the order is ${order.status}`);
        if (isClaimed(order)) settlements.endNow(order.id, failure);
        else settlements.arm(order.id, failure);
        return find(order.id);
      },
    },
    {
      method: 'POST',
      path: '/_sim/orders/:id/cancel',
      run({ params }) {
        const { order } = find(params['id']);
        const isCancelled = orders.cancelFor(order.id, 'client_cancelled', 'other');
        if (!isCancelled) throw new DeskError(409, 'only a pending, unclaimed order can be cancelled');
        return find(order.id);
      },
    },
    {
      method: 'POST',
      path: '/_sim/orders/:id/hold',
      run({ params, body }) {
        const { order } = find(params['id']);
        settlements.hold(order.id, HoldBody.parse(body).held);
        return find(order.id);
      },
    },
    {
      method: 'PATCH',
      path: '/_sim/transactions/:id',
      run({ params, body }) {
        const { status, failureCode } = TransactionBody.parse(body);
        const changed = endings.setTransaction(params['id'] ?? '', status, failureCode);
        if (!changed) throw new DeskError(404, 'there is no such transaction');
        return changed;
      },
    },
  ];
}
