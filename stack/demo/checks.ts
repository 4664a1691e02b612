import type { LedgerFilter } from '../../simulator/control.ts';
import type { ApiReply, OrderView } from './client.ts';

type Ledger = (filter?: LedgerFilter) => Promise<readonly { readonly event: string }[]>;

/** One thing that was checked, and whether it is true. */
export type Check = { readonly text: string; readonly holds: boolean };

/** What the ledger must show of an order, by how it is said to have ended. */
const CLAIMS: Record<string, number> = { executed: 1, cancelled: 0, expired: 0, failed: 0 };

/**
 * Holds what the API says of an order against what Conduit's own ledger did for it.
 */
export async function checkOrder(name: string, order: OrderView, expected: string, ledger: Ledger): Promise<Check[]> {
  const facts = await ledger({ reference: `${order.order_id}:*` });
  const claims = facts.filter(({ event }) => event === 'order.claimed').length;
  const successes = facts.filter(({ event }) => event === 'order.succeeded').length;
  const wanted = CLAIMS[expected] ?? 0;
  return [
    { text: `${name}: the API says ${order.status}, expected ${expected}`, holds: order.status === expected },
    {
      text: `${name}: the ledger shows ${claims} execution${claims === 1 ? '' : 's'}, expected ${wanted}`,
      holds: claims === wanted && successes === wanted,
    },
  ];
}

/** Holds the two answers to one request, sent twice at once, against each other. */
export function checkTwice(once: ApiReply<OrderView>, again: ApiReply<OrderView>): Check {
  const statuses = new Set([once.status, again.status]);
  return {
    text: '5 the order placed twice: one 201, one 200 replay, one id',
    holds:
      once.body.order_id === again.body.order_id &&
      statuses.has(201) &&
      statuses.has(200) &&
      once.replayed !== again.replayed,
  };
}
