import type { Instant } from './order.ts';
import type { Amounts } from './rate.ts';
import {
  type NoEffectClass,
  noEffectClass,
  type ProviderCode,
  type SendOperation,
  type SendOutcome,
} from './replies.ts';

export const ATTEMPT_STATUSES = ['prepared', 'created', 'executing', 'succeeded', 'failed', 'cancelled'] as const;
export type AttemptStatus = (typeof ATTEMPT_STATUSES)[number];

/** Where an attempt may go. To executing or succeeded without the step before only by adoption: Conduit shows it. */
const ATTEMPT_EDGES: Record<AttemptStatus, readonly AttemptStatus[]> = {
  prepared: ['created', 'executing', 'succeeded', 'failed', 'cancelled'],
  created: ['executing', 'succeeded', 'failed', 'cancelled'],
  executing: ['created', 'succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};

export function canMoveAttempt(from: AttemptStatus, to: AttemptStatus): boolean {
  return ATTEMPT_EDGES[from].includes(to);
}

/** What Conduit was read to say of an order, by strength: a weaker reading than one already kept is stale and ignored. */
export const OBSERVED = ['absent', 'pending', 'claimed', 'terminal'] as const;
export type Observed = (typeof OBSERVED)[number];

/** The result of one look-up. `ambiguous`: two orders under our reference. */
export const LOOKUP_RESULTS = [...OBSERVED, 'ambiguous', 'unavailable'] as const;
export type LookupResult = (typeof LOOKUP_RESULTS)[number];

/** What the linked transactions of a failed Conduit order say about money. */
export const LINKED_EFFECTS = ['none', 'no_effect', 'open', 'completed'] as const;
export type LinkedEffect = (typeof LINKED_EFFECTS)[number];

/** How a terminal Conduit order ended. */
export type ProviderEnd =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'cancelled'; readonly reason: string | null }
  | {
      readonly kind: 'failed';
      readonly code: ProviderCode | null;
      readonly linked: LinkedEffect;
      /** When it was first read as it reads now: that no money has moved counts only on a second, later reading. */
      readonly firstReadAt: Instant;
      /** When the newest reading began that said the same; null while there is none. */
      readonly readAgainAt: Instant | null;
    };

/** One physical request to Conduit and its own reply. */
export interface Send {
  readonly id: string;
  readonly operation: SendOperation;
  readonly keyNumber: number;
  readonly permittedAt: Instant;
  /** Null while no reply has been stored. */
  readonly outcome: SendOutcome | null;
  readonly code: ProviderCode | null;
  readonly repliedAt: Instant | null;
  /** From when a rate-limited send may be repeated. */
  readonly retryAt: Instant | null;
}

/** Why a Conduit order that exists is not the one we asked for; such an order is never executed. */
export const LOCK_FAULTS = ['auto_execute', 'assets', 'accounts', 'unreadable', 'implausible'] as const;
export type LockFault = (typeof LOCK_FAULTS)[number];

/** One try to carry an order out: at most one Conduit order, under one reference. */
export interface Attempt {
  readonly number: number;
  readonly version: number;
  readonly status: AttemptStatus;
  readonly optionExpiresAt: Instant;
  readonly quoted: Amounts;
  readonly conduitOrderId: string | null;
  readonly locked: Amounts | null;
  readonly lockFault: LockFault | null;
  readonly lockExpiresAt: Instant | null;
  /** The strongest reading so far. */
  readonly observed: Observed | null;
  readonly end: ProviderEnd | null;
  /** The newest look-up, whatever it said; `begunAt` is when its request began. */
  readonly lookup: { readonly result: LookupResult; readonly begunAt: Instant } | null;
  readonly nextLookupAt: Instant | null;
  readonly sends: readonly Send[];
}

export function sendsOf(attempt: Attempt, operation: SendOperation): readonly Send[] {
  return attempt.sends.filter((send) => send.operation === operation);
}

/** Whether nothing is known of the send's effect: no reply at all, or one that proves nothing. */
export function isUnresolved(send: Send): boolean {
  return send.outcome === null || send.outcome === 'unknown' || send.outcome === 'exists';
}

/** A refusal that proves no effect and is in no table is one of our access. */
export function refusalOf(send: Send): NoEffectClass | null {
  if (send.outcome !== 'no_effect' || send.code === null) return null;
  return noEffectClass(send.operation, send.code) ?? 'ours_all';
}

/** Where an attempt stands by its stored facts: the columns of the table in docs/architecture.md. */
export type Column = 'prepared' | 'unknown_create' | 'created' | 'executing' | 'unknown_execute';

export function columnOf(attempt: Attempt): Column {
  switch (attempt.status) {
    case 'prepared':
      return sendsOf(attempt, 'create').some(isUnresolved) ? 'unknown_create' : 'prepared';
    case 'created':
      return 'created';
    default: {
      const isClaimSeen = attempt.observed === 'claimed' || attempt.observed === 'terminal';
      const isAccepted = sendsOf(attempt, 'execute').some((send) => send.outcome === 'accepted');
      return isClaimSeen || isAccepted ? 'executing' : 'unknown_execute';
    }
  }
}
