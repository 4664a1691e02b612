import type { ClientOperation } from '../evidence/history.ts';
import { type Evidence, groupBy } from './evidence.ts';
import type { OrderRow } from './rows.ts';

/** What the customers asked and were told, in the order of their questions' ends. */
export function operationsOf({ history }: Pick<Evidence, 'history'>): ClientOperation[] {
  return history.filter((entry): entry is ClientOperation => entry.kind === 'operation');
}

/** An answer that promises the order to its customer. */
export function isAccepted({ operation, status, orderId }: ClientOperation): boolean {
  return operation === 'create' && (status === 201 || status === 200) && orderId !== null;
}

/** The creates that each order may have come from, by its id: those that were answered with it, or else those under its key. */
export function creationsOf(evidence: Pick<Evidence, 'history' | 'orders'>): Map<string, ClientOperation[]> {
  const creates = operationsOf(evidence).filter(({ operation, bodyNumber }) => operation === 'create' && !bodyNumber);
  const byId = groupBy(creates.filter(isAccepted), ({ orderId }) => orderId);
  const byKey = groupBy(creates, ({ userId, key }) => (key === undefined ? null : `${userId} ${key}`));
  return new Map(
    evidence.orders.map(({ orderId, userId, idempotencyKey }) => [
      orderId,
      byId.get(orderId) ?? byKey.get(`${userId} ${idempotencyKey}`) ?? [],
    ]),
  );
}

/** Which experiment placed each order. */
export function experimentsOf(evidence: Pick<Evidence, 'history' | 'orders'>): Map<string, string> {
  return new Map(
    [...creationsOf(evidence)].flatMap(([orderId, [create]]) =>
      create ? [[orderId, create.experiment] as const] : [],
    ),
  );
}

/** What a customer asked for: the row is only the service's word for it. */
export interface Terms {
  readonly amount: string;
  readonly targetRate: string;
  readonly direction: '>=' | '<=';
}

/** As the customer put it; of an order that nobody asked for, which is a violation of its own, as the row has it. */
export function termsOf(order: OrderRow, creates: readonly ClientOperation[]): Terms {
  const request = creates.find((create) => create.request)?.request;
  if (!request) return order;
  return {
    amount: String(request['amount']),
    targetRate: String(request['target_rate']),
    direction: request['direction'] === '<=' ? '<=' : '>=',
  };
}
