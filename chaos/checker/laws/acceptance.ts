// I6: one key, one order, with the terms that it was asked for; another body under a key is refused, and the same one never again.
import type { ClientOperation } from '../../evidence/history.ts';
import { isSame } from '../decimals.ts';
import { type Evidence, groupBy } from '../evidence.ts';
import type { OrderRow } from '../rows.ts';
import { creationsOf, isAccepted, operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

export function judgeAcceptedOnce(evidence: Evidence): Violation[] {
  const creates = operationsOf(evidence).filter(({ operation, key }) => operation === 'create' && key !== undefined);
  const byKey = groupBy(creates, ({ userId, key }) => `${userId} ${key}`);
  const rows = groupBy(evidence.orders, ({ userId, idempotencyKey }) => `${userId} ${idempotencyKey}`);
  const creations = creationsOf(evidence);
  const committedAt = commitsOf(evidence);
  return [
    ...[...byKey].flatMap(([key, calls]) => [
      ...judgeKey(key, calls),
      ...judgeRefusals(key, calls, rows.get(key)?.[0], committedAt),
    ]),
    ...[...rows]
      .filter(([, its]) => its.length > 1)
      .map(([key, its]) => broken('I6', its[0]?.orderId ?? null, `key ${key} has ${its.length} orders`)),
    ...judgeKeys(evidence),
    ...evidence.orders.flatMap((order) => judgeRow(order, creations.get(order.orderId) ?? [])),
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
    if (bodyNumber !== 0 && isDefinite(status) && status !== 422)
      violations.push(broken('I6', orderId, `another body under key ${key} was answered ${status}`));
  return violations;
}

/** Not lost, and not "again". */
const isDefinite = (status: number | null) => status !== null && status < 500 && status !== 429 && status !== 408;

/**
 * Whoever asks once the order is known to be there is answered with it, whatever has become of it. A refusal that was being made
 * while a twin's transaction was still open could not know of it: that is a race, and no harm.
 */
function judgeRefusals(
  key: string,
  calls: readonly ClientOperation[],
  row: OrderRow | undefined,
  committedAt: ReadonlyMap<string, number>,
): Violation[] {
  const told = calls.filter((call) => call.bodyNumber === 0 && isAccepted(call)).map(({ endedAt }) => endedAt);
  const thereAt = [...told, committedAt.get(row?.orderId ?? '') ?? Number.POSITIVE_INFINITY].reduce((a, b) =>
    Math.min(a, b),
  );
  return calls
    .filter(({ bodyNumber, request, userId }) => bodyNumber === 0 && request?.['user_id'] === userId)
    .filter((call) => isDefinite(call.status) && !isAccepted(call) && call.beganAt > thereAt)
    .map(({ status, code, beganAt }) =>
      broken(
        'I6',
        row?.orderId ?? null,
        `${beganAt - thereAt} ms after its order was there key ${key} was answered ${status} ${code}`,
      ),
    );
}

/** When each order is known to have been committed at the latest: its message left, or it went on. */
function commitsOf({ outbox, events }: Evidence): Map<string, number> {
  const commits = new Map<string, number>();
  const note = (orderId: string, at: number) => commits.set(orderId, Math.min(at, commits.get(orderId) ?? at));
  for (const { topic, payload, publishedAt } of outbox)
    if (topic === 'order-checks' && payload.order_id !== undefined && publishedAt !== null)
      note(payload.order_id, publishedAt);
  for (const { orderId, number, occurredAt } of events) if (number > 1) note(orderId, occurredAt);
  return commits;
}

/** Key and order come together or not at all. */
function judgeKeys({ keys, orders }: Evidence): Violation[] {
  const held = new Map(keys.map(({ userId, key, orderId }) => [`${userId} ${key}`, orderId]));
  const known = new Set(orders.map(({ orderId }) => orderId));
  return [
    ...orders
      .filter(({ userId, idempotencyKey, orderId }) => held.get(`${userId} ${idempotencyKey}`) !== orderId)
      .map(({ orderId, idempotencyKey }) => broken('I6', orderId, `its key ${idempotencyKey} is not kept as its own`)),
    ...keys
      .filter(({ orderId }) => !known.has(orderId))
      .map(({ key, orderId }) => broken('I6', orderId, `key ${key} is taken, and its order is not there`)),
  ];
}

/** What is stored is what was asked for, whether or not its customer was told. */
function judgeRow(row: OrderRow, creates: readonly ClientOperation[]): Violation[] {
  const { orderId } = row;
  if (creates.length === 0) return [broken('I6', orderId, 'nobody has asked for it')];
  const create = creates.find(({ request }) => request !== undefined);
  if (!create?.request) return [];
  const { request } = create;
  const pairs = [
    ['I9', 'amount', isSame(row.amount, String(request['amount']))],
    ['I9', 'target', isSame(row.targetRate, String(request['target_rate']))],
    ['I6', 'direction', row.direction === request['direction']],
    ['I6', 'pair', row.pair === pairOf(request)],
    ['I6', 'expiry', row.expiresAt === Date.parse(String(request['expires_at']))],
    ['I10', 'user', row.userId === request['user_id'] && row.userId === create.userId],
  ] as const;
  return pairs
    .filter(([, , isKept]) => !isKept)
    .map(([invariant, what]) => broken(invariant, orderId, `its ${what} is not the one that it was placed with`));
}

function pairOf(request: Readonly<Record<string, unknown>>): string {
  const asset = (side: string) =>
    [request[`${side}_currency`], request[`${side}_network`]].filter((part) => typeof part === 'string').join('.');
  return `${asset('from')}-${asset('to')}`;
}
