// I4: nothing takes effect at or after an order's expiry, and no option or lock is used past its own.
import { type Evidence, groupBy, orderOf } from '../evidence.ts';
import type { AttemptRow, OrderRow, SendRow } from '../rows.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact, Meta } from '../witnesses.ts';

/** A permit lives for so long: what it was given on may be so old when its row is written, and when the bytes leave. */
const PERMIT_MS = 2_000;
/** A network that delivers a request later than this after we gave it up is outside of what anybody can promise. */
const GIVEN_UP_MS = 10_000;

export function judgeTime(evidence: Evidence): Violation[] {
  const { meta, orders, attempts, ledger } = evidence;
  const facts = groupBy(ledger, ({ reference }) => orderOf(reference));
  const sends = groupBy(evidence.sends, ({ orderId }) => orderId);
  const optionExpiry = new Map(
    ledger.flatMap(({ options = [] }) => options.map(({ id, expiresAt }) => [id, Date.parse(expiresAt)] as const)),
  );
  return [
    ...lateEffects(evidence)
      .filter(({ isGivenUp }) => !isGivenUp)
      .map(({ orderId, operation, lateMs }) =>
        broken('I4', orderId, `${operation} took effect ${lateMs} ms after the expiry`),
      ),
    ...orders.flatMap((order) => [
      ...judgePermits(order, attempts, sends.get(order.orderId) ?? [], meta),
      ...judgeRedemptions(order, facts.get(order.orderId) ?? [], optionExpiry),
    ]),
  ];
}

/** How many took effect late, and were delivered so long after they were given up that they are counted apart. */
export function countDeliveredLate(evidence: Evidence): number {
  return lateEffects(evidence).filter(({ isGivenUp }) => isGivenUp).length;
}

/** No permit within the margin before the expiry, the lock's or the option's end; one that was not used is none. */
function judgePermits(
  { orderId, expiresAt }: OrderRow,
  attempts: readonly AttemptRow[],
  sends: readonly SendRow[],
  { sendMarginMs, quoteMarginMs }: Meta,
): Violation[] {
  const used = sends.filter(({ operation, outcome }) => operation !== 'cancel' && outcome !== 'unsent');
  return used.flatMap((send) => {
    const attempt = attempts.find((it) => it.orderId === orderId && it.attempt === send.attempt);
    const ends = [
      ['the expiry', expiresAt, sendMarginMs],
      send.operation === 'execute'
        ? (["the lock's end", attempt?.lockExpiresAt ?? null, sendMarginMs] as const)
        : (["the option's end", attempt?.optionExpiresAt ?? null, quoteMarginMs] as const),
    ] as const;
    return ends
      .filter(([, end, margin]) => end !== null && send.permittedAt > end - margin + PERMIT_MS)
      .map(([what, end]) =>
        broken('I4', orderId, `${send.operation} permitted ${(end ?? 0) - send.permittedAt} ms before ${what}`),
      );
  });
}

interface LateEffect {
  readonly orderId: string;
  readonly operation: string;
  readonly lateMs: number;
  readonly isGivenUp: boolean;
}

/** Every create and execute that took effect and had been received at or after its order's expiry. */
function lateEffects({ orders, ledger, sends, meta }: Evidence): LateEffect[] {
  const facts = groupBy(ledger, ({ reference }) => orderOf(reference));
  const byKey = groupBy(sends, ({ idempotencyKey }) => idempotencyKey);
  return orders.flatMap(({ orderId, expiresAt }) =>
    (facts.get(orderId) ?? []).flatMap((fact, _, its) => {
      const { operation = '', key = '' } = fact;
      const at = isEffect(fact) ? receivedAt(fact, its) : Number.NEGATIVE_INFINITY;
      if (at < expiresAt) return [];
      const isGivenUp = wasGivenUp(byKey.get(key) ?? [], at, meta);
      return [{ orderId, operation, lateMs: at - expiresAt, isGivenUp }];
    }),
  );
}

function isEffect({ event, outcome, operation }: Fact): boolean {
  return event === 'request.answered' && outcome === 'done' && /^orders\.(create|execute)$/.test(operation ?? '');
}

function receivedAt({ requestId, at }: Fact, facts: readonly Fact[]): number {
  const received = facts.find((fact) => fact.event === 'request.received' && fact.requestId === requestId);
  return Date.parse(received?.at ?? at);
}

/**
 * Whether everything that left under the key had been given up long before it was received. What never left cannot have arrived. Of a
 * send whose sender died nobody wrote down an end: its connection ended with it, so at the latest when the sender would have given it up
 * had its permit been used at the last moment. A look-up does not change a send's outcome: that stays its own reply's word.
 */
function wasGivenUp(sends: readonly SendRow[], at: number, { httpDeadlineMs }: Meta): boolean {
  const left = sends.filter(({ permittedAt, outcome }) => permittedAt <= at && outcome !== 'unsent');
  const isPast = ({ permittedAt, outcome, repliedAt }: SendRow) =>
    outcome !== 'accepted' && at > (repliedAt ?? permittedAt + PERMIT_MS + httpDeadlineMs) + GIVEN_UP_MS;
  return left.length > 0 && left.every(isPast);
}

/** By the provider's own word on how long an option lives. */
function judgeRedemptions(
  { orderId }: OrderRow,
  facts: readonly Fact[],
  optionExpiry: ReadonlyMap<string, number>,
): Violation[] {
  return facts.flatMap(({ event, at, order }) => {
    if (event !== 'order.created') return [];
    const expiry = optionExpiry.get(order?.quoteOptionId ?? '');
    if (expiry === undefined) return [broken('I4', orderId, 'an order was made of an option that nobody was shown')];
    const lateMs = Date.parse(at) - expiry;
    return lateMs >= 0 ? [broken('I4', orderId, `an option was redeemed ${lateMs} ms after its end`)] : [];
  });
}
