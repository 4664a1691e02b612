import type { Direction } from '../../../src/domain/order.ts';

/** How Conduit is in one history. Times in milliseconds. */
export interface Traits {
  /** One way. */
  readonly latencyMs: number;
  readonly optionTtlMs: number;
  readonly lockTtlMs: number;
  /** How long a key is remembered; the pages say five minutes or thirty days. */
  readonly keyWindowMs: number;
  /** Its clock less ours. */
  readonly skewMs: number;
  /** From a claim to its end. */
  readonly settleMs: number;
  /**
   * A second create under a used option and reference is refused for ever, as the pages say; or makes a second order, as a Conduit
   * would that keeps nothing but its keys. The protocol must hold with both.
   */
  readonly duplicates: 'refused' | 'made';
  readonly duplicateCode: 'QUOTE_ALREADY_USED' | 'CONFLICT' | 'DUPLICATE_CLIENT_REFERENCE_ID';
  /** Whether the body of an order prints what arrives before the fee that is taken from it. */
  readonly printsGross: boolean;
}

/** The order, and the world at its creation. */
export interface Terms {
  readonly direction: Direction;
  readonly amount: string;
  readonly targetRate: string;
  readonly floorGapBps: number;
  readonly expiresInMs: number;
  /** Where the market's rate stands: hundredths of a basis point from where the order is just met, in the customer's favour. */
  readonly rateOffset: number;
  readonly destinationFee: string;
  readonly conduit: Traits;
}

/** What happens to one request that has an effect. */
export type SendFault =
  /** Never arrives. */
  | { readonly kind: 'lost_request' }
  /** Arrives that much later, given up long before or not. */
  | { readonly kind: 'late'; readonly ms: number }
  /** Takes effect; its reply never comes. */
  | { readonly kind: 'lost_reply' }
  /** Takes effect; the reply is a gateway's, or cut short. */
  | { readonly kind: 'garbled'; readonly status: number }
  /** Answered before any effect. */
  | { readonly kind: 'refused'; readonly status: number; readonly code: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'not_connected' };

/** What one look-up shows instead of the truth of its moment. */
export type LookFault =
  | { readonly kind: 'down' }
  | { readonly kind: 'lag'; readonly ms: number }
  | { readonly kind: 'limited'; readonly retryAfterMs: number }
  | { readonly kind: 'linked_unreadable' };

export type QuoteFault =
  | { readonly kind: 'down' }
  | { readonly kind: 'limited'; readonly retryAfterMs: number }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | {
      readonly kind: 'bad';
      readonly how: 'zero' | 'not_a_number' | 'stale' | 'other_assets' | 'other_amount' | 'absurd';
    };

/** How the order that the next create makes differs from what was quoted. */
export type LockTwist =
  | { readonly kind: 'worse' | 'better'; readonly bps: number }
  | { readonly kind: 'auto_execute' | 'other_debit' | 'other_account' | 'other_assets' };

/** How the next claimed order ends, or the one that is claimed now. */
export type End =
  | { readonly kind: 'succeeded' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      /** `appears`: none at first, and one that completed is seen some seconds later; `another_appears`: beside one that failed. */
      readonly linked:
        | 'none'
        | 'no_effect'
        | 'completed'
        | 'appears'
        | 'another_appears'
        | 'open_then_completed'
        | 'open_then_failed';
    };

/** Between two steps of an activity: before it begins, before its record, its permit and bytes, its reply and the row. */
export type Seam = 'begin' | 'record' | 'bytes' | 'reply';

export type Deed =
  | { readonly kind: 'price'; readonly offset: number }
  | { readonly kind: 'customer_cancels' }
  | { readonly kind: 'operator_cancels' }
  | {
      readonly kind: 'send_faults';
      readonly call: 'create' | 'execute' | 'cancel';
      readonly faults: readonly SendFault[];
    }
  | { readonly kind: 'look_faults'; readonly fault: LookFault; readonly count: number }
  | { readonly kind: 'quote_faults'; readonly fault: QuoteFault; readonly count: number }
  | { readonly kind: 'lock'; readonly twist: LockTwist }
  | { readonly kind: 'ends'; readonly end: End; readonly isNow: boolean }
  | { readonly kind: 'freeze'; readonly at: Seam; readonly ms: number }
  | { readonly kind: 'crash'; readonly at: Seam }
  /** The worker's process dies; another goes on with the run. */
  | { readonly kind: 'worker_dies' }
  /** The run is gone, its activities are not; the repair starts another after that time. */
  | { readonly kind: 'run_ends'; readonly newAfterMs: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'account'; readonly isActive: boolean }
  | { readonly kind: 'funds'; readonly areThere: boolean }
  | { readonly kind: 'others_cancel' }
  | { readonly kind: 'others_claim' }
  | { readonly kind: 'webhook' };

/** When a deed is done: some time after the one before, or at a moment of the order's own clock if that is still ahead. */
export type When =
  | { readonly kind: 'after'; readonly ms: number }
  | { readonly kind: 'around'; readonly what: 'fence' | 'expiry'; readonly ms: number };

export interface Command {
  readonly when: When;
  readonly deed: Deed;
}

/** One random history: everything that is not the protocol's own doing. */
export interface History {
  readonly terms: Terms;
  readonly commands: readonly Command[];
}
