import type { LedgerFilter } from '../../simulator/control.ts';
import type { OrderView } from './client.ts';

type Ledger = (filter?: LedgerFilter) => Promise<readonly { readonly event: string }[]>;

/** What the ledger must show of an order, by how it is said to have ended. */
const CLAIMS: Record<string, number> = { executed: 1, cancelled: 0, expired: 0, failed: 0 };

/**
 * Holds what the API says of an order against what Conduit's own ledger did for it. Every line that is returned is one thing
 * that was checked; `holds` tells whether it is true.
 */
export async function checkOrder(
  name: string,
  order: OrderView,
  expected: string,
  ledger: Ledger,
): Promise<{ readonly text: string; readonly holds: boolean }[]> {
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
