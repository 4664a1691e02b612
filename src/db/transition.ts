import { canMoveOrder, isTerminalOrder, type OrderStatus, type Seen } from '../domain/order.ts';
import type { Page } from '../metrics.ts';
import type { Transaction } from './client.ts';
import { lockOrder, type OrderPatch, type OrderRow, updateOrder } from './orders.ts';
import { addMessage } from './outbox.ts';

export const ACTORS = ['api', 'workflow', 'reconciler', 'operator'] as const;
export type Actor = (typeof ACTORS)[number];

/** What happened to an order, in one word of a closed list: the event table, the timeline and the logs share it. */
export const ORDER_EVENTS = [
  'accepted',
  'watching',
  'looked',
  'attempt_prepared',
  'attempt_adopted',
  'create_permitted',
  'attempt_created',
  'execute_permitted',
  'claimed',
  'execute_refused',
  'attempt_closed',
  'orphan_closed',
  'executed',
  'cancelled',
  'cancel_refused',
  'expired',
  'failed',
] as const;
export type OrderEvent = (typeof ORDER_EVENTS)[number];

export interface Change {
  readonly to: OrderStatus;
  /** What the plan was made from; absent only where the condition itself is read under the lock (cancel, overdue expiry). */
  readonly seen?: Seen;
  /** The fact in words, never random: the same fact recorded twice is recognised by it. */
  readonly dedupeKey: string;
  readonly event: OrderEvent;
  readonly actor: Actor;
  readonly attempt?: number | null;
  readonly detail?: Record<string, string | number | null>;
  readonly patch?: OrderPatch;
  /** Why a person must be called: kept with the event, so that a crash before the call loses nothing. */
  readonly pages?: readonly Page[];
}

/**
 * `applied`: this call did it. `already_applied`: the same fact was recorded before. `superseded`: the row is not what the plan
 * was made from, or a proof did not hold: drop the plan and follow the row.
 */
export interface TransitionResult {
  readonly result: 'applied' | 'already_applied' | 'superseded';
  readonly order: OrderRow;
}

/**
 * The only door to a change that a client or a permit can see. Under the order's row lock: compares what was seen, checks the
 * state machine (`to` may be the present state), lets `work` change the attempt and check its proof, and writes the next
 * version, its event and its message. `work` returning false means that a proof did not hold: nothing is changed.
 * Returns null when there is no such order.
 */
export async function transition(
  tx: Transaction,
  orderId: string,
  change: Change,
  work: (row: OrderRow) => Promise<boolean> = async () => true,
): Promise<TransitionResult | null> {
  const order = await lockOrder(tx, orderId);
  if (!order) return null;
  return transitionLocked(tx, order, change, work);
}

/** The same for a caller that already holds the row's lock, because its condition was read under it. */
export async function transitionLocked(
  tx: Transaction,
  order: OrderRow,
  change: Change,
  work: (row: OrderRow) => Promise<boolean> = async () => true,
): Promise<TransitionResult> {
  if (await isRecorded(tx, order.id, change.dedupeKey)) return { result: 'already_applied', order };
  if (isTerminalOrder(order.status)) return { result: 'superseded', order };
  if (change.seen && !(await isAsSeen(tx, order, change.seen))) return { result: 'superseded', order };
  if (change.to !== order.status && !canMoveOrder(order.status, change.to)) return { result: 'superseded', order };
  if (!(await work(order))) return { result: 'superseded', order };

  const updated = await updateOrder(tx, order, change.to, change.patch ?? {});
  await addEvent(tx, updated, change);
  await addMessage(tx, 'order-changes', { v: 1, order_id: order.id, version: updated.version, actor: change.actor });
  return { result: 'applied', order: updated };
}

async function isRecorded(tx: Transaction, orderId: string, dedupeKey: string): Promise<boolean> {
  const rows = await tx`select 1 from order_events where order_id = ${orderId} and dedupe_key = ${dedupeKey}`;
  return rows.length > 0;
}

async function isAsSeen(tx: Transaction, order: OrderRow, seen: Seen): Promise<boolean> {
  if (order.version !== seen.version) return false;
  const [live] = await tx<{ attempt: number; version: number }[]>`
    select attempt, version from transactions
    where order_id = ${order.id} and status in ('prepared', 'created', 'executing') for update`;
  return (live?.attempt ?? null) === seen.attempt && (live?.version ?? null) === seen.attemptVersion;
}

/** Writes the event of an order's present version. */
export async function addEvent(
  tx: Transaction,
  order: OrderRow,
  change: Omit<Change, 'to' | 'seen' | 'patch'>,
): Promise<void> {
  await tx`
    insert into order_events (order_id, number, dedupe_key, event, status, reason, actor, attempt, detail, pages)
    values (${order.id}, ${order.version}, ${change.dedupeKey}, ${change.event}, ${order.status}, ${order.reason}, ${change.actor},
      ${change.attempt ?? null}, ${tx.json(change.detail ?? {})}, ${(change.pages ?? []) as Page[]})`;
}
