// I3 and I9: at which amounts, and I10: between which accounts the provider was made to move money.
import { compare, exact, isPlain, isSame, times } from '../decimals.ts';
import { type Evidence, groupBy, type OrderRow, orderOf } from '../evidence.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

export function judgeTerms({ orders, ledger }: Evidence): Violation[] {
  const claims = groupBy(
    ledger.filter(({ event }) => event === 'order.claimed'),
    ({ reference }) => orderOf(reference),
  );
  return orders.flatMap((order) => (claims.get(order.orderId) ?? []).flatMap((claim) => judgeClaim(order, claim)));
}

/** Nowhere on its way has an amount or a rate been a float. */
export function judgeDecimals({ orders, attempts }: Evidence): Violation[] {
  const amounts = [
    ...orders.flatMap(({ orderId, amount, targetRate, floorRate }) =>
      Object.entries({ amount, targetRate, floorRate }).map((entry) => [orderId, ...entry] as const),
    ),
    ...attempts.flatMap(({ orderId, lockedDebit, lockedRecipient, settledDebit, settledRecipient }) =>
      Object.entries({ lockedDebit, lockedRecipient, settledDebit, settledRecipient }).map(
        (entry) => [orderId, ...entry] as const,
      ),
    ),
  ];
  return amounts
    .filter(([, , value]) => value !== null && !isPlain(value))
    .map(([orderId, name, value]) => broken('I9', orderId, `${name} is ${JSON.stringify(value)}, no plain decimal`));
}

/** The amounts that were locked when it was claimed. */
function judgeClaim(order: OrderRow, { order: held, arrives: credited }: Fact): Violation[] {
  if (!held) return [];
  const { orderId, amount, direction, targetRate, sourceAccount, destinationAccount } = order;
  const debit = held.totalDebit.amount;
  const arrives = (credited ?? held.destinationAsset).amount;
  const violations: Violation[] = [];
  if (!isSame(debit, amount)) violations.push(broken('I9', orderId, `debited ${debit} for an order of ${amount}`));
  if (!isMet(order, debit, arrives))
    violations.push(broken('I3', orderId, `${arrives} for ${debit} was claimed; asked was ${direction} ${targetRate}`));
  if (held.source.id !== sourceAccount || held.destination.id !== destinationAccount)
    violations.push(broken('I10', orderId, 'it moved money between other accounts than the order is bound to'));
  return violations;
}

/** Compared by products: a quotient would have to be rounded. A `<=` order without a floor accepts nothing. */
function isMet({ direction, targetRate, floorRate }: OrderRow, debit: string, arrives: string): boolean {
  const against = (rate: string) => compare(exact(arrives), times(exact(rate), exact(debit)));
  if (direction === '>=') return against(targetRate) >= 0;
  return floorRate !== null && against(targetRate) <= 0 && against(floorRate) >= 0;
}
