// I6: one key, one order, with the terms that it was asked for; another body under a key is refused.
import type { ClientOperation } from '../../evidence/history.ts';
import { isSame } from '../decimals.ts';
import { type Evidence, groupBy, type OrderRow } from '../evidence.ts';
import { isAccepted, operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

export function judgeAcceptedOnce(evidence: Evidence): Violation[] {
  const creates = operationsOf(evidence).filter(({ operation }) => operation === 'create');
  const byKey = groupBy(creates, ({ userId, key }) => `${userId} ${key}`);
  const rows = groupBy(evidence.orders, ({ userId, idempotencyKey }) => `${userId} ${idempotencyKey}`);
  const held = new Map(evidence.keys.map(({ userId, key, orderId }) => [`${userId} ${key}`, orderId]));
  return [
    ...[...byKey].flatMap(([key, calls]) => judgeKey(key, calls)),
    ...[...rows]
      .filter(([, its]) => its.length > 1)
      .map(([key, its]) => broken('I6', its[0]?.orderId ?? null, `key ${key} has ${its.length} orders`)),
    ...evidence.orders
      .filter(({ userId, idempotencyKey, orderId }) => held.get(`${userId} ${idempotencyKey}`) !== orderId)
      .map(({ orderId, idempotencyKey }) => broken('I6', orderId, `its key ${idempotencyKey} is not kept as its own`)),
    ...creates.flatMap((call) => judgeRow(call, evidence.orders)),
  ];
}

function judgeKey(key: string, calls: readonly ClientOperation[]): Violation[] {
  const accepted = calls.filter((call) => isAccepted(call) && call.bodyNumber === 0);
  const ids = [...new Set(accepted.map(({ orderId }) => orderId))];
  const violations: Violation[] = [];
  if (ids.length > 1)
    violations.push(broken('I6', ids[0] ?? null, `key ${key} gave ${ids.length} orders: ${ids.join(', ')}`));
  const placed = accepted.filter(({ status }) => status === 201);
  if (ids.length === 1 && placed.length > 1)
    violations.push(broken('I6', ids[0] ?? null, `key ${key} was answered 201 ${placed.length} times`));
  for (const { bodyNumber, status, orderId } of calls)
    if (bodyNumber !== 0 && status !== null && status < 500 && status !== 422)
      violations.push(broken('I6', orderId, `another body under key ${key} was answered ${status}`));
  return violations;
}

/** What was accepted is what was asked for. */
function judgeRow(call: ClientOperation, orders: readonly OrderRow[]): Violation[] {
  const { request, orderId } = call;
  const row = isAccepted(call) ? orders.find((order) => order.orderId === orderId) : undefined;
  if (!row || !request || call.bodyNumber !== 0) return [];
  const pairs = [
    ['I9', 'amount', isSame(row.amount, String(request['amount']))],
    ['I9', 'target', isSame(row.targetRate, String(request['target_rate']))],
    ['I6', 'direction', row.direction === request['direction']],
    ['I6', 'expiry', row.expiresAt === Date.parse(String(request['expires_at']))],
    ['I10', 'user', row.userId === request['user_id'] && row.userId === call.userId],
  ] as const;
  return pairs
    .filter(([, , isKept]) => !isKept)
    .map(([invariant, what]) => broken(invariant, orderId, `its ${what} is not the one that it was placed with`));
}
