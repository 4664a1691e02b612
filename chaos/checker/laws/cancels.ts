// I5: from a confirmed cancel on nothing is executed; a refused one is never shown as cancelled.
import type { ClientOperation } from '../../evidence/history.ts';
import { type Evidence, groupBy, orderOf } from '../evidence.ts';
import type { OrderRow } from '../rows.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

export function judgeCancels(evidence: Evidence): Violation[] {
  const facts = groupBy(evidence.ledger, ({ reference }) => orderOf(reference));
  const rows = new Map(evidence.orders.map((order) => [order.orderId, order]));
  const cancels = operationsOf(evidence).filter(({ operation, orderId }) => operation === 'cancel' && orderId !== null);
  return [
    ...cancels
      .filter(({ isForeign }) => !isForeign)
      .flatMap((cancel) => judgeAnswer(evidence, cancel, rows, facts.get(cancel.orderId ?? '') ?? [])),
    // Whoever cancelled it, and whether or not its answer came back.
    ...evidence.orders
      .filter((order) => order.status === 'cancelled' && isExecuted(order, facts.get(order.orderId) ?? []))
      .map(({ orderId }) => broken('I5', orderId, 'it is cancelled, and it was executed')),
  ];
}

function judgeAnswer(
  evidence: Evidence,
  { orderId: cancelled, status, code, endedAt }: ClientOperation,
  rows: ReadonlyMap<string, OrderRow>,
  facts: readonly Fact[],
): Violation[] {
  const orderId = cancelled ?? '';
  const row = rows.get(orderId);
  const isConfirmed = status === 200;
  const isLate = status === 409 && code === 'too_late';
  const violations: Violation[] = [];
  const add = (text: string) => violations.push(broken('I5', orderId, text));
  if (isConfirmed) {
    for (const { event, operation, at } of facts)
      if (event === 'request.received' && operation === 'orders.execute' && Date.parse(at) > endedAt)
        add(`an execute came at ${at}, after the cancel was confirmed`);
    if (row && row.status !== 'cancelled') add(`its cancel was confirmed, and it is ${row.status}`);
  }
  if (isLate && row?.status === 'cancelled') add('its cancel was refused as too late, and it is cancelled');
  if (isLate && !isOnItsWay(evidence, orderId, facts, endedAt))
    add('its cancel was refused as too late, and nothing was on its way');
  if (isLate && row?.cancelRefusedAt === null) add('its cancel was refused as too late, and that is kept nowhere');
  if (isConfirmed || isLate)
    for (const send of evidence.sends)
      if (send.orderId === orderId && send.operation !== 'cancel' && send.permittedAt > endedAt)
        add(`${send.operation} was permitted ${send.permittedAt - endedAt} ms after its cancel was answered`);
  if (status === 409 && code === 'already_terminal' && row && (row.closedAt === null || row.closedAt > endedAt))
    add('its cancel was told that it had ended, and it had not');
  return violations;
}

/** Whether the order was executing when its cancel was refused, or Conduit had claimed one of its orders by then. */
function isOnItsWay({ events }: Evidence, orderId: string, facts: readonly Fact[], at: number): boolean {
  const refusal = events.find((it) => it.orderId === orderId && it.event === 'cancel_refused');
  return refusal?.status === 'executing' || facts.some((it) => it.event === 'order.claimed' && Date.parse(it.at) <= at);
}

/** A twin that a fault claims by itself is nobody's execution, and one that had failed before, and moved nothing, has no effect. */
function isExecuted({ closedAt }: OrderRow, facts: readonly Fact[]): boolean {
  const asked = new Set(facts.filter(({ operation }) => operation === 'orders.execute').map(({ orderId }) => orderId));
  const isOver = (id: string | undefined) =>
    facts.some(
      ({ event, orderId, at }) => event === 'order.failed' && orderId === id && Date.parse(at) <= (closedAt ?? 0),
    ) && !facts.some(({ event, orderId }) => event === 'transaction.completed' && orderId === id);
  return facts.some(
    ({ event, twinOf, orderId }) =>
      event === 'order.claimed' && (twinOf === undefined || asked.has(orderId)) && !isOver(orderId),
  );
}
