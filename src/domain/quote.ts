import { type Asset, sameAsset } from './assets.ts';
import { Decimal, isAmount, isPlainDecimal, isRate } from './decimal.ts';
import type { Instant } from './order.ts';
import type { Amounts, QuoteShape } from './rate.ts';

/** An asset as Conduit prints it. `currency` is any code of theirs, not only one that we trade. */
export interface ProviderAsset {
  readonly currency: string;
  readonly network: string | null;
}

export interface ProviderAmount extends ProviderAsset {
  readonly amount: string;
}

/** What a quote says it was asked for; null where it does not say. */
export interface QuoteEcho {
  readonly lockSide: string | null;
  readonly amount: string | null;
  readonly from: ProviderAsset | null;
  readonly to: ProviderAsset | null;
}

/** One option of a quote: redeemed at most once, with its own rate and fees. */
export interface QuoteOption {
  readonly quoteId: string;
  readonly optionId: string;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly echo: QuoteEcho;
  readonly referenceRate: string;
  readonly endUserRate: string;
  readonly spreadBps: string;
  readonly fees: readonly ProviderAmount[];
  readonly sourceAmount: ProviderAmount;
  readonly destinationAmount: ProviderAmount;
  readonly recipientAmount: ProviderAmount;
  readonly totalDebit: ProviderAmount;
}

export type QuoteFault = 'not_a_decimal' | 'other_assets' | 'other_amount' | 'foreign_fee' | 'stale';

/** What was asked for. */
export interface QuoteRequest {
  readonly from: Asset;
  readonly to: Asset;
  readonly amount: string;
}

function isOf(asset: Asset, named: ProviderAsset): boolean {
  return named.currency === asset.currency && named.network === asset.network;
}

/** The fees taken in the destination asset, or null when one is taken in an asset that is neither side's. */
export function destinationFees(
  fees: readonly ProviderAmount[],
  { from, to }: { from: Asset; to: Asset },
): string | null {
  if (fees.some((fee) => !isPlainDecimal(fee.amount) || !(isOf(from, fee) || isOf(to, fee)))) return null;
  const taken = sameAsset(from, to) ? [] : fees.filter((fee) => isOf(to, fee));
  return taken.reduce((sum, fee) => sum.plus(fee.amount), new Decimal(0)).toFixed();
}

/**
 * A quote option read against what was asked, so that nothing later has to distrust it: amounts for the rate rule and
 * numbers for the trigger, or the first fault. `maxAgeMs` bounds how old the quote itself may be at `now`.
 */
export function readQuote(
  option: QuoteOption,
  request: QuoteRequest,
  now: Instant,
  maxAgeMs: number,
): { readonly amounts: Amounts; readonly shape: QuoteShape } | QuoteFault {
  const { referenceRate, endUserRate, sourceAmount, destinationAmount, recipientAmount, totalDebit } = option;
  const amounts = [sourceAmount, destinationAmount, recipientAmount, totalDebit].map(({ amount }) => amount);
  // What the database would refuse is refused here, where it is a bad quote and not a failed record.
  if (!amounts.every(isAmount) || ![referenceRate, endUserRate].every(isRate)) return 'not_a_decimal';
  if (!isPlainDecimal(option.spreadBps)) return 'not_a_decimal';
  if (![sourceAmount, totalDebit].every((amount) => isOf(request.from, amount))) return 'other_assets';
  if (![destinationAmount, recipientAmount].every((amount) => isOf(request.to, amount))) return 'other_assets';
  const { echo } = option;
  if ((echo.from && !isOf(request.from, echo.from)) || (echo.to && !isOf(request.to, echo.to))) return 'other_assets';
  if (echo.lockSide !== null && echo.lockSide !== 'source') return 'other_amount';
  const stated = [totalDebit.amount, echo.amount ?? request.amount];
  if (!stated.every((amount) => isAmount(amount) && new Decimal(amount).eq(request.amount))) return 'other_amount';
  const destinationFee = destinationFees(option.fees, request);
  if (destinationFee === null) return 'foreign_fee';
  if (now - option.createdAt > maxAgeMs || now >= option.expiresAt) return 'stale';
  return {
    amounts: { debit: totalDebit.amount, recipient: recipientAmount.amount, destinationFee },
    shape: {
      sourceAmount: sourceAmount.amount,
      totalDebit: totalDebit.amount,
      destinationAmount: destinationAmount.amount,
      recipientAmount: recipientAmount.amount,
      referenceRate,
      endUserRate,
    },
  };
}
