// I1: one execution at most, by what the provider's ledger says and by what we wrote down before each request left.
import { type Evidence, groupBy, isRefused, orderOf } from '../evidence.ts';
import type { AttemptRow, OrderRow, SendRow } from '../rows.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

export function judgeOnce({ orders, ledger, sends, attempts }: Evidence): Violation[] {
  const facts = groupBy(ledger, ({ reference }) => orderOf(reference));
  const ofReference = groupBy(ledger, ({ reference }) => (orderOf(reference) === null ? null : (reference ?? null)));
  const sendsOf = groupBy(sends, ({ orderId, attempt }) => `${orderId}:g${attempt}`);
  return [
    ...orders.flatMap((order) => judgeExecutions(order, facts.get(order.orderId) ?? [])),
    ...[...ofReference].flatMap(([reference, its]) => judgeKeys(reference, its)),
    ...[...sendsOf.values()].flatMap(judgeNewKeys),
    ...attempts.flatMap((attempt) => judgeFence(attempt, sendsOf.get(attempt.reference) ?? [])),
    ...attempts.flatMap((attempt) => judgeReading(attempt, ofReference.get(attempt.reference) ?? [])),
  ];
}

/** At every instant at most one order at the provider claimed and not failed; one success if and only if we say executed. */
function judgeExecutions(order: OrderRow, facts: readonly Fact[]): Violation[] {
  const alive = new Set<string>();
  /** Failed orders of which a part went through are as alive as those that succeeded. */
  const moved = new Set<string>();
  const hasFailed = new Set<string>();
  const asked = new Set<string>();
  const violations: Violation[] = [];
  let successes = 0;
  for (const { event, operation, orderId: conduitId = '', at, twinOf } of facts) {
    if (event === 'request.received' && operation === 'orders.execute') asked.add(conduitId);
    // A twin is a fault of the provider's. What it does by itself is not our doing, but it counts against what we start after it.
    const isOurs = twinOf === undefined || asked.has(conduitId);
    // A part of one that had failed may be seen to have gone through only later: then it is as alive as it was.
    const isLate = event === 'transaction.completed' && hasFailed.has(conduitId) && !alive.has(conduitId);
    if (event === 'order.claimed' || isLate) {
      alive.add(conduitId);
      if (isOurs && alive.size > 1)
        violations.push(
          broken('I1', order.orderId, `${alive.size} executions at once since ${at}: ${[...alive].join(', ')}`),
        );
    }
    if (event === 'order.failed') hasFailed.add(conduitId);
    if (event === 'transaction.completed') moved.add(conduitId);
    if ((event === 'order.failed' && !moved.has(conduitId)) || event === 'order.cancelled') alive.delete(conduitId);
    if (event === 'order.succeeded' && isOurs) successes += 1;
  }
  if (successes > 1) violations.push(broken('I1', order.orderId, `executed ${successes} times`));
  if (successes <= 1 && (successes === 1) !== (order.status === 'executed'))
    violations.push(
      broken('I1', order.orderId, `${successes} success at the provider, and the order is ${order.status}`),
    );
  return violations;
}

/** Whatever else protects us: a provider that goes by its keys alone makes one order of each key. */
function judgeKeys(reference: string, facts: readonly Fact[]): Violation[] {
  const creates = facts.filter(({ event, operation }) => event === 'request.received' && operation === 'orders.create');
  const keys = new Set(creates.map(({ key }) => key));
  return keys.size > 1
    ? [broken('I1', orderOf(reference), `one attempt was created under ${keys.size} keys: ${[...keys].join(', ')}`)]
    : [];
}

/** Whether a send was refused by its own reply, and that reply had been stored by then. */
const wasRefusedBy = (send: SendRow, at: number) =>
  isRefused(send) && (send.repliedAt ?? Number.POSITIVE_INFINITY) <= at;

/** A new execute only when each one under another key was refused by its own reply, and that reply was stored. */
function judgeNewKeys(sends: readonly SendRow[]): Violation[] {
  const executes = sends
    .filter(({ operation }) => operation === 'execute')
    .toSorted((a, b) => Number(a.sendId) - Number(b.sendId));
  return executes.flatMap((send, index) => {
    const open = executes
      .slice(0, index)
      .filter(({ idempotencyKey }) => idempotencyKey !== send.idempotencyKey)
      .filter((earlier) => !wasRefusedBy(earlier, send.permittedAt));
    return open.map(({ idempotencyKey, outcome }) =>
      broken(
        'I1',
        send.orderId,
        `${send.idempotencyKey} was permitted while ${idempotencyKey} was ${outcome ?? 'open'}`,
      ),
    );
  });
}

/** We close an attempt ourselves only when no execute of it can have an effect. */
function judgeFence({ orderId, attempt, closedBy, closedAt }: AttemptRow, sends: readonly SendRow[]): Violation[] {
  if (closedBy !== 'fence') return [];
  return sends
    .filter((send) => send.operation === 'execute' && !wasRefusedBy(send, closedAt ?? 0))
    .map(({ outcome }) =>
      broken('I1', orderId, `attempt ${attempt} was closed by us with an execute that was ${outcome ?? 'unresolved'}`),
    );
}

/** Which ends of an order at the provider each end of an attempt may be read from. */
const READ_FROM: Readonly<Record<string, readonly string[]>> = {
  succeeded: ['order.succeeded'],
  failed: ['order.failed', 'order.cancelled'],
  cancelled: ['order.cancelled', 'order.failed'],
};

/** On the provider's word we close an attempt only once it has ended there. */
function judgeReading(attempt: AttemptRow, facts: readonly Fact[]): Violation[] {
  const { orderId, attempt: number, status, closedBy, closedAt } = attempt;
  // Of two orders under one reference nothing is concluded.
  if (closedBy !== 'reading' || closedAt === null || facts.some(({ twinOf }) => twinOf !== undefined)) return [];
  const hasEnded = facts.some(({ event, at }) => READ_FROM[status]?.includes(event) && Date.parse(at) <= closedAt);
  const text = `attempt ${number} was closed as ${status} on the word of a provider that had not said so`;
  return hasEnded ? [] : [broken('I1', orderId, text)];
}
