import type { OrderSnapshot } from '../db/order-snapshots.ts';
import { decimalsOf, isCurrency } from '../domain/assets.ts';
import { Decimal } from '../domain/decimal.ts';
import type { Instant } from '../domain/order.ts';
import { allInRate } from '../domain/rate.ts';

/**
 * An order as a client sees it. Amounts have exactly the decimals of their asset, rates stand as they were given or kept, times are
 * RFC 3339 in UTC with milliseconds. No account id leaves the service.
 */
export function orderView(order: OrderSnapshot) {
  const inSource = (amount: string | null) => showAmount(amount, order.fromCurrency);
  const inDestination = (amount: string | null) => showAmount(amount, order.toCurrency);
  const attempt = isAttemptWithoutEffect(order) ? null : order;
  return {
    order_id: order.id,
    id: order.id,
    user_id: order.userId,
    status: order.status,
    reason: order.reason,
    provider_code: order.providerCode,
    from_currency: order.fromCurrency,
    from_network: order.fromNetwork,
    to_currency: order.toCurrency,
    to_network: order.toNetwork,
    pair: order.pair,
    amount: inSource(order.amount),
    target_rate: order.targetRate,
    direction: order.direction,
    floor_rate: order.floorRate,
    trigger_rate: order.triggerRate,
    idempotency_key: order.idempotencyKey,
    expires_at: showTime(order.expiresAt),
    attempts: order.attempts,
    last_attempted_at: showTime(order.lastAttemptedAt),
    last_look_rate: order.lastLookRate,
    next_check_at: order.closedAt === null ? showTime(order.nextCheckAt) : null,
    all_in_rate: attempt && allInRateOf(attempt),
    locked_debit: attempt && inSource(attempt.lockedDebit),
    locked_recipient: attempt && inDestination(attempt.lockedRecipient),
    settled_debit: attempt && inSource(attempt.settledDebit),
    settled_recipient: attempt && inDestination(attempt.settledRecipient),
    conduit_order_id: order.conduitOrderId,
    conduit_transaction_id: order.conduitTransactionId,
    cancel_refused_at: showTime(order.cancelRefusedAt),
    created_at: showTime(order.createdAt),
    updated_at: showTime(order.updatedAt),
    closed_at: showTime(order.closedAt),
    version: order.version,
  };
}

/** An attempt closed without effect got no rate and moves no money; only of a failed order one must see what it was about. */
function isAttemptWithoutEffect({ status, attemptStatus }: OrderSnapshot): boolean {
  return status !== 'failed' && (attemptStatus === 'failed' || attemptStatus === 'cancelled');
}

/** From the amounts that count most: settled, else locked, else quoted. */
function allInRateOf(order: OrderSnapshot): string | null {
  const pairs = [
    [order.settledDebit, order.settledRecipient],
    [order.lockedDebit, order.lockedRecipient],
    [order.quotedDebit, order.quotedRecipient],
  ] as const;
  for (const [debit, recipient] of pairs) {
    if (debit !== null && recipient !== null) return allInRate({ debit, recipient, destinationFee: '0' });
  }
  return null;
}

/** At exactly the asset's decimals. More decimals than that cannot have been stored by us, so they are shown rather than cut. */
function showAmount(amount: string | null, currency: string): string | null {
  if (amount === null) return null;
  const value = new Decimal(amount);
  const decimals = isCurrency(currency) ? decimalsOf(currency) : 0;
  return value.toFixed(Math.max(decimals, value.decimalPlaces()));
}

export function showTime(at: Instant): string;
export function showTime(at: Instant | null): string | null;
export function showTime(at: Instant | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
