import type { Asset } from './assets.ts';
import type { LockFault, Observed } from './attempt.ts';
import { isAmount, isRate } from './decimal.ts';
import type { Instant } from './order.ts';
import { destinationFees, type ProviderAmount } from './quote.ts';
import { type Amounts, allInRate } from './rate.ts';
import { judgeRate, type SanityBounds } from './rate-sanity.ts';

export type ProviderOrderStatus = 'pending' | 'succeeded' | 'failed' | 'cancelled';

/** An order at the provider, as its body says. */
export interface ProviderOrder {
  readonly id: string;
  readonly reference: string | null;
  readonly status: ProviderOrderStatus;
  /** Execution has been claimed: a pending order with an execution trigger. */
  readonly isClaimed: boolean;
  readonly autoExecute: boolean;
  readonly source: ProviderAmount;
  readonly destination: ProviderAmount;
  readonly totalDebit: ProviderAmount;
  readonly fees: readonly ProviderAmount[];
  readonly endUserRate: string | null;
  readonly lockExpiresAt: Instant;
  readonly failureCode: string | null;
  readonly cancellationReason: string | null;
  readonly linkedTransactionIds: readonly string[];
}

/** What an order at the provider holds for us, or why it may not be executed. */
export interface Lock {
  readonly amounts: Amounts | null;
  readonly fault: LockFault | null;
  readonly rate: string | null;
  readonly expiresAt: Instant;
}

/**
 * Verifies a provider order against the pair and the quote it was made for: one whose rate jumped from the quote's is never
 * executed, to whosever good. Whether the rate meets the condition is judged later, against the present terms.
 */
export function readLock(
  order: ProviderOrder,
  { from, to }: { from: Asset; to: Asset },
  quoted: { readonly allInRate: string; readonly bounds: SanityBounds },
): Lock {
  const { totalDebit, destination, fees } = order;
  // Shown only: one that cannot be stored must not keep the reading itself from being stored.
  const rate = order.endUserRate !== null && isRate(order.endUserRate) ? order.endUserRate : null;
  const faulty = (fault: LockFault): Lock => ({ amounts: null, fault, rate, expiresAt: order.lockExpiresAt });
  if (order.autoExecute) return faulty('auto_execute');
  const isFrom = totalDebit.currency === from.currency && totalDebit.network === from.network;
  const isTo = destination.currency === to.currency && destination.network === to.network;
  const destinationFee = destinationFees(fees, { from, to });
  if (!isFrom || !isTo || destinationFee === null) return faulty('assets');
  if (![totalDebit.amount, destination.amount].every(isAmount)) return faulty('unreadable');
  const amounts = { debit: totalDebit.amount, recipient: destination.amount, destinationFee };
  if (judgeRate(allInRate(amounts), quoted.allInRate, quoted.bounds) !== 'good') return faulty('implausible');
  return {
    amounts,
    fault: null,
    rate,
    expiresAt: order.lockExpiresAt,
  };
}

/** How far an order at the provider has come. */
export function observedOf(order: ProviderOrder): Observed {
  if (order.status !== 'pending') return 'terminal';
  return order.isClaimed ? 'claimed' : 'pending';
}
