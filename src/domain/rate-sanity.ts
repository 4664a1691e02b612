import { Decimal } from './decimal.ts';

/** Bounds of how far a rate may be from the pair's last good one. Factors above 1. */
export interface SanityBounds {
  readonly jumpFactor: string;
  readonly absurdFactor: string;
}

/** `confirm`: believed only when a second quote agrees. `absurd`: never believed; the pair is paused for a person. */
export type SanityVerdict = 'good' | 'confirm' | 'absurd';

/** How a rate compares with the pair's last good rate; without one there is nothing to distrust. */
export function judgeRate(rate: string, lastGood: string | null, bounds: SanityBounds): SanityVerdict {
  if (lastGood === null) return 'good';
  const [low, high] = [new Decimal(rate), new Decimal(lastGood)].sort((a, b) => a.cmp(b)) as [Decimal, Decimal];
  // Compared as products: a quotient would have to be rounded.
  if (high.gt(low.times(bounds.absurdFactor))) return 'absurd';
  return high.gt(low.times(bounds.jumpFactor)) ? 'confirm' : 'good';
}

/** Whether a second quote confirms the first: within one percent of it. */
export function confirms(first: string, second: string): boolean {
  return new Decimal(first).minus(second).abs().times(100).lte(first);
}
