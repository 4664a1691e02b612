import { newId } from '../core/ids.ts';
import { present } from '../core/present.ts';
import { FailureSpec, type TwinState } from '../faults/twists.ts';
import type { Book, HeldOrder } from './book.ts';
import type { Orders } from './orders.ts';
import type { Settlements } from './settlement.ts';
import type { Transitions } from './transitions.ts';

/**
 * Second orders under the reference of a first, for the fault that a look-up finds two. A twin is an order like any other: it is
 * read, listed, executed and cancelled, it expires, and the ledger tells its story; only `twinOf` there tells which it is.
 */
export type Twins = {
  /** Makes sure that the order has its twin. A new one is brought to this state; one that is there stays as it is. */
  ensure(order: HeldOrder, state: TwinState): void;
};

type TwinsDeps = { book: Book; orders: Orders; settlements: Settlements; transitions: Transitions };

export function createTwins({ book, orders, settlements, transitions }: TwinsDeps): Twins {
  function bring(twinId: string, state: TwinState): void {
    const twin = book.orders.get(twinId)?.order;
    if (!twin || state === 'pending') return;
    if (state === 'cancelled') {
      orders.cancelFor(twinId, 'client_cancelled', 'other');
      return;
    }
    settlements.claim(twin, 'client', undefined);
    if (state !== 'claimed') settlements.endNow(twinId, state === 'failed' ? FailureSpec.parse({}) : undefined);
  }

  return {
    ensure({ order, faces, arrives, twinOf }, state) {
      if (twinOf !== undefined || book.twins.has(order.id)) return;
      // As the first order was when it was made, but for its option: one option, one order.
      const { quoteOptionId: _option, ...made } = faces[0]?.shown ?? order;
      const twin = { ...made, id: newId('ord') };
      transitions.order('order.twinned', twin, 'other', { twinOf: order.id, ...present('arrives', arrives) });
      bring(twin.id, state);
    },
  };
}
