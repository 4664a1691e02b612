import { z } from 'zod';
import { Exact } from '../core/exact.ts';

/** How a rate feed can be wrong: the number itself, the age of the quote, or the assets it speaks of. */
export const BadRate = z.enum(['zero', 'negative', 'absurd', 'nan', 'stale', 'swapped']);
export type BadRate = z.infer<typeof BadRate>;

const STALE_MS = 600_000;

/** The reference rate that the whole quote is then priced with. */
export function badReferenceRate(kind: BadRate, rate: string): string {
  if (kind === 'zero') return '0';
  if (kind === 'negative') return new Exact(rate).negated().toFixed();
  if (kind === 'absurd') return new Exact(rate).times('1e9').toFixed();
  return rate;
}

/** How much older than now the quote is made to look (and, for its expiry, to be). */
export function badQuoteAgeMs(kind: BadRate | undefined): number {
  return kind === 'stale' ? STALE_MS : 0;
}

/**
 * The printed quote, with its numbers or its assets falsified. Only the paper is: an option of it would be redeemed as it
 * was priced.
 */
export function distortQuote(kind: BadRate, quote: Record<string, unknown>): unknown {
  if (kind !== 'nan' && kind !== 'swapped') return quote;
  const text = JSON.stringify(quote, (name, value: unknown) => {
    const isNumber = name === 'endUserRate' || name === 'referenceRate' || name === 'destinationAmount';
    if (kind !== 'nan' || !isNumber) return value;
    return typeof value === 'object' ? { ...value, amount: 'NaN' } : 'NaN';
  });
  const printed: Record<string, unknown> = JSON.parse(text);
  if (kind === 'swapped') {
    printed['sourceAssetRef'] = quote['destinationAssetRef'];
    printed['destinationAssetRef'] = quote['sourceAssetRef'];
  }
  return printed;
}
