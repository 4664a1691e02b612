// What each line of the evidence must have. A column that was renamed or left out would otherwise read as undefined, and a law that
// compares with undefined is kept by everything.
import type { ClientOperation, FaultNote, Finding, SystemNote, Turn } from '../evidence/history.ts';
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
import type { Fact, Meta, OtherRuns, Request, Run, RunEvent, RunsOfOrder } from './witnesses.ts';

/** `decimal` is whatever stands there: whether it is a plain one is for a law to say. `?`: or null. */
type Kind = 'text' | 'number' | 'flag' | 'list' | 'object' | 'decimal';
export type Fields<T> = { readonly [K in keyof Required<T>]: Kind | `${Kind}?` };

const ORDER: Fields<OrderRow> = {
  orderId: 'text',
  userId: 'text',
  status: 'text',
  version: 'number',
  pair: 'text',
  amount: 'decimal',
  targetRate: 'decimal',
  direction: 'text',
  floorRate: 'decimal?',
  expiresAt: 'number',
  idempotencyKey: 'text',
  sourceAccount: 'text',
  destinationAccount: 'text',
  reason: 'text?',
  cancelRefusedAt: 'number?',
  createdAt: 'number',
  closedAt: 'number?',
};
const ATTEMPT: Fields<AttemptRow> = {
  orderId: 'text',
  attempt: 'number',
  status: 'text',
  reference: 'text',
  quoteId: 'text',
  quoteOptionId: 'text',
  optionExpiresAt: 'number',
  quotedDebit: 'decimal',
  quotedRecipient: 'decimal',
  conduitOrderId: 'text?',
  conduitTransactionId: 'text?',
  lockedDebit: 'decimal?',
  lockedRecipient: 'decimal?',
  lockExpiresAt: 'number?',
  settledDebit: 'decimal?',
  settledRecipient: 'decimal?',
  closedBy: 'text?',
  closedAt: 'number?',
  createdAt: 'number',
  orphanUntil: 'number?',
  orphanClosedAt: 'number?',
};
const SEND: Fields<SendRow> = {
  sendId: 'text',
  orderId: 'text',
  attempt: 'number',
  operation: 'text',
  idempotencyKey: 'text',
  permittedAt: 'number',
  outcome: 'text?',
  repliedAt: 'number?',
};
const EVENT: Fields<EventRow> = {
  orderId: 'text',
  number: 'number',
  event: 'text',
  status: 'text',
  reason: 'text?',
  actor: 'text',
  attempt: 'number?',
  detail: 'object',
  occurredAt: 'number',
  pages: 'list',
};
const KEY: Fields<KeyRow> = { userId: 'text', key: 'text', orderId: 'text' };
const MESSAGE: Fields<MessageRow> = { topic: 'text', payload: 'object', publishedAt: 'number?' };
const INBOX: Fields<InboxRow> = { eventId: 'text', type: 'text', orderId: 'text?' };
const OBSERVATION: Fields<ObservationRow> = { pair: 'text', quoteId: 'text', observedAt: 'number' };
const PAUSE: Fields<PauseRow> = { scope: 'text', reason: 'text' };
const OWNER: Fields<OwnerRow> = { accountId: 'text', userId: 'text' };

/** The tables of which laws read columns, by their names. */
export const TABLES = {
  orders: ORDER,
  transactions: ATTEMPT,
  conduit_sends: SEND,
  order_events: EVENT,
  idempotency_keys: KEY,
  outbox: MESSAGE,
  inbox: INBOX,
  rate_observations: OBSERVATION,
  pauses: PAUSE,
  account_owners: OWNER,
} as const;

