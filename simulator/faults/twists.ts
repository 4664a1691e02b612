import { z } from 'zod';
import type { BadRate } from './bad-rates.ts';

export const FailureSpec = z.strictObject({
  code: z.string().default('provider_unavailable'),
  message: z.string().max(500).default('The simulator was told to let this order fail.'),
  /** The states its linked transactions end in; [] for an order without any. */
  transactions: z
    .array(z.enum(['pending', 'processing', 'completed', 'failed', 'cancelled']))
    .max(10)
    .default(['failed']),
});

const Milliseconds = z.number().int().min(0);

export const LookupTwist = z.strictObject({
  /** Orders younger than this are not there yet. */
  lagMs: Milliseconds.optional(),
  /** Orders are shown as they were so long ago, or not at all. */
  staleMs: Milliseconds.optional(),
  /** Nothing is there. */
  absent: z.boolean().optional(),
  /** A list answers as if no filter had been asked for. */
  ignoreFilter: z.boolean().optional(),
  /** A list shows each order twice, the second time under another id. */
  twins: z.boolean().optional(),
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
export type Twists = { worseLockBps?: number; badRate?: BadRate; lookup?: LookupTwist; settlement?: SettlementTwist };
