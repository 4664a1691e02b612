import { type Asset, decimalsOf } from './assets.ts';
import { Decimal } from './decimal.ts';
import type { Direction } from './order.ts';

/** Rates are kept and shown with this many decimals. */
const RATE_DECIMALS = 18;

/** The condition of an order: `>=` fires at or above the target, `<=` at or below it but never under the floor. */
export interface RateCondition {
  readonly direction: Direction;
  readonly targetRate: string;
  readonly floorRate: string | null;
}

/** What leaves and what arrives, as plain decimals in major units. */
export interface Amounts {
  /** Everything that leaves the source account, in the source asset. */
  readonly debit: string;
  /** What arrives, in the destination asset. */
  readonly recipient: string;
  /** Fees in the destination asset: it is not known whether `recipient` already excludes them, so both must pass. */
  readonly destinationFee: string;
}

/**
 * Whether amounts meet a condition, exactly: products are compared, nothing is divided or rounded. `>=`: recipient ≥ target × debit.
 * `<=`: floor × debit ≤ recipient ≤ target × debit. With a fee in the destination asset it must hold with and without it.
 */
export function isRateMet(condition: RateCondition, amounts: Amounts): boolean {
  const debit = new Decimal(amounts.debit);
  const most = new Decimal(amounts.recipient);
  const least = most.minus(amounts.destinationFee);
  if (!debit.gt(0) || !least.gt(0)) return false;
  const atTarget = debit.times(condition.targetRate);
  if (condition.direction === '>=') return least.gte(atTarget);
  return condition.floorRate !== null && most.lte(atTarget) && least.gte(debit.times(condition.floorRate));
}

/** The rate a customer really gets: recipient ÷ debit at 18 decimals, rounded down. For display, never for a decision. */
export function allInRate(amounts: Amounts): string {
  return new Decimal(amounts.recipient).div(amounts.debit).toFixed(RATE_DECIMALS, Decimal.ROUND_DOWN);
}

/** The floor of a `<=` order: target × (1 − gap), rounded up so that the kept text is never below the promise. */
export function floorRate(targetRate: string, maxStopGapBps: number): string {
  return new Decimal(targetRate)
    .times(new Decimal(10_000).minus(maxStopGapBps))
    .div(10_000)
    .toFixed(RATE_DECIMALS, Decimal.ROUND_UP);
}

/** One firm quote's numbers, from which the reference rate that would just meet a condition can be computed. */
export interface QuoteShape {
  readonly sourceAmount: string;
  readonly totalDebit: string;
  readonly destinationAmount: string;
  readonly recipientAmount: string;
  readonly referenceRate: string;
  readonly endUserRate: string;
}

/** Widens the computed trigger by a billionth: enough for the quote's own rounding of its rates, too little to cost quotes. */
const EARLY = new Decimal('1e-9');

function triggerAt(rate: string, direction: Direction, quote: QuoteShape, to: Asset): string {
  const unit = new Decimal(10).pow(-decimalsOf(to.currency));
  const fee = new Decimal(quote.destinationAmount).minus(quote.recipientAmount);
  const spread = new Decimal(quote.referenceRate).div(quote.endUserRate);
  const wanted = new Decimal(rate).times(quote.totalDebit);
  const up = direction === '>=';
  // The provider rounds to the nearest unit, so half a unit less (or more) already shows as the wanted amount.
  const destination = wanted
    .div(unit)
    .toDecimalPlaces(0, up ? Decimal.ROUND_CEIL : Decimal.ROUND_FLOOR)
    .times(unit)
    .plus(fee)
    .plus(up ? unit.div(-2) : unit.div(2));
  const trigger = destination
    .div(quote.sourceAmount)
    .times(spread)
    .times(up ? EARLY.neg().plus(1) : EARLY.plus(1));
  return Decimal.max(trigger, 0).toFixed(RATE_DECIMALS, up ? Decimal.ROUND_DOWN : Decimal.ROUND_UP);
}

/** The pair's reference rates between which an order is worth a firm quote; `triggerFloor` is null for `>=`. */
export interface Triggers {
  readonly triggerRate: string;
  readonly triggerFloor: string | null;
}

/** The triggers of a condition under one firm quote's spread and fees. They arm early, never late. */
export function triggersOf(condition: RateCondition, quote: QuoteShape, to: Asset): Triggers {
  return {
    triggerRate: triggerAt(condition.targetRate, condition.direction, quote, to),
    triggerFloor: condition.floorRate === null ? null : triggerAt(condition.floorRate, '>=', quote, to),
  };
}

/** Moves triggers by `bps` towards "sooner": for triggers made from a quote of another amount, whose fees weigh differently. */
export function armEarlier({ triggerRate, triggerFloor }: Triggers, direction: Direction, bps: number): Triggers {
  const sooner = (rate: string, lower: boolean) =>
    new Decimal(rate)
      .times(10_000 + (lower ? -bps : bps))
      .div(10_000)
      .toFixed(RATE_DECIMALS, lower ? Decimal.ROUND_DOWN : Decimal.ROUND_UP);
  return {
    triggerRate: sooner(triggerRate, direction === '>='),
    triggerFloor: triggerFloor === null ? null : sooner(triggerFloor, true),
  };
}

/** Whether a pair's reference rate calls for a firm quote. */
export function hasCrossed(
  direction: Direction,
  { triggerRate, triggerFloor }: Triggers,
  referenceRate: string,
): boolean {
  const rate = new Decimal(referenceRate);
  if (direction === '>=') return rate.gte(triggerRate);
  return rate.lte(triggerRate) && (triggerFloor === null || rate.gte(triggerFloor));
}