export const DEAD_LETTER: Fields<DeadLetterRow> = { topic: 'text', reason: 'text?', data: 'text' };
export const METRICS: Fields<MetricsText> = { name: 'text', text: 'text' };
export const HANDLES: Fields<HandlesRow> = { name: 'text', openFiles: 'number?', sessions: 'number' };
export const FACT: Fields<Pick<Fact, 'seq' | 'at' | 'event'>> = { seq: 'number', at: 'text', event: 'text' };
/** What each fact of an order must hold besides. */
export const FACT_OF_ORDER: Fields<Pick<Fact, 'orderId' | 'order'>> = { orderId: 'text', order: 'object' };
export const HELD: Fields<Omit<NonNullable<Fact['order']>, 'quoteOptionId' | 'failureCode'>> = {
  id: 'text',
  status: 'text',
  totalDebit: 'object',
  destinationAsset: 'object',
  lockExpiresAt: 'text',
  source: 'object',
  destination: 'object',
};
export const REQUEST: Fields<Pick<Request, 'atMs' | 'operation'>> = { atMs: 'number', operation: 'text' };
export const RUNS: Fields<RunsOfOrder> = { orderId: 'text', runs: 'list' };
export const OTHER_RUNS: Fields<OtherRuns> = { workflowId: 'text', runs: 'list' };
export const RUN: Fields<Run> = { runId: 'text', status: 'text', closedAt: 'text?', events: 'list' };
export const RUN_EVENT: Fields<Pick<RunEvent, 'eventId' | 'eventTime' | 'eventType'>> = {
  eventId: 'text',
  eventTime: 'text',
  eventType: 'text',
};

export const META: Fields<Meta> = {
  experiments: 'list',
  seed: 'number',
  timeScale: 'number',
  sendMarginMs: 'number',
  quoteMarginMs: 'number',
  httpDeadlineMs: 'number',
  refreshMs: 'number',
  callsPerSecond: 'number',
  attemptsPerHour: 'number',
  minExpiryMs: 'number',
  maxStopGapBps: 'number',
  planned: 'number',
  patient: 'list',
  beganAt: 'number',
  healedAt: 'number',
  rested: 'flag',
  recoveryMs: 'number?',
  secrets: 'list',
  accounts: 'list',
};

type Always =
  | 'experiment'
  | 'client'
  | 'userId'
  | 'operation'
  | 'isForeign'
  | 'beganAt'
  | 'endedAt'
  | 'status'
  | 'code'
  | 'orderId';
const OPERATION: Fields<Pick<ClientOperation, Always>> = {
  experiment: 'text',
  client: 'text',
  userId: 'text',
  operation: 'text',
  isForeign: 'flag',
  beganAt: 'number',
  endedAt: 'number',
  status: 'number?',
  code: 'text?',
  orderId: 'text?',
};
const FAULT: Fields<Omit<FaultNote, 'kind' | 'detail'>> = {
  experiment: 'text',
  at: 'number',
  what: 'text',
  phase: 'text',
};
const TURN: Fields<Omit<Turn, 'kind' | 'detail'>> = { experiment: 'text', at: 'number', what: 'text' };
const FINDING: Fields<Omit<Finding, 'kind'>> = { experiment: 'text', at: 'number', invariant: 'text', text: 'text' };
const SYSTEM: Fields<Omit<SystemNote, 'kind'>> = { at: 'number', what: 'text', detail: 'object' };
/** The entries of the history, by their kinds. */
export const ENTRIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  operation: OPERATION,
  fault: FAULT,
  turn: TURN,
  finding: FINDING,
  system: SYSTEM,
};

/** Throws where a field is missing or is of another kind than it must be. */
export function checked<T>(where: string, fields: Readonly<Record<string, string>>, value: unknown): T {
  const row = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  for (const [name, wanted] of Object.entries(fields)) {
    const kind = wanted.replace('?', '') as Kind;
    const isNull = row[name] === null && wanted.endsWith('?');
    if (!isNull && !IS[kind](row[name]))
      throw new Error(`${where}: ${name} is ${JSON.stringify(row[name])?.slice(0, 80)}, not ${wanted}`);
  }
  return value as T;
}

const IS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  flag: (value) => typeof value === 'boolean',
  list: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  decimal: (value) => value !== undefined && value !== null,
};
