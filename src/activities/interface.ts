import type { OrderReason, OrderStatus, Seen } from '../domain/order.ts';
import type { Wait } from '../domain/plan.ts';

/** What has reached a run since it last looked at its row. */
export interface Hints {
  /** The watcher says that the trigger was crossed. */
  readonly isLookWanted: boolean;
  /** The run has just begun: compare the trigger with the newest rate. */
  readonly isFirst: boolean;
}

/** One request to Conduit that the plan asks for. */
export type Errand =
  /** `isOwn`: the daily look, which nothing waits for. */
  | { readonly kind: 'look'; readonly isOwn: boolean }
  | { readonly kind: 'send_create' }
  | { readonly kind: 'send_execute'; readonly keyNumber: number }
  | { readonly kind: 'send_cancel'; readonly keyNumber: number }
  | { readonly kind: 'look_up' };

export type Next = { readonly kind: 'done' } | { readonly kind: 'sleep'; readonly waitingFor: Wait } | Errand;

/** Where an order stands after its records were brought up to date, and what comes next. */
export interface Step {
  readonly status: OrderStatus;
  readonly reason: OrderReason | null;
  readonly seen: Seen;
  readonly next: Next;
  /** How long until the plan must be made again, news or none, by the database's clock. */
  readonly wakeInMs: number;
  /** One second of the protocol: deadlines of requests to the provider shrink with it. */
  readonly secondMs: number;
  /** What was recorded on the way, for the reader of the history. */
  readonly recorded: readonly string[];
  /** What the order is about, for the reader of a run that was not started with it. */
  readonly terms: string;
  /** One line for the operator: what the order waits for. */
  readonly summary: string;
}

/** How a request to Conduit ended, in words; the facts are in the rows. */
export interface ErrandResult {
  readonly result: string;
  readonly code: string | null;
}

/** A closed attempt that may have left an order at Conduit. */
export interface OrphanRef {
  readonly orderId: string;
  readonly attempt: number;
}

export interface TickResult {
  /** The interval between ticks, in milliseconds. */
  readonly refreshMs: number;
  readonly openOrders: number;
  readonly rate: string | null;
  readonly woken: number;
  /** Why there is no rate, `paused` when there is one and nobody is woken, or null. */
  readonly fault: string | null;
}

/** Everything that the workflows may ask for. The only thing that they see of this room. */
export interface Activities {
  /** Brings an order's records up to date and plans the next step. Several rows may change, each in its own transaction. */
  advanceOrder(orderId: string, hints: Hints): Promise<Step>;
  /** The customer's cancel, asked for by an operator. */
  cancelOrderForOperator(orderId: string): Promise<string>;
  takeFirmLook(orderId: string, seen: Seen): Promise<ErrandResult>;
  sendCreate(orderId: string, seen: Seen): Promise<ErrandResult>;
  sendExecute(orderId: string, seen: Seen, keyNumber: number): Promise<ErrandResult>;
  sendCancel(orderId: string, seen: Seen, keyNumber: number): Promise<ErrandResult>;
  lookUpAttempt(orderId: string, seen: Seen): Promise<ErrandResult>;
  tickRateWatch(pair: string, dueAt: number): Promise<TickResult>;
  reconcileOrders(): Promise<Record<string, number>>;
  listDueOrphans(): Promise<OrphanRef[]>;
  followOrphan(orphan: OrphanRef): Promise<ErrandResult>;
  /** How many pauses of our own making have healed. */
  probePauses(): Promise<number>;
}
