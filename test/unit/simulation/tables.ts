import type { Attempt, Send } from '../../../src/domain/attempt.ts';
import type { Instant, Order, Seen } from '../../../src/domain/order.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface OrderRow extends Mutable<Order> {
  triggerRate: string;
  triggerFloor: string | null;
  nextCheckAt: Instant;
  failedLooks: number;
}

export type SendRow = Mutable<Send> & { readonly key: string };

export interface AttemptRow extends Mutable<Omit<Attempt, 'sends'>> {
  readonly sends: SendRow[];
  readonly reference: string;
  readonly optionId: string;
  readonly allInRate: string;
  readonly createdAt: Instant;
  linkedTransactionIds: readonly string[];
  closedBy: 'fence' | 'reading' | null;
  orphanUntil: Instant | null;
  orphanClosedAt: Instant | null;
  hasAlarmed: boolean;
}

/** What one order has in the database, and what it shares with all others. */
export interface Tables {
  readonly order: OrderRow;
  readonly attempts: AttemptRow[];
  /** The dedupe keys of the events: each fact is recorded once. */
  readonly facts: Set<string>;
  /** Scope to whether a probe may lift it. */
  readonly pauses: Map<string, boolean>;
  areAccountsActive: boolean;
  gateClosedUntil: Instant;
  /** Redis: until when the order takes no further firm look. */
  throttledUntil: Instant;
}

export function liveAttempt({ attempts }: Tables): AttemptRow | null {
  const last = attempts.at(-1);
  return last && isLive(last) ? last : null;
}

/** There is at most one live attempt, and it is the newest: but only while that rule is kept. */
export function isLive({ status }: Pick<AttemptRow, 'status'>): boolean {
  return status === 'prepared' || status === 'created' || status === 'executing';
}

export function seenOf(tables: Tables): Seen {
  const live = liveAttempt(tables);
  return { version: tables.order.version, attempt: live?.number ?? null, attemptVersion: live?.version ?? null };
}

export function isSame(a: Seen, b: Seen): boolean {
  return a.version === b.version && a.attempt === b.attempt && a.attemptVersion === b.attemptVersion;
}

export function isPaused(tables: Tables): boolean {
  return tables.pauses.size > 0;
}

/** Whether money was seen to move under another attempt than `number`. */
export function isMovingElsewhere({ attempts }: Tables, number: number | null): boolean {
  return attempts.some((attempt) => attempt.number !== number && isMoneyMoving(attempt));
}

export function isMoneyMoving({ observed, end }: Pick<AttemptRow, 'observed' | 'end'>): boolean {
  if (observed === 'claimed' || end?.kind === 'succeeded') return true;
  return end?.kind === 'failed' && (end.linked === 'open' || end.linked === 'completed');
}
