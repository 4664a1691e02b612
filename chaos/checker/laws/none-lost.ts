// I2: each order that was accepted is there, and has ended in time.
import { type EventRow, type Evidence, groupBy, isTerminal, type OrderRow, orderOf } from '../evidence.ts';
import { isAccepted, operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

/** An order ends within this of its expiry, or of the end of what kept it from it. */
const GRACE_MS = 90_000;
const ENDS = new Set(['order.succeeded', 'order.failed', 'order.cancelled']);

export function judgeNoneLost(evidence: Evidence): Violation[] {
  const orders = new Map(evidence.orders.map((order) => [order.orderId, order]));
  const events = groupBy(evidence.events, ({ orderId }) => orderId);
  const facts = groupBy(evidence.ledger, ({ reference }) => orderOf(reference));
  const accepted = new Set(
    operationsOf(evidence)
      .filter(isAccepted)
      .map(({ orderId }) => orderId ?? ''),
  );
  return [...accepted].flatMap((orderId) => {
    const order = orders.get(orderId);
    if (!order) return [broken('I2', orderId, 'it was accepted and is not there')];
    if (!isTerminal(order.status)) return [broken('I2', orderId, `it never came to rest: ${order.status}`)];
    const hindered = Math.max(order.expiresAt, evidence.meta.healedAt);
    const readable = endOfExecution(order, events.get(orderId) ?? [], facts.get(orderId) ?? []);
    const lateMs = (order.closedAt ?? 0) - Math.max(hindered, readable) - GRACE_MS;
    return lateMs > 0 ? [broken('I2', orderId, `it ended ${lateMs} ms late`)] : [];
  });
}

/** The one exception: of an order that executes at its expiry the end is the provider's to give. 0 for any other. */
function endOfExecution({ expiresAt }: OrderRow, events: readonly EventRow[], facts: readonly Fact[]): number {
  const atExpiry = events.filter(({ occurredAt }) => occurredAt <= expiresAt);
  const last = atExpiry.toSorted((a, b) => a.number - b.number).at(-1);
  if (last?.status !== 'executing') return 0;
  return Math.max(0, ...facts.filter(({ event }) => ENDS.has(event)).map(({ at }) => Date.parse(at)));
}
