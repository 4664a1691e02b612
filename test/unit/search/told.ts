import type { SearchResult } from './search.ts';

export const isLong = process.env['SEARCH'] === 'long';
export const LONG_TIMEOUT_MS = isLong ? 1_200_000 : 60_000;

/** Prints what a search did, where it was asked for. */
export function told(name: string, { states, steps, finding }: SearchResult): void {
  if (!isLong && process.env['SEARCH'] !== 'show') return;
  const path = finding?.path.map((step, index) => `\n    ${index + 1}. ${step}`) ?? [];
  const verdict = finding ? `${finding.breach}${path.join('')}` : 'no breach';
  process.stdout.write(`${name}: ${states} states, ${steps} steps: ${verdict}\n`);
}
