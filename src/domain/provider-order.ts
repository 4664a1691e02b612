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
  /** The accounts that it moves money between, and the option that it redeemed; null where the body does not name them. */
  readonly sourceAccount: string | null;
  readonly destinationAccount: string | null;
  readonly quoteOptionId: string | null;
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

/** What an order at the provider was asked to be. */
export interface LockTerms {
  readonly from: Asset;
  readonly to: Asset;
  readonly sourceAccount: string;
  readonly destinationAccount: string;
  readonly quoteOptionId: string;
  /** Of the firm quote that it redeemed. */
  readonly allInRate: string;
  readonly bounds: SanityBounds;
}

/**
 * Verifies a provider order against what it was asked to be: between other accounts, of other assets or at a rate that jumped
 * from the quote's it is never executed. Whether the rate meets the condition is judged later, against the present terms.
 */
export function readLock(order: ProviderOrder, terms: LockTerms): Lock {
  const { from, to } = terms;
  const { totalDebit, destination, fees } = order;
  // Shown only: one that cannot be stored must not keep the reading itself from being stored.
  const rate = order.endUserRate !== null && isRate(order.endUserRate) ? order.endUserRate : null;
  const faulty = (fault: LockFault): Lock => ({ amounts: null, fault, rate, expiresAt: order.lockExpiresAt });
  if (order.autoExecute) return faulty('auto_execute');
  // Source and option are optional in the body; where the money goes must be said, and be right.
  const isOtherSource = order.sourceAccount !== null && order.sourceAccount !== terms.sourceAccount;
  const isOtherOption = order.quoteOptionId !== null && order.quoteOptionId !== terms.quoteOptionId;
  if (order.destinationAccount !== terms.destinationAccount || isOtherSource || isOtherOption)
    return faulty('accounts');
  const isFrom = totalDebit.currency === from.currency && totalDebit.network === from.network;
  const isTo = destination.currency === to.currency && destination.network === to.network;
  const destinationFee = destinationFees(fees, { from, to });
  if (!isFrom || !isTo || destinationFee === null) return faulty('assets');
  if (![totalDebit.amount, destination.amount].every(isAmount)) return faulty('unreadable');
  const amounts = { debit: totalDebit.amount, recipient: destination.amount, destinationFee };
  if (judgeRate(allInRate(amounts), terms.allInRate, terms.bounds) !== 'good') return faulty('implausible');
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
