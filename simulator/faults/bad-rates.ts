import { z } from 'zod';
import { type Asset, sameAsset } from '../core/assets.ts';
import { Exact } from '../core/exact.ts';
import { present } from '../core/present.ts';

/** How a rate feed can be wrong: the number itself, the age of the quote, or the assets it speaks of. */
export const BadRate = z.enum(['zero', 'negative', 'absurd', 'nan', 'stale', 'swapped', 'swapped_refs']);
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

type PrintedQuote = { sourceAssetRef: Asset; destinationAssetRef: Asset };

function withNaN(quote: PrintedQuote): unknown {
  const text = JSON.stringify(quote, (name, value: unknown) => {
    if (name !== 'endUserRate' && name !== 'referenceRate' && name !== 'destinationAmount') return value;
    return typeof value === 'object' ? { ...value, amount: 'NaN' } : 'NaN';
  });
  return JSON.parse(text);
}

/** Source and destination exchanged wherever an asset is named, also in amounts; the digits stay where they were. */
function exchanged(quote: PrintedQuote): unknown {
  const { sourceAssetRef: source, destinationAssetRef: destination } = quote;
  const text = JSON.stringify(quote, (_name, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('code' in value)) return value;
    const { code, chain, ...rest } = value as Asset;
    return { ...(sameAsset(source, { code, ...present('chain', chain) }) ? destination : source), ...rest };
  });
  return JSON.parse(text);
}

/**
 * The printed quote, with its numbers or its assets falsified. Only the paper is: an option of it would be redeemed as it
 * was priced.
 */
export function distortQuote(kind: BadRate, quote: PrintedQuote): unknown {
  if (kind === 'nan') return withNaN(quote);
  if (kind === 'swapped') return exchanged(quote);
  if (kind !== 'swapped_refs') return quote;
  return { ...quote, sourceAssetRef: quote.destinationAssetRef, destinationAssetRef: quote.sourceAssetRef };
}
