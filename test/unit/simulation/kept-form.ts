import type { DropName } from './drops.ts';
import type { Deed, History, Terms, Traits, When } from './history.ts';

/** A history as a person keeps it: its terms where they differ from {@link PLAIN}, and no word of when for what is done at once. */
export interface Lean {
  readonly terms: Partial<Omit<Terms, 'conduit'>> & { readonly conduit?: Partial<Traits> };
  readonly commands: readonly { readonly when?: When; readonly deed: Deed }[];
}

/** The rule whose absence the history shows; or, of one that broke a law of the protocol as it then was, what was wrong. */
export type Cause = { readonly without: DropName } | { readonly why: string };

export type Kept = Lean & Cause;

/** Whatever is changed here changes every history that is kept: better not. The rate has yet to cross. */
const PLAIN: Terms = {
  direction: '>=',
  amount: '1000',
  targetRate: '0.92',
  floorGapBps: 50,
  expiresInMs: 600_000,
  rateOffset: -1_000,
  destinationFee: '0',
  conduit: {
    latencyMs: 50,
    optionTtlMs: 300_000,
    lockTtlMs: 7_200_000,
    keyWindowMs: 300_000,
    skewMs: 0,
    settleMs: 10_000,
    duplicates: 'refused',
    duplicateCode: 'QUOTE_ALREADY_USED',
    printsGross: false,
  },
};

const AT_ONCE: When = { kind: 'after', ms: 0 };

export function historyOf({ terms, commands }: Lean): History {
  return {
    terms: { ...PLAIN, ...terms, conduit: { ...PLAIN.conduit, ...terms.conduit } },
    commands: commands.map(({ when = AT_ONCE, deed }) => ({ when, deed })),
  };
}

function leanOf({ terms: { conduit, ...terms }, commands }: History): Lean {
  const traits = difference(conduit, PLAIN.conduit);
  return {
    terms: { ...difference(terms, PLAIN), ...(Object.keys(traits).length > 0 ? { conduit: traits } : {}) },
    commands: commands.map(({ when, deed }) =>
      when.kind === AT_ONCE.kind && when.ms === AT_ONCE.ms ? { deed } : { when, deed },
    ),
  };
}

function difference<T extends object>(values: T, plain: T): Partial<T> {
  const differs = ([name, value]: [string, unknown]) => value !== plain[name as keyof T];
  return Object.fromEntries(Object.entries(values).filter(differs)) as Partial<T>;
}

/** One line to be added to `KEPT` in regressions.ts as it stands; Biome makes it tidy. */
export function keepable(history: History, cause: Cause): string {
  return `${JSON.stringify({ ...cause, ...leanOf(history) })},`;
}

export function nameOf(kept: Kept): string {
  return 'without' in kept ? kept.without : kept.why;
}
