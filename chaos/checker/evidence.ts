import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HistoryEntry } from '../evidence/history.ts';
import {
  checked,
  DEAD_LETTER,
  ENTRIES,
  FACT,
  FACT_OF_ORDER,
  HANDLES,
  HELD,
  META,
  METRICS,
  OTHER_RUNS,
  REQUEST,
  RUN,
  RUN_EVENT,
  RUNS,
  TABLES,
} from './fields.ts';
import type {
  AttemptRow,
  DeadLetterRow,
  EventRow,
  HandlesRow,
  InboxRow,
  KeyRow,
  MessageRow,
  MetricsText,
  ObservationRow,
  OrderRow,
  OwnerRow,
  PauseRow,
  SendRow,
} from './rows.ts';
import type { Fact, Meta, OtherRuns, Request, Run, RunsOfOrder } from './witnesses.ts';

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
  readonly pauses: readonly PauseRow[];
  readonly owners: readonly OwnerRow[];
  readonly deadLetters: readonly DeadLetterRow[];
  readonly ledger: readonly Fact[];
  readonly requests: readonly Request[];
  readonly runs: readonly RunsOfOrder[];
  readonly otherRuns: readonly OtherRuns[];
  readonly metrics: readonly MetricsText[];
  readonly handles: readonly HandlesRow[];
  /** When the guard found that a rate had jumped, and asked again; by the logs. */
  readonly guardAlerts: readonly number[];
  /** The lines in which a worker tells that an activity of an order failed though PostgreSQL could be asked. */
  readonly failedActivities: readonly string[];
}

/** Tables of which nothing is read but whether they hold what they must not. */
export const SWEPT = ['users', 'api_keys', 'conduit_accounts', 'rate_baselines', 'provider_gate'];

/** Throws when a file or a field is missing: what was not written down proves nothing. */
export function readEvidence(dir: string): Evidence {
  const lines = <T>(name: string, fields: Readonly<Record<string, string>>): T[] =>
    parsed(dir, name).map((line, index) => checked<T>(`${name}.jsonl, line ${index + 1}`, fields, line));
  for (const name of SWEPT) parsed(dir, name);
  return {
    dir,
    meta: checked('meta.json', META, JSON.parse(readFileSync(join(dir, 'meta.json'), 'utf8'))),
    history: parsed(dir, 'history').map(asEntry),
    orders: lines('orders', TABLES.orders),
    attempts: lines('transactions', TABLES.transactions),
    sends: lines('conduit_sends', TABLES.conduit_sends),
    events: lines('order_events', TABLES.order_events),
    keys: lines('idempotency_keys', TABLES.idempotency_keys),
    outbox: lines('outbox', TABLES.outbox),
    inbox: lines('inbox', TABLES.inbox),
    observations: lines('rate_observations', TABLES.rate_observations),
    pauses: lines('pauses', TABLES.pauses),
    owners: lines('account_owners', TABLES.account_owners),
    deadLetters: lines('dead_letters', DEAD_LETTER),
    ledger: lines<Fact>('ledger', FACT).map(withItsOrder),
    requests: lines('requests', REQUEST),
    runs: lines<RunsOfOrder>('runs', RUNS).map(withWholeRuns),
    otherRuns: lines<OtherRuns>('other_runs', OTHER_RUNS).map(withWholeRuns),
    metrics: lines('metrics', METRICS),
    handles: lines('handles', HANDLES),
    guardAlerts: logged(dir, '"alert":"rate_suspect"').map(({ at }) => at),
    failedActivities: logged(dir, '"event":"activity_failed"').map(({ line }) => line),
  };
}

function parsed(dir: string, name: string): unknown[] {
  return readFileSync(join(dir, `${name}.jsonl`), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
}

/** The lines of the logs that hold this. One that was cut off, by a kill or a full volume, tells no time. */
function logged(dir: string, words: string): { line: string; at: number }[] {
  const logs = join(dir, 'logs');
  if (!existsSync(logs)) return [];
  const lines = readdirSync(logs).flatMap((name) => readFileSync(join(logs, name), 'utf8').split('\n'));
  return lines
    .filter((line) => line.includes(words))
    .map((line) => ({ line, at: Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '') }))
    .filter(({ at }) => !Number.isNaN(at));
}

function asEntry(line: unknown, index: number): HistoryEntry {
  const where = `history.jsonl, line ${index + 1}`;
  const { kind } = checked<{ kind: string }>(where, { kind: 'text' }, line);
  const fields = ENTRIES[kind];
  if (!fields) throw new Error(`${where}: there is no kind ${kind}`);
  return checked(where, fields, line);
}

function withItsOrder(fact: Fact): Fact {
  if (!fact.event.startsWith('order.')) return fact;
  const where = `fact ${fact.seq} of the ledger, ${fact.event}`;
  checked(`${where}: its order`, HELD, checked<Fact>(where, FACT_OF_ORDER, fact).order);
  return fact;
}

function withWholeRuns<T extends { readonly runs: readonly Run[] }>(its: T): T {
  for (const run of its.runs) {
    const { runId, events } = checked<Run>('a run', RUN, run);
    for (const event of events) checked(`an event of run ${runId}`, RUN_EVENT, event);
  }
  return its;
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
/** A send that is known to have done nothing, by its own reply or because it never left. */
export const isRefused = ({ outcome }: SendRow) => outcome === 'no_effect' || outcome === 'unsent';
