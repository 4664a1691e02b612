import type { Book, Face, HeldOrder } from '../book/book.ts';
import type { Order, Transaction } from '../book/entries.ts';
import type { Twins } from '../book/twins.ts';
import { pairText } from '../core/assets.ts';
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
  transaction(id: string, twist: LookupTwist | undefined): Transaction;
  transactions(query: URLSearchParams, twist: LookupTwist | undefined): Page;
};

/** The face that a look shows: the last one, unless a fault lets the look lag behind. */
function faceOf<T>(faces: Face<T>[], twist: LookupTwist | undefined): T | undefined {
  const last = faces.at(-1)?.shown;
  if (!twist) return last;
  const nowMs = Date.now();
  const bornMs = faces[0]?.atMs ?? 0;
  if (twist.absent || (twist.lagMs !== undefined && nowMs - bornMs < twist.lagMs)) return undefined;
  if (twist.staleMs === undefined) return last;
  const seenAtMs = nowMs - twist.staleMs;
  return faces.findLast((one) => one.atMs <= seenAtMs)?.shown;
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

/** What Conduit can list orders by. */
const ORDER_FILTERS = [
  'status',
  'type',
  'pairId',
  'destinationCountry',
  'paymentRail',
  'createdFrom',
  'createdTo',
  'clientReferenceId',
];

export function createLookups({ book, twins }: { book: Book; twins: Twins }): Lookups {
  function underReference(reference: string): HeldOrder[] {
    const id = book.orderByReference.get(reference) ?? '';
    return [id, book.twins.get(id) ?? ''].flatMap((one) => book.orders.get(one) ?? []);
  }

  function matchingOrders(query: URLSearchParams): HeldOrder[] {
    const statuses = checkedWords(query, 'status', ORDER_STATUSES);
    const types = checkedWords(query, 'type', ORDER_TYPES);
    checkedTimes(query);
    const reference = query.get('clientReferenceId');
    const pair = query.get('pairId');
    const candidates = reference === null ? [...book.orders.values()] : underReference(reference);
    // Conversions go to no country and over no rail, so a list by either is empty.
    const isForPayouts = query.has('destinationCountry') || query.has('paymentRail');
    return candidates.filter(
      ({ order }) =>
        !isForPayouts &&
        (statuses.length === 0 || statuses.includes(order.status)) &&
        (types.length === 0 || types.includes(order.type)) &&
        (pair === null || pair === pairText(order.sourceAsset, order.destinationAsset)) &&
        within(query, order.createdAt),
    );
  }

  return {
    order(id, twist) {
      const held = book.orders.get(checkedId('ord', id));
      const shown = held && faceOf(held.faces, twist);
      if (!shown) throw new Problem('ORDER_NOT_FOUND', `there is no order ${id}`);
      return shown;
    },
    orders(query, twist) {
      onlyParameters(query, [...PAGING, ...ORDER_FILTERS]);
      const find = () => (twist?.ignoreFilter ? [...book.orders.values()] : matchingOrders(query));
      const { twins: asked } = twist ?? {};
      if (asked) for (const held of find()) twins.ensure(held, asked === true ? 'pending' : asked.state);
      const shown = find().flatMap(({ faces }) => faceOf(faces, twist) ?? []);
      return page(shown.reverse(), query);
    },
    transaction(id, twist) {
      const transaction = faceOf(book.transactionFaces.get(checkedId('txn', id)) ?? [], twist);
      if (!transaction) throw new Problem('TRANSACTION_NOT_FOUND', `there is no transaction ${id}`);
      return transaction;
    },
    transactions(query, twist) {
      onlyParameters(query, [...PAGING, 'type', 'status', 'clientReferenceId', 'createdFrom', 'createdTo']);
      const types = checkedWords(query, 'type', TRANSACTION_TYPES);
      if (types.length === 0) throw invalid('/type', 'is required', TRANSACTION_TYPES);
      checkedTimes(query);
      const statuses = listParameter(query, 'status');
      const reference = query.get('clientReferenceId');
      const shown = [...book.transactionFaces.values()].flatMap((faces) => faceOf(faces, twist) ?? []);
      const found = shown.filter(
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
