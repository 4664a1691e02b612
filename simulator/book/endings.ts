import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { present } from '../core/present.ts';
import type { Accounts } from './accounts.ts';
import type { Book } from './book.ts';
import type { Failure, Order, Transaction, TransactionStatus } from './entries.ts';
import type { Transitions } from './transitions.ts';

/** How a claimed order comes to its end, with its linked transactions and the balances of its two accounts. */
export type Endings = {
  /** Links one more transaction, still open, to the order. */
  openTransaction(order: Order): Order;
  setTransaction(transactionId: string, status: TransactionStatus, failureCode?: string): Transaction | undefined;
  succeed(claimed: Order): void;
  fail(claimed: Order, failure: Failure): void;
};

type EndingsDeps = { book: Book; clock: Clock; knobs: KnobBoard; accounts: Accounts; transitions: Transitions };

function isOpen(status: TransactionStatus): boolean {
  return status === 'pending' || status === 'processing';
}

export function createEndings({ book, clock, knobs, accounts, transitions }: EndingsDeps): Endings {
  function openTransaction(order: Order): Order {
    const transaction = transitions.transaction({
      id: newId('txn'),
      customerId: order.customerId,
      type: order.type,
      status: 'pending',
      stage: 'settling',
      hasRfi: false,
      fees: order.fees,
      source: { ...order.source, assetAmount: order.sourceAsset },
      destination: { ...order.destination, assetAmount: order.destinationAsset },
      conversionRate: order.rate.endUserRate,
      linkedOrderId: order.id,
      createdAt: clock.nowIso(),
      ...present('clientReferenceId', knobs.get().transactionsCarryReference ? order.clientReferenceId : undefined),
    });
    const linked = { ...order, linkedTransactionIds: [...order.linkedTransactionIds, transaction.id] };
    return transitions.order('order.linked', linked, 'provider');
  }

  function setTransaction(id: string, status: TransactionStatus, failureCode?: string): Transaction | undefined {
    const old = book.transactions.get(id);
    if (!old || old.status === status) return old;
    const { stage, ...rest } = old;
    return transitions.transaction({
      ...rest,
      status,
      ...present('stage', isOpen(status) ? stage : undefined),
      ...present('completedAt', status === 'completed' ? clock.nowIso() : undefined),
      ...present('failureCode', status === 'failed' ? (failureCode ?? 'provider_rejected') : undefined),
    });
  }

  function succeed(claimed: Order): void {
    const order = claimed.linkedTransactionIds.length > 0 ? claimed : openTransaction(claimed);
    for (const id of order.linkedTransactionIds) setTransaction(id, 'completed');
    const { arrives = order.destinationAsset } = book.orders.get(order.id) ?? {};
    accounts.move(order.destination.id, arrives, 1);
    transitions.order('order.succeeded', { ...order, status: 'succeeded', executedAt: clock.nowIso() }, 'provider');
  }

  function fail(claimed: Order, failure: Failure): void {
    let order = claimed;
    while (order.linkedTransactionIds.length < failure.transactions.length) order = openTransaction(order);
    order.linkedTransactionIds.forEach((id, index) => {
      const status = failure.transactions[index];
      const transaction = book.transactions.get(id);
      if (status !== undefined) setTransaction(id, status, failure.code);
      // More transactions than the script names, since one was open already: they end with the order.
      else if (transaction && isOpen(transaction.status)) setTransaction(id, 'failed', failure.code);
    });
    if (!failure.transactions.includes('completed')) accounts.move(order.source.id, order.totalDebit, 1);
    const failed: Order = { ...order, status: 'failed', failureCode: failure.code, failureMessage: failure.message };
    transitions.order('order.failed', failed, 'provider');
    const { appears } = failure;
    if (appears) clock.at(clock.nowMs() + appears.afterMs, () => appear(order.id, appears.status, failure.code));
  }

  function appear(orderId: string, status: TransactionStatus, code: string): void {
    const failed = book.orders.get(orderId)?.order;
    if (!failed) return;
    const id = openTransaction(failed).linkedTransactionIds.at(-1);
    if (id !== undefined) setTransaction(id, status, code);
    if (status === 'completed') accounts.move(failed.source.id, failed.totalDebit, -1);
  }

  return { openTransaction, setTransaction, succeed, fail };
}
