import type { ProviderCode } from './replies.ts';

/** Milliseconds since the epoch, UTC. */
export type Instant = number;

export const ORDER_STATUSES = [
  'accepted',
  'watching',
  'executing',
  'executed',
  'cancelled',
  'expired',
  'failed',
] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

export type Direction = '>=' | '<=';

/** Where an order may go from each state. `watching → executed` is by adoption: Conduit shows a success we never recorded. */
const ORDER_EDGES: Record<OrderStatus, readonly OrderStatus[]> = {
  accepted: ['watching', 'cancelled', 'expired', 'failed'],
  watching: ['executing', 'executed', 'cancelled', 'expired', 'failed'],
  executing: ['executed', 'watching', 'expired', 'failed'],
  executed: [],
  cancelled: [],
  expired: [],
  failed: [],
};

export function canMoveOrder(from: OrderStatus, to: OrderStatus): boolean {
  return ORDER_EDGES[from].includes(to);
}

export function isTerminalOrder(status: OrderStatus): boolean {
  return ORDER_EDGES[status].length === 0;
}

/** Why an order is where it is, in one word: beside the status in the API, the events and the operator's view. */
export const ORDER_REASONS = [
  'rate_not_met',
  'rate_suspect',
  'quote_unusable',
  'quote_failed',
  'quote_refused',
  'quote_expired',
  'lock_unacceptable',
  'insufficient_funds',
  'provider_busy',
  'provider_refused',
  'provider_failed',
  'cancelled_by_provider',
  'attempt_without_effect',
  'attempt_limit',
  'account_changed',
  'paused',
  'expiring',
  'cancel_requested',
  'orphan_executed',
  'partial_effect',
] as const;
export type OrderReason = (typeof ORDER_REASONS)[number];

/** The order as the protocol sees it: terms, state and clock marks; no account, no key. Decimals are plain strings. */
export interface Order {
  readonly id: string;
  readonly pair: string;
  readonly status: OrderStatus;
  readonly version: number;
  readonly amount: string;
  readonly targetRate: string;
  readonly direction: Direction;
  /** The lowest all-in rate a `<=` order accepts; null for `>=`. */
  readonly floorRate: string | null;
  readonly expiresAt: Instant;
  readonly cancelRefusedAt: Instant | null;
  /** When the order takes a firm look of its own accord, so that its trigger does not age. */
  readonly lookDueAt: Instant;
  readonly reason: OrderReason | null;
  readonly providerCode: ProviderCode | null;
}

/** What a plan was made from. Any other versions in the row mean that the plan is old and must be dropped. */
export interface Seen {
  readonly version: number;
  /** Number of the live attempt, or null when there was none. */
  readonly attempt: number | null;
  readonly attemptVersion: number | null;
}
