// I10: a stranger is told nothing and moves nothing, and nobody's order moves another's money.
import { type Evidence, groupBy } from '../evidence.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

export function judgeIsolation(evidence: Evidence): Violation[] {
  const owners = new Map(evidence.orders.map(({ orderId, userId }) => [orderId, userId]));
  const calls = operationsOf(evidence);
  const askedToCancel = new Set(
    calls.flatMap(({ operation, orderId, userId }) =>
      operation === 'cancel' && owners.get(orderId ?? '') === userId ? (orderId ?? []) : [],
    ),
  );
  const events = groupBy(evidence.events, ({ orderId }) => orderId);
  const holders = new Map(evidence.owners.map(({ accountId, userId }) => [accountId, userId]));
  return [
    ...calls.flatMap(({ operation, orderId, userId, status }) => {
      const owner = owners.get(orderId ?? '');
      // Not even that there is such an order: the answer is the one for an order that nobody has.
      const isTold = owner !== undefined && owner !== userId && status !== null && status < 500 && status !== 404;
      return isTold ? [broken('I10', orderId, `${operation} of another user was answered ${status}`)] : [];
    }),
    ...evidence.orders.flatMap(({ orderId, userId, sourceAccount, destinationAccount }) =>
      [sourceAccount, destinationAccount]
        .filter((account) => holders.get(account) !== userId)
        .map((account) => broken('I10', orderId, `it is bound to ${account.slice(0, 8)}…, which is not its user's`)),
    ),
    ...evidence.orders
      .filter(({ orderId }) => !askedToCancel.has(orderId))
      .filter(({ orderId }) => events.get(orderId)?.some((it) => it.status === 'cancelled' && it.actor === 'api'))
      .map(({ orderId }) => broken('I10', orderId, 'it was cancelled, and its customer had not asked for it')),
  ];
}
