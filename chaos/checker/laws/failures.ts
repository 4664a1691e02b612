// I7: an order fails for what the provider has said of it, or for its customer's wish; for nothing that passes, least of all for a fault
// of ours.
import { type Evidence, groupBy, orderOf } from '../evidence.ts';
import type { OrderRow } from '../rows.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

/** Failures after which the next attempt may begin, when no money has moved. */
const PASSING = ['insufficient_funds', 'provider_unavailable', 'cancelled'];

/** By the reason that the order gives: what shows that it is true. */
const CAUSES: Readonly<Record<string, (order: OrderRow, facts: readonly Fact[]) => boolean>> = {
  cancel_requested: ({ cancelRefusedAt }) => cancelRefusedAt !== null,
  provider_failed: (_, facts) =>
    facts.some(({ event, order }) => event === 'order.failed' && !PASSING.includes(order?.failureCode ?? '')),
  partial_effect: (_, facts) =>
    facts.some(({ event }) => event === 'transaction.completed' || event === 'order.succeeded'),
  cancelled_by_provider: (_, facts) => facts.some(({ event, by }) => event === 'order.cancelled' && by !== 'client'),
  orphan_executed: (_, facts) => facts.some(({ event }) => event === 'order.claimed'),
  provider_refused: (_, facts) => facts.some(({ event, code }) => event === 'request.answered' && isFinal(code)),
};

/** Conduit's codes after which the same transfer can never be. Every other one is to be tried again, or to be mended by us. */
const FINAL = [
  'UNSUPPORTED_ASSET',
  'UNSUPPORTED_PAIR',
  'INVALID_ORDER_COMBO',
  'QUOTE_RECIPIENT_TYPE_UNPRICED',
  'AMOUNT_OUT_OF_RANGE',
  'TRANSACTION_BLOCKED',
  'MISSING_REQUIRED_FIELDS',
  'RECIPIENT_VALIDATION_FAILED',
];
const isFinal = (code = '') => FINAL.includes(code);

export function judgeFailures({ orders, ledger, requests }: Evidence): Violation[] {
  const facts = groupBy(ledger, ({ reference }) => orderOf(reference));
  const isQuoteRefused = requests.some(({ operation, code }) => operation === 'quotes.create' && isFinal(code));
  return orders
    .filter(({ status }) => status === 'failed')
    .filter((order) =>
      order.reason === 'quote_refused'
        ? !isQuoteRefused
        : !CAUSES[order.reason ?? '']?.(order, facts.get(order.orderId) ?? []),
    )
    .map(({ orderId, reason }) => broken('I7', orderId, `it failed (${reason}), and the provider knows of no cause`));
}
