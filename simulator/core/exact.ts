import { Decimal } from 'decimal.js';

/**
 * Every amount and rate of the simulator is computed with 100 significant digits, rounding half up, so that the only
 * rounding is the one that a formula asks for by name. At decimal.js's default of 20 digits a product of an 18-decimal
 * amount and a 15-decimal rate is already rounded once too often.
 */
export const Exact = Decimal.clone({ precision: 100, rounding: Decimal.ROUND_HALF_UP });
export type Exact = Decimal;

/** A positive decimal in plain notation: no sign, no exponent, no leading zero, no trailing dot. */
export function isPositiveDecimal(text: string): boolean {
  return /^(0|[1-9]\d*)(\.\d+)?$/.test(text) && !new Exact(text).isZero();
}
