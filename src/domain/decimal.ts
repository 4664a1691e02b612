import { Decimal as DecimalJs } from 'decimal.js';

/**
 * The one decimal type. At decimal.js's default precision of 20, `target × debit` of two ordinary inputs already rounds, and
 * a rate that is missed looks met; 100 digits hold every product of our bounded inputs exactly.
 */
export const Decimal = DecimalJs.clone({ precision: 100, toExpNeg: -1000, toExpPos: 1000, defaults: true });
export type Decimal = InstanceType<typeof Decimal>;

const PLAIN_DECIMAL = /^(0|[1-9]\d*)(\.\d+)?$/;

/** Whether `text` is an unsigned plain decimal: no sign, exponent, leading zero, bare dot, NaN or infinity. */
export function isPlainDecimal(text: string): boolean {
  return PLAIN_DECIMAL.test(text);
}

/** Digits before and after the point, as written. `text` must be a plain decimal. */
export function digitsOf(text: string): { integer: number; fraction: number } {
  const [integer = '', fraction = ''] = text.split('.');
  return { integer: integer.length, fraction: fraction.length };
}

const RATE_BOUND = new Decimal('1e12');
const AMOUNT_BOUND = new Decimal('1e18');

/** Whether `text` is a rate that our columns hold: positive, under 10¹² and of at most 18 decimals. */
export function isRate(text: string): boolean {
  return isPlainDecimal(text) && digitsOf(text).fraction <= 18 && isWithin(text, RATE_BOUND);
}

/** Whether `text` is an amount that our columns hold: positive and under 10¹⁸. */
export function isAmount(text: string): boolean {
  return isPlainDecimal(text) && isWithin(text, AMOUNT_BOUND);
}

function isWithin(text: string, bound: Decimal): boolean {
  const value = new Decimal(text);
  return value.gt(0) && value.lt(bound);
}

/** The same number without trailing zeros, so that equal amounts have one text. */
export function canonicalDecimal(text: string): string {
  return new Decimal(text).toFixed();
}
