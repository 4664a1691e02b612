// I2, I5, I6, I7, I8, I10, I11: what the customers were told, what the rows say, what Temporal says.
import type { ClientOperation } from '../../evidence/history.ts';
import { type EventRow, type Evidence, groupBy, type OrderRow, orderOf } from '../evidence.ts';
import { broken, type Violation } from '../verdict.ts';

const TERMINAL = new Set(['executed', 'cancelled', 'expired', 'failed']);
/** An order ends within this of its expiry, or of the end of what kept it from it. */
const GRACE_MS = 90_000;
const EDGES = new Set(
  [
    'accepted>watching accepted>cancelled accepted>expired accepted>failed',
    'watching>executing watching>executed watching>cancelled watching>expired watching>failed',
    'executing>executed executing>watching executing>expired executing>failed',
  ].flatMap((line) => line.split(' ')),
);

export function operationsOf({ history }: Evidence): ClientOperation[] {
  return history.filter((entry): entry is ClientOperation => entry.kind === 'operation');
}

/** I2: each order that was accepted is there and has ended in time. */
export function judgeNoneLost(evidence: Evidence): Violation[] {
  const orders = new Map(evidence.orders.map((order) => [order.orderId, order]));
  const accepted = new Set(
    operationsOf(evidence)
      .filter(isAccepted)
      .map(({ orderId }) => orderId ?? ''),
  );
  return [...accepted].flatMap((orderId) => {
    const order = orders.get(orderId);
    if (!order) return [broken('I2', orderId, 'it was accepted and is not there')];
    if (!TERMINAL.has(order.status)) return [broken('I2', orderId, `it never came to rest: ${order.status}`)];
    const due = Math.max(order.expiresAt, evidence.meta.healedAt) + GRACE_MS;
    const lateMs = (order.closedAt ?? 0) - due;
    return lateMs > 0 ? [broken('I2', orderId, `it ended ${lateMs} ms late`)] : [];
  });
}

/** I5: from a confirmed cancel on nothing is executed; a refused one is never shown as cancelled. */
export function judgeCancels(evidence: Evidence): Violation[] {
  const executes = groupBy(
    evidence.ledger.filter(({ event, operation }) => event === 'request.received' && operation === 'orders.execute'),
    ({ reference }) => orderOf(reference),
  );
  const claimed = new Set(
    evidence.ledger.filter(({ event }) => event === 'order.claimed').map((it) => orderOf(it.reference)),
  );
  const rows = new Map(evidence.orders.map((order) => [order.orderId, order]));
  return operationsOf(evidence)
    .filter(({ operation, orderId, isForeign }) => operation === 'cancel' && orderId !== null && !isForeign)
    .flatMap((cancel): Violation[] => {
      const orderId = cancel.orderId ?? '';
      if (cancel.status === 200) {
        const later = (executes.get(orderId) ?? []).filter(({ at }) => Date.parse(at) > cancel.endedAt);
        return [
          ...later.map(({ at }) => broken('I5', orderId, `an execute came at ${at}, after the cancel was confirmed`)),
          ...(claimed.has(orderId) ? [broken('I5', orderId, 'its cancel was confirmed, and it was executed')] : []),
        ];
      }
      const isLate = cancel.status === 409 && cancel.code === 'too_late';
      return isLate && rows.get(orderId)?.status === 'cancelled'
        ? [broken('I5', orderId, 'its cancel was refused as too late, and it is cancelled')]
        : [];
    });
}

/** I6: one key, one order; another body under a key is refused. */
export function judgeAcceptedOnce(evidence: Evidence): Violation[] {
  const creates = operationsOf(evidence).filter(({ operation }) => operation === 'create');
  const byKey = groupBy(creates, ({ userId, key }) => `${userId} ${key}`);
  const rows = groupBy(evidence.orders, ({ userId, idempotencyKey }) => `${userId} ${idempotencyKey}`);
  const violations: Violation[] = [];
  for (const [key, calls] of byKey) {
    const ids = new Set(
      calls.filter((call) => isAccepted(call) && call.bodyNumber === 0).map(({ orderId }) => orderId),
    );
    if (ids.size > 1) violations.push(broken('I6', null, `key ${key} gave ${ids.size} orders: ${[...ids].join(', ')}`));
    if ((rows.get(key) ?? []).length > 1) violations.push(broken('I6', null, `key ${key} has several rows`));
    for (const other of calls.filter(({ bodyNumber, status }) => bodyNumber !== 0 && status !== null && status < 500))
      if (other.status !== 422)
        violations.push(broken('I6', null, `another body under key ${key} was answered ${other.status}`));
  }
  for (const [key, held] of rows)
    if (held.length > 1) violations.push(broken('I6', null, `${key} has ${held.length} orders`));
  return violations;
}

