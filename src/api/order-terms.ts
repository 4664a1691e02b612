import type { Asset } from '../domain/assets.ts';
import { decimalsOf } from '../domain/assets.ts';
import { Decimal } from '../domain/decimal.ts';
import { DomainError } from '../domain/errors.ts';
import type { Direction } from '../domain/order.ts';
import {
  type Amounts,
  allInRate,
  armEarlier,
  floorRate,
  type QuoteShape,
  type RateCondition,
  type Triggers,
  triggersOf,
} from '../domain/rate.ts';

/** One usable quote, as it was read. */
export interface QuoteReading {
  readonly quoteId: string;
  readonly amounts: Amounts;
  readonly shape: QuoteShape;
}

export interface TermLimits {
  readonly maxFeeShareBps: number;
  readonly targetPlausibleFactor: string;
  readonly maxStopGapBps: number;
}

/** What an order asks for, as far as a quote is concerned. */
export interface Wish {
  readonly direction: Direction;
  readonly targetRate: string;
  readonly amount: string;
  readonly to: Asset;
}

/** What an accepted order is stored with. Rates are decimals with at most 18 places. */
export interface Terms extends Triggers {
  readonly floorRate: string | null;
  readonly quotedRate: string;
  readonly quoteId: string;
}

/** Left over for what a quote of another amount cannot tell: a spread that hangs on the amount, and the rate's way since. */
const BORROWED_EARLY_BPS = 5;

/** The terms under a quote for exactly the order's amount, or why the order is refused. */
export function termsOf(wish: Wish, quote: QuoteReading, limits: TermLimits): Terms | DomainError {
  const condition = conditionOf(wish, limits);
  return (
    judge(wish, condition, quote.amounts, quote.shape, limits) ?? {
      ...triggersOf(condition, quote.shape, wish.to),
      ...stored(condition, quote),
    }
  );
}

/**
 * The terms under a quote that was made a moment ago for another amount, or null when it does not surely accept the order: a
 * refusal needs a quote of the order's own. Whether the fees are fixed or grow with the amount the quote does not say, so the
 * order must be acceptable either way, and arms at the earlier of the two rates.
 */
export function borrowedTermsOf(wish: Wish, quote: QuoteReading, limits: TermLimits): Terms | null {
  const condition = conditionOf(wish, limits);
  const scaled = withFixedFees(quote, wish);
  if (!scaled) return null;
  for (const { amounts, shape } of [quote, scaled]) if (judge(wish, condition, amounts, shape, limits)) return null;
  const sooner = earlier(
    wish.direction,
    triggersOf(condition, quote.shape, wish.to),
    triggersOf(condition, scaled.shape, wish.to),
  );
  return { ...armEarlier(sooner, wish.direction, BORROWED_EARLY_BPS), ...stored(condition, quote) };
}

function stored(condition: RateCondition, quote: QuoteReading) {
  const quotedRate = quote.shape.referenceRate;
  return { floorRate: condition.floorRate, quotedRate, quoteId: quote.quoteId };
}

function conditionOf({ direction, targetRate }: Wish, { maxStopGapBps }: TermLimits): RateCondition {
  return { direction, targetRate, floorRate: direction === '<=' ? floorRate(targetRate, maxStopGapBps) : null };
}

/** Products are compared, so that nothing is rounded. */
function judge(
  wish: Wish,
  { floorRate: floor }: RateCondition,
  amounts: Amounts,
  shape: QuoteShape,
  limits: TermLimits,
): DomainError | null {
  const debit = new Decimal(amounts.debit);
  const recipient = new Decimal(amounts.recipient);
  const least = recipient.minus(amounts.destinationFee);

  const destination = new Decimal(shape.destinationAmount);
  const kept = Decimal.min(recipient, destination.minus(amounts.destinationFee)).times(shape.sourceAmount);
  if (kept.times(10_000).lt(debit.times(destination).times(10_000 - limits.maxFeeShareBps))) {
    const detail = `is too small: fees would take more than ${limits.maxFeeShareBps / 100} % of it`;
    return refusal('amount_eaten_by_fees', '/amount', detail);
  }

  const atTarget = debit.times(wish.targetRate);
  const factor = limits.targetPlausibleFactor;
  if (atTarget.gte(recipient.times(factor)) || atTarget.times(factor).lte(recipient)) {
    const detail = `is ${factor} times or more off the quoted all-in rate ${shown(amounts)}`;
    return refusal('target_implausible', '/target_rate', detail);
  }
  if (floor !== null && least.lt(debit.times(floor))) {
    const detail = `has the floor ${floor}, and the quoted all-in rate is already ${shown(amounts)}`;
    return refusal('below_floor', '/target_rate', detail);
  }
  return null;
}

function shown(amounts: Amounts): string {
  return new Decimal(allInRate(amounts)).toFixed();
}

function refusal(code: 'amount_eaten_by_fees' | 'target_implausible' | 'below_floor', pointer: string, detail: string) {
  return new DomainError(code, `the ${pointer.slice(1)} ${detail}`, { fields: [{ pointer, detail }] });
}

/** The quote as it would be for the wish's amount if its fees are fixed; null when they would eat it up. */
function withFixedFees({ quoteId, amounts, shape }: QuoteReading, { amount, to }: Wish): QuoteReading | null {
  const source = new Decimal(amount).minus(shape.totalDebit).plus(shape.sourceAmount);
  const fee = new Decimal(shape.destinationAmount).minus(shape.recipientAmount);
  const destination = source.times(shape.endUserRate).toDecimalPlaces(decimalsOf(to.currency), Decimal.ROUND_DOWN);
  const recipient = destination.minus(fee);
  if (!source.gt(0) || !recipient.gt(0)) return null;
  return {
    quoteId,
    amounts: { debit: amount, recipient: recipient.toFixed(), destinationFee: amounts.destinationFee },
    shape: {
      ...shape,
      totalDebit: amount,
      sourceAmount: source.toFixed(),
      destinationAmount: destination.toFixed(),
      recipientAmount: recipient.toFixed(),
    },
  };
}

/** Of two sets of triggers the one that arms first, side by side. */
function earlier(direction: Direction, a: Triggers, b: Triggers): Triggers {
  const lower = (one: string, other: string) => (new Decimal(one).lt(other) ? one : other);
  const higher = (one: string, other: string) => (new Decimal(one).gt(other) ? one : other);
  const { triggerFloor: floorA } = a;
  const { triggerFloor: floorB } = b;
  return {
    triggerRate: direction === '>=' ? lower(a.triggerRate, b.triggerRate) : higher(a.triggerRate, b.triggerRate),
    triggerFloor: floorA === null || floorB === null ? null : lower(floorA, floorB),
  };
}
