import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HistoryEntry } from '../evidence/history.ts';
import type { Fact, Meta, Request, Run } from './witnesses.ts';

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
  readonly quoteOptionId: string;
  readonly optionExpiresAt: number;
  readonly conduitOrderId: string | null;
  readonly lockedDebit: string | null;
  readonly lockedRecipient: string | null;
  readonly lockExpiresAt: number | null;
  readonly settledDebit: string | null;
  readonly settledRecipient: string | null;
  readonly closedBy: 'fence' | 'reading' | null;
  readonly closedAt: number | null;
  readonly createdAt: number;
  readonly orphanUntil: number | null;
  readonly orphanClosedAt: number | null;
}
export interface SendRow {
  readonly sendId: string;
  readonly orderId: string;
  readonly attempt: number;
  readonly operation: 'create' | 'execute' | 'cancel';
  readonly idempotencyKey: string;
  readonly permittedAt: number;
  readonly outcome: string | null;
  readonly repliedAt: number | null;
}
export interface EventRow {
  readonly orderId: string;
  readonly number: number;
  readonly event: string;
  readonly status: string;
  readonly actor: string;
  readonly occurredAt: number;
}
export interface MessageRow {
  readonly topic: string;
  readonly payload: { readonly order_id?: string; readonly version?: number; readonly event_id?: string };
  readonly publishedAt: number | null;
}
export interface InboxRow {
  readonly eventId: string;
  readonly type: string;
  readonly orderId: string | null;
}
export interface KeyRow {
  readonly userId: string;
  readonly key: string;
  readonly orderId: string;
}
export interface ObservationRow {
  readonly pair: string;
  readonly observedAt: number;
}
/** What a process said of itself at rest, in Prometheus' text. */
export interface MetricsText {
  readonly name: string;
  readonly text: string;
}
/** What a process holds open at rest. */
export interface HandlesRow {
  readonly name: string;
  /** Null where the system does not tell. */
  readonly openFiles: number | null;
  /** What PostgreSQL counts for all processes of its kind. */
  readonly sessions: number;
}

/** The folder of one or several experiments that were judged together, read whole. */
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
  readonly inbox: readonly InboxRow[];
  readonly observations: readonly ObservationRow[];
  readonly ledger: readonly Fact[];
  readonly requests: readonly Request[];
  readonly runs: readonly { readonly orderId: string; readonly runs: readonly Run[] }[];
  readonly metrics: readonly MetricsText[];
  readonly handles: readonly HandlesRow[];
}

/** Throws when a file is missing: what was not written down proves nothing. */
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
    inbox: lines('inbox'),
    observations: lines('rate_observations'),
    ledger: lines('ledger'),
    requests: lines('requests'),
    runs: lines('runs'),
    metrics: lines('metrics'),
    handles: lines('handles'),
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

const TERMINAL = new Set(['executed', 'cancelled', 'expired', 'failed']);
export const isTerminal = (status: string) => TERMINAL.has(status);
