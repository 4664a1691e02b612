// I3 and I9: at which amounts, and I10: between which accounts the provider was made to move money.
import { compare, type Exact, exact, isPlain, isSame, roundedUp, times } from '../decimals.ts';
import { type Evidence, groupBy, orderOf } from '../evidence.ts';
import type { OrderRow } from '../rows.ts';
import { creationsOf, type Terms, termsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

const RATE_PLACES = 18;

export function judgeTerms(evidence: Evidence): Violation[] {
  const claims = groupBy(
    evidence.ledger.filter(({ event }) => event === 'order.claimed'),
    ({ reference }) => orderOf(reference),
  );
  const creations = creationsOf(evidence);
  const { maxStopGapBps } = evidence.meta;
  return evidence.orders.flatMap((order) => {
    const terms = termsOf(order, creations.get(order.orderId) ?? []);
    const floor = terms.direction === '<=' ? floorOf(terms, maxStopGapBps) : null;
    return [
      ...judgeFloor(order, floor),
      ...(claims.get(order.orderId) ?? []).flatMap((claim) => judgeClaim(order, claim, terms, floor)),
    ];
  });
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

/** The target, less the gap, rounded up: reckoned anew, since a floor that was stored too low would excuse every claim above it. */
function floorOf({ targetRate }: Terms, gapBps: number): Exact {
  return roundedUp(times(exact(targetRate), { units: BigInt(10_000 - gapBps), scale: 4 }), RATE_PLACES);
}

function judgeFloor({ orderId, floorRate }: OrderRow, floor: Exact | null): Violation[] {
  if (floorRate === null) return floor === null ? [] : [broken('I3', orderId, 'it has no floor')];
  const isKept = floor !== null && compare(exact(floorRate), floor) === 0;
  return isKept ? [] : [broken('I3', orderId, `its floor is ${floorRate}, which does not follow from its target`)];
}

/** The amounts that were locked when it was claimed. */
function judgeClaim(order: OrderRow, fact: Fact, terms: Terms, floor: Exact | null): Violation[] {
  const { order: held, arrives } = fact;
  if (!held) throw new Error(`fact ${fact.seq} of the ledger shows no order`);
  const { orderId, sourceAccount, destinationAccount } = order;
  const debit = held.totalDebit.amount;
  // Printed before a fee in the destination asset is taken off it, or after: the condition must hold for both.
  const printed = held.destinationAsset.amount;
  const net = (arrives ?? held.destinationAsset).amount;
  const violations: Violation[] = [];
  if (!isSame(debit, terms.amount))
    violations.push(broken('I9', orderId, `debited ${debit} for an order of ${terms.amount}`));
  if (![printed, net].every((amount) => isMet(terms, floor, debit, amount)))
    violations.push(
      broken('I3', orderId, `${net} for ${debit} was claimed; asked was ${terms.direction} ${terms.targetRate}`),
    );
  if (held.source.id !== sourceAccount || held.destination.id !== destinationAccount)
    violations.push(broken('I10', orderId, 'it moved money between other accounts than the order is bound to'));
  return violations;
}

/** Compared by products: a quotient would have to be rounded. */
function isMet({ direction, targetRate }: Terms, floor: Exact | null, debit: string, amount: string): boolean {
  const against = (rate: Exact) => compare(exact(amount), times(rate, exact(debit)));
  if (direction === '>=') return against(exact(targetRate)) >= 0;
  return floor !== null && against(exact(targetRate)) <= 0 && against(floor) >= 0;
}
