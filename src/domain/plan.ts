import type { Attempt } from './attempt.ts';
import type { Instant, Order, OrderReason } from './order.ts';
import type { ProviderCode } from './replies.ts';

/** Everything a plan is made from, read in one transaction. */
export interface Situation {
  readonly order: Order;
  /** The live attempt, if there is one. */
  readonly attempt: Attempt | null;
  /** Whether any pause covers this order (on all, its pair, one of its accounts), or {@link isMovingElsewhere}, which stops it alike. */
  readonly isPaused: boolean;
  /** Whether money was seen to move under an attempt that is closed: until the alarm has ended the order, nobody else ends it. */
  readonly isMovingElsewhere: boolean;
  /** Whether both accounts bound to the order are still the user's and active. */
  readonly areAccountsActive: boolean;
  /** Until when the provider asked everybody to wait; null when the gate is open. */
  readonly gateClosedUntil: Instant | null;
  /** Whether the order's trigger was crossed by the newest rate, told by the watcher or read at the start of a run. */
  readonly isLookWanted: boolean;
}

export type PauseScopeKind = 'all' | 'account';

/** A change of the row, made in one transaction that compares what was seen and checks its own proof again. */
export type RecordPlan =
  | { readonly kind: 'watch' }
  | { readonly kind: 'expire' }
  | { readonly kind: 'fail'; readonly reason: OrderReason; readonly code: ProviderCode | null }
  /** A 202 of ours, or an unclaimed order read under our reference. `isLost`: we had no trace of having created it. */
  | { readonly kind: 'adopt_created'; readonly isLost: boolean }
  /** Claimed under our reference although every execute we know of was refused, or none was sent. */
  | { readonly kind: 'adopt_claimed' }
  /** `isForeign`: succeeded, and no execute of ours was on its way. */
  | { readonly kind: 'complete'; readonly isForeign: boolean }
  /** Every execute was refused by its own reply: back to created, and the order to watching. */
  | {
      readonly kind: 'execute_refused';
      readonly reason: OrderReason;
      readonly code: ProviderCode | null;
      readonly pause: PauseScopeKind | null;
    }
  /** Closes the attempt before any execute could take effect; what it left at the provider becomes an orphan. */
  | {
      readonly kind: 'fence';
      readonly to: 'watching' | 'expired' | 'failed';
      readonly attemptTo: 'cancelled' | 'failed';
      readonly reason: OrderReason;
      readonly code: ProviderCode | null;
      readonly pause: PauseScopeKind | null;
    }
  /** Closes the attempt on the provider's own word that it had no effect; where the order goes is decided under the lock. */
  | {
      readonly kind: 'close_without_effect';
      readonly attemptTo: 'cancelled' | 'failed';
      readonly reason: OrderReason;
      readonly code: ProviderCode | null;
    }
  /** The attempt ended in a way that nobody here may interpret: the order fails, a person looks. */
  | {
      readonly kind: 'fail_attempt';
      readonly attemptTo: 'cancelled' | 'failed';
      readonly reason: OrderReason;
      readonly code: ProviderCode | null;
      readonly isPage: boolean;
    };

export type Wait = 'rate' | 'expiry' | 'pause' | 'alarm' | 'gate' | 'retry' | 'look_up' | 'funds';

export type Action =
  | { readonly kind: 'done' }
  | { readonly kind: 'record'; readonly record: RecordPlan }
  /** `isOwn`: the daily look, which nothing waits for. */
  | { readonly kind: 'look'; readonly isOwn: boolean }
  | { readonly kind: 'send_create' }
  | { readonly kind: 'send_execute'; readonly keyNumber: number }
  | { readonly kind: 'send_cancel'; readonly keyNumber: number }
  | { readonly kind: 'look_up' }
  | { readonly kind: 'sleep'; readonly until: Instant; readonly waitingFor: Wait };
