import type { History } from './history.ts';

/**
 * Histories that once broke a law, or that break one as soon as a rule is dropped: played first at every run. A seed and a path speak
 * only to the generator that drew them; when that changes they are other histories, so what must stay is kept as `history`.
 */
export type Kept =
  | { readonly seed: number; readonly path: string; readonly why: string }
  | { readonly history: History; readonly why: string };

export const KEPT: readonly Kept[] = [];
