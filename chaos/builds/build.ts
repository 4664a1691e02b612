import type { ConduitClient } from '../../src/clients/conduit/client.ts';
import type { Database } from '../../src/db/client.ts';
import type { Invariant } from '../checker/verdict.ts';

/** The product with one deliberate bug each. */
export const BUILD_NAMES = [
  'fresh-key',
  'no-look-up',
  'foreign-refusal',
  'absent-is-proof',
  'cancel-ignores-executing',
  'permit-without-lock',
  'redis-record',
  'expiry-once',
  'outbox-apart',
  'no-row-is-mine',
  'rate-on-quote',
  'ageless-permit',
  'deaf-to-429',
  'order-of-anybody',
  'talkative-log',
  'stray-statements',
  'failure-read-once',
  'dead-quote-is-final',
] as const;
export type BuildName = (typeof BUILD_NAMES)[number];

/** One piece of a source file, and what stands there in its place. */
export interface Mutation {
  /** From the root of the product. */
  readonly file: string;
  /** Is in the file exactly once: a build never silently becomes the healthy product. */
  readonly text: string;
  readonly by: string;
}

/** What a build puts around the objects that a process is given. */
export interface Wrappers {
  readonly db?: (db: Database) => Database;
  readonly conduit?: (client: ConduitClient) => ConduitClient;
}

export interface Recipe {
  /** What is broken, in a sentence. */
  readonly broken: string;
  /** The laws that it breaks where its situation arises: by at least one of them it must be caught. */
  readonly harms: readonly [Invariant, ...Invariant[]];
  /** The id of the experiment in which that situation arises. */
  readonly caughtBy: string;
  /** Its harm is an order that nothing can end any more: that the system comes to no rest is what is to be seen. */
  readonly isEndless?: true;
  readonly mutations?: readonly Mutation[];
  readonly wrappers?: Wrappers;
  /**
   * Rules of the schema that would keep the bug from doing harm, taken away in the database of that run before its processes start: what
   * is to be shown is that the judge sees the bug, not that PostgreSQL does. Each may run any number of times.
   */
  readonly unguard?: readonly string[];
}

export interface Build extends Recipe {
  readonly name: BuildName;
}
