// I14, of the experiment itself: of what did not happen nothing is shown, least of all where it could have happened.
import { type Evidence, groupBy } from '../evidence.ts';
import { isAccepted, operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

export function judgeSubstance(evidence: Evidence): Violation[] {
  const { meta, ledger, history } = evidence;
  const violations: Violation[] = [];
  const add = (text: string) => violations.push(broken('I14', null, text));
  if (meta.planned > 0 && !operationsOf(evidence).some(isAccepted))
    add(`of ${meta.planned} planned orders none was accepted`);
  if (meta.patient.length > 0 && !ledger.some(({ event }) => event === 'order.claimed')) add('no order was executed');
  const broke = new Set(history.flatMap((entry) => (entry.kind === 'fault' ? entry.experiment : [])));
  for (const experiment of meta.experiments) if (!broke.has(experiment)) add(`${experiment} broke nothing`);
  return [...violations, ...judgeMissed(evidence)];
}

/**
 * No fault excuses it: those are all mended long before such an order expires, and its rate is met all the time. But where they have used up
 * the attempts that an order has in an hour there is none left for it.
 */
function judgeMissed({ meta, orders, attempts, sends }: Evidence): Violation[] {
  const left = sends.filter(({ outcome }) => outcome !== 'unsent');
  const sent = new Set(left.map(({ orderId, attempt }) => `${orderId}:${attempt}`));
  const spentOn = groupBy(
    attempts.filter(
      ({ orderId, attempt, createdAt }) => createdAt <= meta.healedAt && sent.has(`${orderId}:${attempt}`),
    ),
    ({ orderId }) => orderId,
  );
  const known = new Set(orders.map(({ idempotencyKey }) => idempotencyKey));
  const never = meta.patient.filter((key) => !known.has(key));
  const expired = orders
    .filter(({ status, idempotencyKey }) => status === 'expired' && meta.patient.includes(idempotencyKey))
    .filter(({ orderId }) => (spentOn.get(orderId)?.length ?? 0) < meta.attemptsPerHour)
    .map(({ orderId, reason }) => broken('I14', orderId, `it could have been executed, and it expired: ${reason}`));
  return [...never.map((key) => broken('I14', null, `the patient order of key ${key} was never taken`)), ...expired];
}
