import type { z } from 'zod';
import type { LinkedEffect } from '../../domain/attempt.ts';
import type { Instant } from '../../domain/order.ts';
import type { ProviderOrder } from '../../domain/provider-order.ts';
import type { Call } from './calls.ts';
import { type RateLimited, type Read, type Refused, readAs, type Unavailable, unlessRefused } from './reads.ts';
import { storableValue } from './reply.ts';
import { OrderBody, PageBody, TransactionBody } from './schemas.ts';

/** An order as read, with its body for the record. */
export interface FoundOrder {
  readonly order: ProviderOrder;
  readonly raw: unknown;
}

type OrderReply =
  | ({ readonly kind: 'found'; readonly serverDate: Instant | null } & FoundOrder)
  /** Conduit itself says 404. Whether that counts is for the caller to judge. */
  | { readonly kind: 'absent'; readonly serverDate: Instant | null }
  | RateLimited
  | Unavailable;

type OrdersReply =
  /** All orders under exactly the reference asked for; an empty list is Conduit's word that there is none. */
  | { readonly kind: 'read'; readonly orders: readonly FoundOrder[]; readonly serverDate: Instant | null }
  | RateLimited
  | Unavailable;

interface OrderFilter {
  readonly createdFrom: Instant;
  readonly createdTo?: Instant;
  /** Of the page before. */
  readonly cursor?: string;
}

type OrderPageReply =
  | {
      readonly kind: 'read';
      readonly orders: readonly FoundOrder[];
      /** How many items of the page could not be read as orders. */
      readonly unreadable: number;
      readonly nextCursor: string | null;
      readonly serverDate: Instant | null;
    }
  | RateLimited
  | Unavailable;

type LinkedReply = { readonly kind: 'read'; readonly effect: LinkedEffect } | RateLimited | Unavailable;

/** The reads of orders and of the transactions behind them. */
export interface OrderReads {
  getOrder(conduitOrderId: string): Promise<OrderReply>;
  findOrders(reference: string): Promise<OrdersReply>;
  listOrders(filter: OrderFilter): Promise<OrderPageReply>;
  getTransactions(transactionIds: readonly string[]): Promise<LinkedReply>;
}

/** References are unique at Conduit: more than this many pages under one means that the filter was not applied. */
const MAX_PAGES = 5;
const MAX_LINKED = 20;

const EFFECTS: Record<z.infer<typeof TransactionBody>['status'], LinkedEffect> = {
  pending: 'open',
  processing: 'open',
  completed: 'completed',
  failed: 'no_effect',
  cancelled: 'no_effect',
};

function judged<T extends Read<unknown> | Refused | RateLimited | Unavailable>(result: T) {
  return { cls: result.kind, code: 'code' in result ? result.code : null, result };
}

/** A GET whose 2xx is read by `schema`. */
export function get<T>(call: Call, endpoint: Parameters<Call>[0], path: string, schema: z.ZodType<T>) {
  return call(endpoint, { method: 'GET', path }, (outcome) => judged(readAs(outcome, schema)));
}

export function createOrderReads(call: Call): OrderReads {
  const getPage = async (query: Record<string, string>) => {
    const path = `/orders?${new URLSearchParams({ ...query, limit: '100' }).toString()}`;
    return unlessRefused(await get(call, 'order_list', path, PageBody));
  };

  async function getOrder(conduitOrderId: string): Promise<OrderReply> {
    const path = `/orders/${encodeURIComponent(conduitOrderId)}`;
    const schema = OrderBody.refine((order) => order.id === conduitOrderId);
    const read = await get(call, 'order_get', path, schema);
    if (read.kind === 'read') return { kind: 'found', order: read.value, raw: read.raw, serverDate: read.serverDate };
    if (read.kind !== 'refused') return read;
    return read.status === 404
      ? { kind: 'absent', serverDate: read.serverDate }
      : { kind: 'unavailable', code: read.code };
  }

  /** Follows every page: a second order under the reference may stand on the last. */
  async function findOrders(reference: string): Promise<OrdersReply> {
    const orders: FoundOrder[] = [];
    let cursor: string | null = null;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await getPage({ clientReferenceId: reference, ...(cursor === null ? {} : { cursor }) });
      if (page.kind !== 'read') return page;
      const found = ordersOf(page.value.data.filter((item) => item['clientReferenceId'] === reference));
      if (found.unreadable > 0) return { kind: 'unavailable', code: 'MALFORMED_REPLY' };
      // A list that moves while it is paged shows an order twice; that is one order.
      orders.push(...found.orders.filter(({ order }) => !orders.some((seen) => seen.order.id === order.id)));
      cursor = page.value.meta.nextCursor ?? null;
      if (cursor === null) return { kind: 'read', orders, serverDate: page.serverDate };
    }
    return { kind: 'unavailable', code: 'TOO_MANY_PAGES' };
  }

  async function listOrders({ createdFrom, createdTo, cursor }: OrderFilter): Promise<OrderPageReply> {
    const page = await getPage({
      createdFrom: new Date(createdFrom).toISOString(),
      ...(createdTo === undefined ? {} : { createdTo: new Date(createdTo).toISOString() }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (page.kind !== 'read') return page;
    const nextCursor = page.value.meta.nextCursor ?? null;
    return { kind: 'read', ...ordersOf(page.value.data), nextCursor, serverDate: page.serverDate };
  }

  /** What the linked transactions of a failed order say about money, taken together. */
  async function getTransactions(transactionIds: readonly string[]): Promise<LinkedReply> {
    if (transactionIds.length === 0) return { kind: 'read', effect: 'none' };
    if (transactionIds.length > MAX_LINKED) return { kind: 'unavailable', code: 'TOO_MANY_TRANSACTIONS' };
    const reads = await Promise.all(
      transactionIds.map((id) => {
        const schema = TransactionBody.refine((transaction) => transaction.id === id);
        return get(call, 'transaction_get', `/transactions/${encodeURIComponent(id)}`, schema);
      }),
    );
    return linkedEffectOf(reads.map(unlessRefused));
  }

  return { getOrder, findOrders, listOrders, getTransactions };
}

function ordersOf(items: readonly unknown[]): { orders: FoundOrder[]; unreadable: number } {
  const orders = items.flatMap((item): FoundOrder[] => {
    const { data } = OrderBody.safeParse(item);
    return data ? [{ order: data, raw: storableValue(item) }] : [];
  });
  return { orders, unreadable: items.length - orders.length };
}

/** One completed is certain, whatever the others are. Else one that we could not read leaves all of them open to doubt. */
function linkedEffectOf(
  reads: readonly (Read<z.infer<typeof TransactionBody>> | RateLimited | Unavailable)[],
): LinkedReply {
  const effects = reads.flatMap((read) => (read.kind === 'read' ? [EFFECTS[read.value.status]] : []));
  if (effects.includes('completed')) return { kind: 'read', effect: 'completed' };
  const unread = reads.find((read) => read.kind !== 'read');
  if (unread) return unread;
  return { kind: 'read', effect: effects.includes('open') ? 'open' : 'no_effect' };
}
