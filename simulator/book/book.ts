import type { Money } from '../core/assets.ts';
import { present } from '../core/present.ts';
import type {
  Account,
  Endpoint,
  Entry,
  Option,
  Order,
  OrderFact,
  Recorded,
  Settlement,
  Transaction,
  WebhookEvent,
} from './entries.ts';
import type { Ledger } from './ledger.ts';

/** What an order or a transaction looked like from a moment on, so that a look-up can be made to lag behind. */
export type Face<T> = { atMs: number; shown: T };
export type HeldOrder = {
  order: Order;
  faces: Face<Order>[];
  settlement: Settlement;
  /** The order that this one repeats under the same reference, for a look-up that is to find two. */
  twinOf?: string;
  /** What is credited in the end, where that is not what the order prints. */
  arrives?: Money;
};
export type KeptReply = { fingerprint: string; status: number; body: unknown; keptAtMs: number };
export type Delivery = {
  id: string;
  endpointId: string;
  message: WebhookEvent;
  status: 'pending' | 'processing' | 'succeeded' | 'failed';
  attempts: number;
  /** What each try met: the receiver's status, or why there was none. Of this run only. */
  log: { at: string; forged?: string; status?: number; error?: string }[];
};

/** All that the simulator knows, as a fold over its ledger. Nothing but `record` changes it. */
export type Book = {
  options: ReadonlyMap<string, Option>;
  /** Order ids by the option that was redeemed, and by clientReferenceId: both are single use, for ever. */
  orderByOption: ReadonlyMap<string, string>;
  orderByReference: ReadonlyMap<string, string>;
  orders: ReadonlyMap<string, HeldOrder>;
  /** The ids of twins, by the id of the order that each repeats. */
  twins: ReadonlyMap<string, string>;
  transactions: ReadonlyMap<string, Transaction>;
  transactionFaces: ReadonlyMap<string, Face<Transaction>[]>;
  accounts: ReadonlyMap<string, Account>;
  endpoints: ReadonlyMap<string, Endpoint>;
  deliveries: ReadonlyMap<string, Delivery>;
  kept: ReadonlyMap<string, KeptReply>;
  /**
   * Takes a fact into the book and queues it for the file. Synchronous: a check and the facts that follow from it stay in
   * one stretch, so no other request comes between them.
   */
  record(entry: Entry): void;
  /** Resolves once all that was recorded so far would survive a kill. */
  committed(): Promise<void>;
};

type Shelves = {
  options: Map<string, Option>;
  orderByOption: Map<string, string>;
  orderByReference: Map<string, string>;
  orders: Map<string, HeldOrder>;
  twins: Map<string, string>;
  transactions: Map<string, Transaction>;
  transactionFaces: Map<string, Face<Transaction>[]>;
  accounts: Map<string, Account>;
  endpoints: Map<string, Endpoint>;
  deliveries: Map<string, Delivery>;
  kept: Map<string, KeptReply>;
};

function putOrder(shelves: Shelves, { order, twinOf, arrives }: OrderFact, atMs: number): void {
  const held = shelves.orders.get(order.id);
  const faces = [...(held?.faces ?? []), { atMs, shown: order }];
  const born = { settlement: { held: false }, ...present('twinOf', twinOf), ...present('arrives', arrives) };
  shelves.orders.set(order.id, { ...(held ?? born), order, faces });
  // A reference, and an option, leads to the order that was made with it.
  if (twinOf !== undefined) {
    shelves.twins.set(twinOf, order.id);
    return;
  }
  if (order.quoteOptionId !== undefined) shelves.orderByOption.set(order.quoteOptionId, order.id);
  if (order.clientReferenceId !== undefined) shelves.orderByReference.set(order.clientReferenceId, order.id);
}

function putTransaction(shelves: Shelves, transaction: Transaction, atMs: number): void {
  const faces = shelves.transactionFaces.get(transaction.id) ?? [];
  shelves.transactions.set(transaction.id, transaction);
  shelves.transactionFaces.set(transaction.id, [...faces, { atMs, shown: transaction }]);
}

function putMessage(shelves: Shelves, message: WebhookEvent, targets: { id: string; endpointId: string }[]): void {
  for (const target of targets) {
    shelves.deliveries.set(target.id, { ...target, message, status: 'pending', attempts: 0, log: [] });
  }
}

function apply(shelves: Shelves, entry: Recorded): void {
  switch (entry.event) {
    case 'quote.created':
      for (const option of entry.options) shelves.options.set(option.id, option);
      return;
    case 'order.created':
    case 'order.twinned':
    case 'order.linked':
    case 'order.claimed':
    case 'order.succeeded':
    case 'order.failed':
    case 'order.cancelled':
      putOrder(shelves, entry, Date.parse(entry.at));
      return;
    case 'settlement.planned': {
      const held = shelves.orders.get(entry.orderId);
      if (held) shelves.orders.set(entry.orderId, { ...held, settlement: entry.settlement });
      return;
    }
    case 'transaction.created':
    case 'transaction.processing':
    case 'transaction.completed':
    case 'transaction.failed':
    case 'transaction.cancelled':
      putTransaction(shelves, entry.transaction, Date.parse(entry.at));
      return;
    case 'account.changed':
      shelves.accounts.set(entry.account.id, entry.account);
      return;
    case 'idempotency.kept': {
      const { slot, fingerprint, status, body, keptAtMs } = entry;
      shelves.kept.set(slot, { fingerprint, status, body, keptAtMs });
      return;
    }
    case 'endpoint.saved':
      shelves.endpoints.set(entry.endpoint.id, entry.endpoint);
      return;
    case 'endpoint.deleted':
      shelves.endpoints.delete(entry.endpointId);
      return;
    case 'webhook.emitted':
      putMessage(shelves, entry.message, entry.deliveries);
      return;
    case 'delivery.ended': {
      const delivery = shelves.deliveries.get(entry.deliveryId);
      if (delivery) Object.assign(delivery, { status: entry.status, attempts: entry.attempts });
      return;
    }
    case 'simulator.started':
    case 'request.received':
    case 'request.answered':
    case 'control.used':
      return;
    default:
      entry satisfies never;
  }
}

export function createBook(ledger: Ledger, history: Recorded[]): Book {
  const shelves: Shelves = {
    options: new Map(),
    orderByOption: new Map(),
    orderByReference: new Map(),
    orders: new Map(),
    twins: new Map(),
    transactions: new Map(),
    transactionFaces: new Map(),
    accounts: new Map(),
    endpoints: new Map(),
    deliveries: new Map(),
    kept: new Map(),
  };
  for (const entry of history) apply(shelves, entry);

  return {
    ...shelves,
    record: (entry) => apply(shelves, ledger.append(entry)),
    committed: () => ledger.committed(),
  };
}
