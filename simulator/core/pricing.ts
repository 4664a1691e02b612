import { type Asset, type Money, money, precisionOf } from './assets.ts';
import { Exact } from './exact.ts';

export type LockSide = 'source' | 'destination';
export type Rate = { endUserRate: string; referenceRate: string; totalSpreadBps: string };
export type Fee = { type: 'fixed'; charge: 'conversion'; owner: 'conduit'; assetAmount: Money };

/** What Conduit charges: a spread in basis points and a fixed fee, taken in the source or in the destination asset. */
type Terms = { spreadBps: string; fixedFee: string; fixedFeeIn: LockSide };

export type PriceRequest = {
  source: Asset;
  destination: Asset;
  lockSide: LockSide;
  amount: string;
  referenceRate: string;
  terms: Terms;
};

export type Priced = {
  rate: Rate;
  fees: Fee[];
  sourceAmount: Money;
  destinationAmount: Money;
  recipientAmount: Money;
  totalDebit: Money;
};

const QUOTE_RATE_DECIMALS = 15;
const ORDER_RATE_DECIMALS = 10;

/** endUserRate = referenceRate x (1 - spread/10^4), at 15 decimals, rounded half up. */
function endUserRate(referenceRate: string, spreadBps: string): Exact {
  const kept = new Exact(1).minus(new Exact(spreadBps).div(10_000));
  return new Exact(referenceRate).times(kept).toDecimalPlaces(QUOTE_RATE_DECIMALS);
}

/**
 * Prices one conversion. With the source locked, a fee in the source asset comes out of the lock and totalDebit is the
 * lock; with the destination locked, the destination amount is the lock and the fee is added to totalDebit. Amounts are
 * rounded half up at their asset's precision, which is the only rounding after the 15-decimal rate.
 */
export function price(request: PriceRequest): Priced {
  const { source, destination, terms } = request;
  const rate = endUserRate(request.referenceRate, terms.spreadBps);
  const feeAsset = terms.fixedFeeIn === 'source' ? source : destination;
  const fee = new Exact(terms.fixedFee).toDecimalPlaces(precisionOf(feeAsset.code));
  const sourceFee = terms.fixedFeeIn === 'source' ? fee : new Exact(0);
  const destinationFee = terms.fixedFeeIn === 'destination' ? fee : new Exact(0);
  const locked = new Exact(request.amount);

  const fromSource = request.lockSide === 'source';
  const sent = fromSource ? locked.minus(sourceFee) : locked.plus(destinationFee).div(rate);
  const sourceAmount = sent.toDecimalPlaces(precisionOf(source.code));
  const arrived = fromSource ? sourceAmount.times(rate) : locked.plus(destinationFee);
  const destinationAmount = arrived.toDecimalPlaces(precisionOf(destination.code));

  return {
    rate: {
      endUserRate: rate.toFixed(),
      referenceRate: new Exact(request.referenceRate).toFixed(),
      totalSpreadBps: new Exact(terms.spreadBps).toFixed(),
    },
    fees: fee.isZero()
      ? []
      : [{ type: 'fixed', charge: 'conversion', owner: 'conduit', assetAmount: money(feeAsset, fee) }],
    sourceAmount: money(source, sourceAmount),
    destinationAmount: money(destination, destinationAmount),
    recipientAmount: money(destination, destinationAmount.minus(destinationFee)),
    totalDebit: money(source, sourceAmount.plus(sourceFee)),
  };
}

/** An order prints its end-user rate at 10 decimals where the quote had 15; the amounts stay those of the quote. */
export function orderRate(rate: Rate): Rate {
  return { ...rate, endUserRate: new Exact(rate.endUserRate).toDecimalPlaces(ORDER_RATE_DECIMALS).toFixed() };
}

/** What arrives as a price prints it: with the fee in its own asset taken off it or, in gross, not yet. */
export function printedArrival({ destinationAmount, recipientAmount }: Priced, isGross: boolean): Money {
  return isGross ? destinationAmount : recipientAmount;
}

/**
 * The same price, as if the lock had been struck `bps` basis points lower than quoted: less arrives for the same debit.
 * For the fault that a provider locks worse than it quoted.
 */
export function worsened(priced: Priced, bps: number): Priced {
  const kept = new Exact(1).minus(new Exact(bps).div(10_000));
  const lower = (amount: Money): Money => money(amount, new Exact(amount.amount).times(kept));
  return {
    ...priced,
    rate: { ...priced.rate, endUserRate: new Exact(priced.rate.endUserRate).times(kept).toDecimalPlaces(15).toFixed() },
    destinationAmount: lower(priced.destinationAmount),
    recipientAmount: lower(priced.recipientAmount),
  };
}