/** I8 and I11: numbers without a gap, one path through the states, and what was shown lies on it and never goes back. */
export function judgePaths(evidence: Evidence): Violation[] {
  const events = groupBy(evidence.events, ({ orderId }) => orderId);
  const messages = groupBy(evidence.outbox, ({ payload }) => payload.order_id ?? null);
  const shown = groupBy(operationsOf(evidence), ({ orderId, shown: it }) => (it ? orderId : null));
  return evidence.orders.flatMap((order) => {
    const path = (events.get(order.orderId) ?? []).toSorted((a, b) => a.number - b.number);
    const versions = new Set(
      (messages.get(order.orderId) ?? [])
        .filter(({ topic }) => topic === 'order-changes')
        .map(({ payload }) => payload.version),
    );
    return [
      ...judgePath(order, path),
      ...path
        .filter(({ number }) => number > 1 && !versions.has(number))
        .map(({ number }) => broken('I11', order.orderId, `version ${number} was told to nobody`)),
      ...judgeShown(order, path, shown.get(order.orderId) ?? []),
    ];
  });
}

function judgePath(order: OrderRow, path: readonly EventRow[]): Violation[] {
  const violations: Violation[] = [];
  const last = path.at(-1);
  if (path.some(({ number }, index) => number !== index + 1))
    violations.push(
      broken('I11', order.orderId, `its events are numbered ${path.map(({ number }) => number).join(' ')}`),
    );
  if (last?.number !== order.version || last.status !== order.status)
    violations.push(
      broken(
        'I11',
        order.orderId,
        `its events end at ${last?.number} ${last?.status}, its row is at ${order.version} ${order.status}`,
      ),
    );
  path.forEach(({ status }, index) => {
    const before = path[index - 1]?.status;
    if (before !== undefined && before !== status && !EDGES.has(`${before}>${status}`))
      violations.push(broken('I8', order.orderId, `it went from ${before} to ${status}`));
  });
  return violations;
}

function judgeShown(order: OrderRow, path: readonly EventRow[], views: readonly ClientOperation[]): Violation[] {
  const violations: Violation[] = [];
  for (const { shown, operation, beganAt, client } of views) {
    if (shown && path[shown.version - 1]?.status !== shown.status)
      violations.push(broken('I8', order.orderId, `${operation} showed ${shown.status} as version ${shown.version}`));
    const earlier = views.filter((view) => view.endedAt < beganAt).map((view) => view.shown?.version ?? 0);
    const newest = Math.max(0, ...earlier);
    if (shown && shown.version < newest)
      violations.push(
        broken('I8', order.orderId, `${client} was shown version ${shown.version} after ${newest} was shown`),
      );
  }
  return violations;
}

/** I7, its half on states: the row, its runs, and the provider's orders under its reference. */
export function judgeAgreement(evidence: Evidence): Violation[] {
  const runs = new Map(evidence.runs.map((entry) => [entry.orderId, entry.runs]));
  const newest = new Map(
    evidence.ledger.flatMap((fact) =>
      fact.order && orderOf(fact.reference) ? [[fact.orderId ?? '', fact] as const] : [],
    ),
  );
  const violations = evidence.orders.flatMap((order): Violation[] => {
    const its = runs.get(order.orderId) ?? [];
    const open = its.filter(({ status }) => status === 'RUNNING');
    if (TERMINAL.has(order.status) && open.length > 0)
      return [broken('I7', order.orderId, `it is ${order.status}, and a run of it is still open`)];
    const failed = its.filter(({ status }) => status === 'FAILED' || status === 'TIMED_OUT');
    return failed.map(({ runId, status }) => broken('I7', order.orderId, `run ${runId} ended ${status}`));
  });
  for (const fact of newest.values())
    if (fact.order?.status === 'pending')
      violations.push(broken('I7', orderOf(fact.reference), `at rest ${fact.order.id} is still open at the provider`));
  for (const { orderId, attempt, orphanUntil, orphanClosedAt } of evidence.attempts)
    if (orphanUntil !== null && orphanClosedAt === null)
      violations.push(broken('I7', orderId, `the orphan of attempt ${attempt} is still open`));
  const written = new Set(evidence.sends.map(({ idempotencyKey }) => idempotencyKey));
  for (const { event, key, reference, operation } of evidence.ledger)
    if (event === 'request.received' && orderOf(reference) !== null && (key === undefined || !written.has(key)))
      violations.push(broken('I7', orderOf(reference), `${operation} came under a key that nobody wrote down: ${key}`));
  return violations;
}

/** I10: a stranger is told nothing and moves nothing. */
export function judgeIsolation(evidence: Evidence): Violation[] {
  const owners = new Map(evidence.orders.map(({ orderId, userId }) => [orderId, userId]));
  return operationsOf(evidence).flatMap((call) => {
    const orderId = call.orderId ?? '';
    const owner = owners.get(orderId);
    const isStranger = owner !== undefined && owner !== call.userId;
    return isStranger && call.status !== null && call.status < 400
      ? [broken('I10', orderId, `${call.operation} of another user was answered ${call.status}`)]
      : [];
  });
}

function isAccepted({ operation, status, orderId }: ClientOperation): boolean {
  return operation === 'create' && (status === 201 || status === 200) && orderId !== null;
}
