// I1, I3, I4, I9: what the provider's ledger says was executed, how often, at what rate, and when.
import { compare, exact, isSame, times } from '../decimals.ts';
import {
  type AttemptRow,
  type Evidence,
  type Fact,
  groupBy,
  type OrderRow,
  orderOf,
  type SendRow,
} from '../evidence.ts';
import { broken, type Violation } from '../verdict.ts';

/** A permit lives for so long; with the HTTP deadline after it, we have given a call up. */
const PERMIT_MS = 2_000;
/** What the design allows two clocks to differ by. */
const CLOCK_ERROR_MS = 3_000;

export function judgeExecutions(evidence: Evidence): Violation[] {
  const facts = groupBy(evidence.ledger, (fact) => orderOf(fact.reference));
  const sends = groupBy(evidence.sends, ({ orderId }) => orderId);
  const orders = new Map(evidence.orders.map((order) => [order.orderId, order]));
  return [...facts].flatMap(([orderId, its]) => {
    const order = orders.get(orderId);
    if (!order) return [broken('I7', orderId, 'the provider knows an order of ours that has no row')];
    return [
      ...judgeOnce(order, its),
      ...judgeRate(order, its),
      ...judgeTime(order, its, sends.get(orderId) ?? [], evidence),
    ];
  });
}

/** I1: at every instant at most one order at the provider claimed and not failed; one success if and only if we say executed. */
function judgeOnce(order: OrderRow, facts: readonly Fact[]): Violation[] {
  const alive = new Set<string>();
  const violations: Violation[] = [];
  let successes = 0;
  for (const { event, orderId: conduitId = '', at } of facts) {
    if (event === 'order.claimed') alive.add(conduitId);
    if (event === 'order.failed' || event === 'order.cancelled') alive.delete(conduitId);
    if (event === 'order.succeeded') successes += 1;
    if (event === 'order.claimed' && alive.size > 1)
      violations.push(
        broken('I1', order.orderId, `${alive.size} executions at once since ${at}: ${[...alive].join(', ')}`),
      );
  }
  if (successes > 1) violations.push(broken('I1', order.orderId, `executed ${successes} times`));
  if ((successes === 1) !== (order.status === 'executed') && successes <= 1)
    violations.push(
      broken('I1', order.orderId, `${successes} success at the provider, and the order is ${order.status}`),
    );
  return violations;
}

/** I3 and I9: the amounts that were locked when it was claimed. */
function judgeRate(order: OrderRow, facts: readonly Fact[]): Violation[] {
  return facts.flatMap((fact) => {
    if (fact.event !== 'order.claimed' || !fact.order) return [];
    const debit = fact.order.totalDebit.amount;
    const arrives = (fact.arrives ?? fact.order.destinationAsset).amount;
    const violations: Violation[] = [];
    if (!isSame(debit, order.amount))
      violations.push(broken('I9', order.orderId, `debited ${debit} for an order of ${order.amount}`));
    const atTarget = compare(exact(arrives), times(exact(order.targetRate), exact(debit)));
    const isMet =
      order.direction === '>='
        ? atTarget >= 0
        : atTarget <= 0 && compare(exact(arrives), times(exact(order.floorRate ?? '0'), exact(debit))) >= 0;
    if (!isMet)
      violations.push(
        broken(
          'I3',
          order.orderId,
          `${arrives} for ${debit} was claimed; asked was ${order.direction} ${order.targetRate}`,
        ),
      );
    if (fact.order.source.id !== order.sourceAccount || fact.order.destination.id !== order.destinationAccount)
      violations.push(broken('I10', order.orderId, 'it moved money between other accounts than the order is bound to'));
    return violations;
  });
}

/** I4: nothing took effect at or after the expiry, no permit within the margin before it, no option redeemed after its own. */
function judgeTime(
  order: OrderRow,
  facts: readonly Fact[],
  sends: readonly SendRow[],
  evidence: Evidence,
): Violation[] {
  const { sendMarginMs, httpDeadlineMs } = evidence.meta;
  const violations: Violation[] = [];
  for (const send of sends) {
    if (send.operation !== 'cancel' && send.permittedAt > order.expiresAt - sendMarginMs)
      violations.push(
        broken(
          'I4',
          order.orderId,
          `${send.operation} permitted ${order.expiresAt - send.permittedAt} ms before the expiry`,
        ),
      );
  }
  for (const fact of facts) {
    const operation = fact.operation?.replace('orders.', '');
    if (
      fact.event !== 'request.answered' ||
      fact.outcome !== 'done' ||
      (operation !== 'create' && operation !== 'execute')
    )
      continue;
    const received = facts.find(({ event, requestId }) => event === 'request.received' && requestId === fact.requestId);
    const at = Date.parse((received ?? fact).at);
    if (at < order.expiresAt) continue;
    const lastPermit = Math.max(
      0,
      ...sends.filter((send) => send.operation === operation).map(({ permittedAt }) => permittedAt),
    );
    // A network that delivers what was given up long ago is outside of what anybody can promise.
    if (at > lastPermit + PERMIT_MS + httpDeadlineMs + CLOCK_ERROR_MS) continue;
    violations.push(
      broken('I4', order.orderId, `${operation} took effect ${at - order.expiresAt} ms after the expiry`),
    );
  }
  return violations;
}

/** I7, its half on amounts: what we wrote down is what the provider locked and paid. */
export function judgeAmounts(evidence: Evidence): Violation[] {
  const successes = new Map(
    evidence.ledger.filter(({ event }) => event === 'order.succeeded').map((fact) => [fact.orderId ?? '', fact]),
  );
  return evidence.attempts
    .filter(({ status }) => status === 'succeeded')
    .flatMap((attempt) => amountsOf(attempt, successes.get(attempt.conduitOrderId ?? '')));
}

function amountsOf(attempt: AttemptRow, fact: Fact | undefined): Violation[] {
  const { orderId, attempt: number } = attempt;
  if (!fact?.order) return [broken('I7', orderId, `attempt ${number} succeeded, and the provider knows nothing of it`)];
  const pairs = [
    ['settled debit', attempt.settledDebit, fact.order.totalDebit.amount],
    ['settled amount', attempt.settledRecipient, (fact.arrives ?? fact.order.destinationAsset).amount],
  ] as const;
  return pairs
    .filter(([, ours, theirs]) => ours === null || !isSame(ours, theirs))
    .map(([what, ours, theirs]) => broken('I7', orderId, `${what} is ${ours} here and ${theirs} at the provider`));
}
