import type { KnobBoard } from '../core/knobs.ts';
import { present } from '../core/present.ts';
import type { Book } from './book.ts';
import type { Actor, Order, OrderFact, Transaction } from './entries.ts';

type OrderEvent =
  | 'order.created'
  | 'order.twinned'
  | 'order.linked'
  | 'order.claimed'
  | 'order.succeeded'
  | 'order.failed'
  | 'order.cancelled';

/** Sends a webhook to whoever listens; part of the same synchronous stretch as the fact it tells of. */
export type Emit = (type: string, data: Record<string, unknown>) => void;

/** What is known of an order from when it is made, and said with each of its facts. */
export type Birth = Pick<OrderFact, 'twinOf' | 'arrives'>;

/** The one way by which an order or a transaction changes: the fact goes to the book, and its event to the endpoints. */
export type Transitions = {
  order(event: OrderEvent, order: Order, by: Actor, birth?: Birth): Order;
  transaction(transaction: Transaction): Transaction;
};

/** A claim and a link show in the order's body alone, as Conduit has no events for them; a twin shows when it is looked up. */
const SILENT: ReadonlySet<OrderEvent> = new Set<OrderEvent>(['order.claimed', 'order.linked', 'order.twinned']);

/** A thin reference, as Conduit sends it: ids and the reason, never the state, which is in the event's name. */
function orderEventData(order: Order): Record<string, unknown> {
  return {
    orderId: order.id,
    customerId: order.customerId,
    ...present('clientReferenceId', order.clientReferenceId),
    ...present('reasonCode', order.failureCode),
    ...present('failureMessage', order.failureMessage),
    ...present('cancellationReason', order.cancellationReason),
  };
}

export function createTransitions({ book, knobs, emit }: { book: Book; knobs: KnobBoard; emit: Emit }): Transitions {
  return {
    order(event, order, by, birth = {}) {
      const { twinOf, arrives } = book.orders.get(order.id) ?? birth;
      const known = { ...present('twinOf', twinOf), ...present('arrives', arrives) };
      const reference = present('reference', order.clientReferenceId);
      book.record({ event, orderId: order.id, ...reference, ...known, order, by });
      if (!SILENT.has(event)) emit(event, orderEventData(order));
      return order;
    },
    transaction(transaction) {
      const event =
        transaction.status === 'pending' ? 'transaction.created' : (`transaction.${transaction.status}` as const);
      const reference = book.orders.get(transaction.linkedOrderId)?.order.clientReferenceId;
      book.record({ event, orderId: transaction.linkedOrderId, ...present('reference', reference), transaction });
      emit(event, {
        transactionId: transaction.id,
        customerId: transaction.customerId,
        ...present('clientReferenceId', knobs.get().transactionsCarryReference ? reference : undefined),
        ...present('failureCode', transaction.failureCode),
      });
      return transaction;
    },
  };
}
