// I4: nothing takes effect at or after an order's expiry, and no option or lock is used past its own.
import { type AttemptRow, type Evidence, groupBy, type OrderRow, orderOf, type SendRow } from '../evidence.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

/** A permit lives for so long: what it was given on may be so old when its row is written, and when the bytes leave. */
const PERMIT_MS = 2_000;
/** What the design allows two clocks to differ by. */
const CLOCK_ERROR_MS = 3_000;

export function judgeTime(evidence: Evidence): Violation[] {
  const { meta, orders, attempts, ledger } = evidence;
  const facts = groupBy(ledger, ({ reference }) => orderOf(reference));
  const sends = groupBy(evidence.sends, ({ orderId }) => orderId);
  const optionExpiry = new Map(
    ledger.flatMap(({ options = [] }) => options.map(({ id, expiresAt }) => [id, Date.parse(expiresAt)] as const)),
  );
  return orders.flatMap((order) => {
    const its = sends.get(order.orderId) ?? [];
    const lastArrivalMs = PERMIT_MS + meta.httpDeadlineMs + CLOCK_ERROR_MS;
    return [
      ...judgePermits(order, attempts, its, meta.sendMarginMs),
      ...judgeEffects(order, facts.get(order.orderId) ?? [], its, lastArrivalMs),
      ...judgeRedemptions(order, facts.get(order.orderId) ?? [], optionExpiry),
    ];
  });
}

/** No permit within the margin before the expiry, the lock's or the option's end; one that was not used is none. */
function judgePermits(
  { orderId, expiresAt }: OrderRow,
  attempts: readonly AttemptRow[],
  sends: readonly SendRow[],
  marginMs: number,
): Violation[] {
  const used = sends.filter(({ operation, outcome }) => operation !== 'cancel' && outcome !== 'unsent');
  return used.flatMap((send) => {
    const attempt = attempts.find((it) => it.orderId === orderId && it.attempt === send.attempt);
    const ends = [
      ['the expiry', expiresAt, marginMs],
      send.operation === 'execute'
        ? (["the lock's end", attempt?.lockExpiresAt ?? null, marginMs] as const)
        : (["the option's end", attempt?.optionExpiresAt ?? null, 0] as const),
    ] as const;
    return ends
      .filter(([, end, margin]) => end !== null && send.permittedAt > end - margin + PERMIT_MS)
      .map(([what, end]) =>
        broken('I4', orderId, `${send.operation} permitted ${(end ?? 0) - send.permittedAt} ms before ${what}`),
      );
  });
}

function judgeEffects(
  { orderId, expiresAt }: OrderRow,
  facts: readonly Fact[],
  sends: readonly SendRow[],
  lastArrivalMs: number,
): Violation[] {
  return facts.flatMap(({ event, outcome, operation, requestId, at: answeredAt, key }) => {
    const isEffect = operation === 'orders.create' || operation === 'orders.execute';
    if (event !== 'request.answered' || outcome !== 'done' || !isEffect) return [];
    const received = facts.find((fact) => fact.event === 'request.received' && fact.requestId === requestId);
    const at = Date.parse(received?.at ?? answeredAt);
    if (at < expiresAt) return [];
    // A network that delivers what was given up long ago is outside of what anybody can promise.
    const permits = sends.filter((send) => send.idempotencyKey === key && send.permittedAt <= at);
    const isGivenUp = permits.length > 0 && permits.every(({ permittedAt }) => at > permittedAt + lastArrivalMs);
    return isGivenUp ? [] : [broken('I4', orderId, `${operation} took effect ${at - expiresAt} ms after the expiry`)];
  });
}

/** By the provider's own word on how long an option lives. */
function judgeRedemptions(
  { orderId }: OrderRow,
  facts: readonly Fact[],
  optionExpiry: ReadonlyMap<string, number>,
): Violation[] {
  return facts.flatMap(({ event, at, order }) => {
    const expiry = event === 'order.created' ? optionExpiry.get(order?.quoteOptionId ?? '') : undefined;
    const lateMs = expiry === undefined ? -1 : Date.parse(at) - expiry;
    return lateMs >= 0 ? [broken('I4', orderId, `an option was redeemed ${lateMs} ms after its end`)] : [];
  });
}
