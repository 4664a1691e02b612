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

/** The same number without trailing zeros, so that equal amounts have one text. */
export function canonicalDecimal(text: string): string {
  return new Decimal(text).toFixed();
}
