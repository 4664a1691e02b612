import { z } from 'zod';
import type { BadRate } from './bad-rates.ts';

const TransactionStatus = z.enum(['pending', 'processing', 'completed', 'failed', 'cancelled']);

export const FailureSpec = z.strictObject({
  code: z.string().default('provider_unavailable'),
  message: z.string().max(500).default('The simulator was told to let this order fail.'),
  /** The states its linked transactions end in; [] for an order without any. */
  transactions: z.array(TransactionStatus).max(10).default(['failed']),
  /** One more that is linked only so long after the failure, in real milliseconds. A restart forgets it. */
  appears: z.strictObject({ status: TransactionStatus, afterMs: z.number().int().min(0) }).optional(),
});

const Milliseconds = z.number().int().min(0);

/** How far the twin of an order has come by the time it is first seen. */
export const TwinState = z.enum(['pending', 'claimed', 'succeeded', 'failed', 'cancelled']);
export type TwinState = z.infer<typeof TwinState>;

export const LookupTwist = z.strictObject({
  /** Orders, or transactions, younger than this are not there yet. */
  lagMs: Milliseconds.optional(),
  /** They are shown as they were so long ago, or not at all. */
  staleMs: Milliseconds.optional(),
  /** Nothing is there. */
  absent: z.boolean().optional(),
  /** A list answers as if no filter had been asked for. */
  ignoreFilter: z.boolean().optional(),
  /**
   * A list of orders finds two where there was one: the second, under an id of its own, is as real as the first from then
   * on. An order has one twin, however often it is asked for.
   */
  twins: z.union([z.literal(true), z.strictObject({ state: TwinState })]).optional(),
});
export type LookupTwist = z.infer<typeof LookupTwist>;

export const SettlementTwist = z.strictObject({
  /** Stays claimed until it is released by hand. */
  held: z.boolean().optional(),
  /** In place of the settle delay, in real milliseconds. */
  delayMs: Milliseconds.optional(),
  failure: FailureSpec.optional(),
});
export type SettlementTwist = z.infer<typeof SettlementTwist>;

/** What a fault changes inside an operation, as against on the wire around it. */
export type Twists = {
  worseLockBps?: number;
  autoExecuteDespiteFalse?: boolean;
  badRate?: BadRate;
  lookup?: LookupTwist;
  settlement?: SettlementTwist;
};
