import { PROTOCOL as SEARCHED, type Rules as SearchedRules } from '../search/rules.ts';

/** The rules of the search, and those that only full times and real amounts can show to matter. */
export interface Rules extends SearchedRules {
  /** What Conduit locked is held against the condition before it is executed. */
  readonly lockIsVerified: boolean;
  /** The clock is asked at every step, not only before an attempt is begun. */
  readonly expiryIsAskedAgain: boolean;
  /** A weaker reading than one already kept is ignored. */
  readonly readingsOnlyRise: boolean;
  /** A pause is asked for by the permit, under its lock. */
  readonly permitHeedsPause: boolean;
  /** Repair tells the run of an attempt that got no further than prepared: the look may have minted it after it was given up. */
  readonly forgottenAreTold: boolean;
}

/** All true: the protocol. */
export const PROTOCOL: Rules = {
  ...SEARCHED,
  lockIsVerified: true,
  expiryIsAskedAgain: true,
  readingsOnlyRise: true,
  permitHeedsPause: true,
  forgottenAreTold: true,
};

export function without(...dropped: (keyof Rules)[]): Rules {
  return { ...PROTOCOL, ...Object.fromEntries(dropped.map((rule) => [rule, false])) };
}
