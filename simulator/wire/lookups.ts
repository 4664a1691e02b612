import type { Book, HeldOrder } from '../book/book.ts';
import type { Order, Transaction } from '../book/entries.ts';
import { newId } from '../core/ids.ts';
import type { LookupTwist } from '../faults/twists.ts';
import { checkedId } from './bodies.ts';
import { listParameter, onlyParameters, type Page, page } from './pages.ts';
import { invalid, Problem } from './problem.ts';

const PAGING = ['cursor', 'limit', 'direction'];
const ORDER_STATUSES = ['pending', 'succeeded', 'failed', 'cancelled'];
const ORDER_TYPES = ['onramp', 'offramp', 'conversion', 'fiat_conversion'];
const TRANSACTION_TYPES = ['deposit', 'withdrawal', ...ORDER_TYPES];

export type Lookups = {
  order(id: string, twist: LookupTwist | undefined): Order;
  orders(query: URLSearchParams, twist: LookupTwist | undefined): Page;
  transaction(id: string): Transaction;
  transactions(query: URLSearchParams): Page;
};

/** The order as a look shows it: the face it has now unless a fault lets the look lag behind. */
function face({ order, faces }: HeldOrder, twist: LookupTwist | undefined): Order | undefined {
  if (!twist) return order;
  const nowMs = Date.now();
  const bornMs = faces[0]?.atMs ?? 0;
  if (twist.absent || (twist.lagMs !== undefined && nowMs - bornMs < twist.lagMs)) return undefined;
  if (twist.staleMs === undefined) return order;
  const seenAtMs = nowMs - twist.staleMs;
  return faces.findLast((one) => one.atMs <= seenAtMs)?.order;
}

function within(query: URLSearchParams, createdAt: string): boolean {
  const from = query.get('createdFrom');
  const to = query.get('createdTo');
  const atMs = Date.parse(createdAt);
  return (from === null || atMs >= Date.parse(from)) && (to === null || atMs <= Date.parse(to));
}

function checkedTimes(query: URLSearchParams): void {
  for (const name of ['createdFrom', 'createdTo']) {
    const text = query.get(name);
    if (text !== null && Number.isNaN(Date.parse(text))) throw invalid(`/${name}`, 'must be an ISO 8601 time');
  }
}

function checkedWords(query: URLSearchParams, name: string, allowed: string[]): string[] {
  const words = listParameter(query, name);
  const unknown = words.find((word) => !allowed.includes(word));
  if (unknown !== undefined) throw invalid(`/${name}`, `${unknown} is not one of the allowed values`, allowed);
  return words;
}

export function createLookups({ book }: { book: Book }): Lookups {
  function matchingOrders(query: URLSearchParams): HeldOrder[] {
    const statuses = checkedWords(query, 'status', ORDER_STATUSES);
    const types = checkedWords(query, 'type', ORDER_TYPES);
    checkedTimes(query);
    const reference = query.get('clientReferenceId');
    const found = reference === null ? undefined : book.orders.get(book.orderByReference.get(reference) ?? '');
    const candidates = reference === null ? [...book.orders.values()] : [found].filter((one) => one !== undefined);
    // Conversions go to no country and over no rail, so a list by either is empty.
    const isForPayouts = query.has('destinationCountry') || query.has('paymentRail');
    return candidates.filter(
      ({ order }) =>
        !isForPayouts &&
        (statuses.length === 0 || statuses.includes(order.status)) &&
        (types.length === 0 || types.includes(order.type)) &&
        within(query, order.createdAt),
    );
  }

  return {
    order(id, twist) {
      const held = book.orders.get(checkedId('ord', id));
      const shown = held && face(held, twist);
      if (!shown) throw new Problem('ORDER_NOT_FOUND', `there is no order ${id}`);
      return shown;
    },
    orders(query, twist) {
      const filters = [
        'status',
        'type',
        'destinationCountry',
        'paymentRail',
        'createdFrom',
        'createdTo',
        'clientReferenceId',
      ];
      onlyParameters(query, [...PAGING, ...filters]);
      const found = twist?.ignoreFilter ? [...book.orders.values()] : matchingOrders(query);
      const shown = found.flatMap((held) => {
        const order = face(held, twist);
        if (!order) return [];
        return twist?.twins ? [order, { ...order, id: newId('ord') }] : [order];
      });
      return page(shown.reverse(), query);
    },
    transaction(id) {
      const transaction = book.transactions.get(checkedId('txn', id));
      if (!transaction) throw new Problem('TRANSACTION_NOT_FOUND', `there is no transaction ${id}`);
      return transaction;
    },
    transactions(query) {
      onlyParameters(query, [...PAGING, 'type', 'status', 'clientReferenceId', 'createdFrom', 'createdTo']);
      const types = checkedWords(query, 'type', TRANSACTION_TYPES);
      if (types.length === 0) throw invalid('/type', 'is required', TRANSACTION_TYPES);
      checkedTimes(query);
      const statuses = listParameter(query, 'status');
      const reference = query.get('clientReferenceId');
      const found = [...book.transactions.values()].filter(
        (one) =>
          types.includes(one.type) &&
          (statuses.length === 0 || statuses.includes(one.status)) &&
          (reference === null || one.clientReferenceId === reference) &&
          within(query, one.createdAt),
      );
      return page(found.reverse(), query);
    },
  };
}
