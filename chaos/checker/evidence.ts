import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HistoryEntry } from '../evidence/history.ts';

/** Rows as they were exported: decimals as text, times in milliseconds. */
export interface OrderRow {
  readonly orderId: string;
  readonly userId: string;
  readonly status: string;
  readonly version: number;
  readonly pair: string;
  readonly amount: string;
  readonly targetRate: string;
  readonly direction: '>=' | '<=';
  readonly floorRate: string | null;
  readonly expiresAt: number;
  readonly idempotencyKey: string;
  readonly sourceAccount: string;
  readonly destinationAccount: string;
  readonly cancelRefusedAt: number | null;
  readonly createdAt: number;
  readonly closedAt: number | null;
}
export interface AttemptRow {
  readonly orderId: string;
  readonly attempt: number;
  readonly status: string;
  readonly reference: string;
  readonly conduitOrderId: string | null;
  readonly lockedDebit: string | null;
  readonly lockedRecipient: string | null;
  readonly settledDebit: string | null;
  readonly settledRecipient: string | null;
  readonly orphanUntil: number | null;
  readonly orphanClosedAt: number | null;
}
export interface SendRow {
  readonly orderId: string;
  readonly attempt: number;
  readonly operation: 'create' | 'execute' | 'cancel';
  readonly idempotencyKey: string;
  readonly permittedAt: number;
  readonly outcome: string | null;
}
export interface EventRow {
  readonly orderId: string;
  readonly number: number;
  readonly event: string;
  readonly status: string;
  readonly occurredAt: number;
}
export interface MessageRow {
  readonly topic: string;
  readonly payload: { readonly order_id?: string; readonly version?: number };
  readonly publishedAt: number | null;
}
export interface KeyRow {
  readonly userId: string;
  readonly key: string;
  readonly orderId: string;
}

interface Money {
  readonly amount: string;
}
/** A fact of the provider's ledger; `at` is its machine's time. */
export interface Fact {
  readonly seq: number;
  readonly at: string;
  readonly event: string;
  readonly orderId?: string;
  readonly reference?: string;
  readonly operation?: string;
  readonly key?: string;
  readonly outcome?: string;
  readonly requestId?: string;
  readonly twinOf?: string;
  readonly by?: string;
  readonly arrives?: Money;
  readonly order?: {
    readonly id: string;
    readonly status: string;
    readonly totalDebit: Money;
    readonly destinationAsset: Money;
    readonly lockExpiresAt: string;
    readonly source: { readonly id: string };
    readonly destination: { readonly id: string };
    readonly executedAt?: string;
  };
  readonly options?: readonly { readonly id: string; readonly expiresAt: string }[];
  readonly quoteOptionId?: string;
}
export interface Request {
  readonly atMs: number;
  readonly operation: string;
  readonly pair?: string;
  readonly reference?: string;
  readonly orderId?: string;
  readonly key?: string;
  readonly status?: number | null;
  readonly retryAfter?: string;
}
export interface Run {
  readonly runId: string;
  readonly status: string;
  readonly closedAt: string | null;
  readonly events: readonly Record<string, unknown>[];
}
export interface Meta {
  readonly experiments: readonly string[];
  readonly seed: number;
  readonly timeScale: number;
  readonly sendMarginMs: number;
  readonly httpDeadlineMs: number;
  readonly refreshMs: number;
  readonly beganAt: number;
  readonly healedAt: number;
  readonly rested: boolean;
  readonly recoveryMs: number | null;
  readonly secrets: readonly string[];
  readonly accounts: readonly string[];
  /** The experiment itself put code in place that could not follow; what counts is that all ended after it. */
  readonly breaksReplay?: true;
  /** What the experiment cannot be held to, with its reason; see the experiment's own words. */
  readonly waived?: readonly { readonly invariant: string; readonly why: string }[];
}

/** One experiment's folder, read whole. */
export interface Evidence {
  readonly dir: string;
  readonly meta: Meta;
  readonly history: readonly HistoryEntry[];
  readonly orders: readonly OrderRow[];
  readonly attempts: readonly AttemptRow[];
  readonly sends: readonly SendRow[];
  readonly events: readonly EventRow[];
  readonly keys: readonly KeyRow[];
  readonly outbox: readonly MessageRow[];
  readonly ledger: readonly Fact[];
  readonly requests: readonly Request[];
  readonly runs: readonly { readonly orderId: string; readonly runs: readonly Run[] }[];
}

export function readEvidence(dir: string): Evidence {
  const lines = <T>(name: string): T[] =>
    readFileSync(join(dir, `${name}.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as T);
  return {
    dir,
    meta: JSON.parse(readFileSync(join(dir, 'meta.json'), 'utf8')) as Meta,
    history: lines('history'),
    orders: lines('orders'),
    attempts: lines('transactions'),
    sends: lines('conduit_sends'),
    events: lines('order_events'),
    keys: lines('idempotency_keys'),
    outbox: lines('outbox'),
    ledger: lines('ledger'),
    requests: lines('requests'),
    runs: lines('runs'),
  };
}

/** `<order id>:g<n>` is ours; anything else is not. */
export function orderOf(reference: string | undefined): string | null {
  return /^([0-9a-f-]{36}):g\d+$/.exec(reference ?? '')?.[1] ?? null;
}

export function groupBy<T>(list: readonly T[], keyOf: (item: T) => string | null): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    if (key === null) continue;
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
