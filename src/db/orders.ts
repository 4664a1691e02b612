import {
  type Direction,
  type Instant,
  isTerminalOrder,
  type Order,
  type OrderReason,
  type OrderStatus,
} from '../domain/order.ts';
import type { Sql, Transaction } from './client.ts';

/** The whole row. Decimals are text, instants milliseconds. */
export interface OrderRow extends Order {
  readonly userId: string;
  readonly fromCurrency: string;
  readonly fromNetwork: string | null;
  readonly toCurrency: string;
  readonly toNetwork: string | null;
  readonly sourceAccount: string;
  readonly destinationAccount: string;
  readonly idempotencyKey: string;
  readonly quotedRate: string;
  readonly triggerRate: string;
  readonly triggerFloor: string | null;
  readonly nextCheckAt: Instant;
  readonly attempts: number;
  readonly failedLooks: number;
  readonly lastAttemptedAt: Instant | null;
  readonly lastLookRate: string | null;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly closedAt: Instant | null;
}

export interface NewOrder {
  readonly id: string;
  readonly userId: string;
  readonly pair: string;
  readonly fromCurrency: string;
  readonly fromNetwork: string | null;
  readonly toCurrency: string;
  readonly toNetwork: string | null;
  readonly sourceAccount: string;
  readonly destinationAccount: string;
  readonly amount: string;
  readonly targetRate: string;
  readonly direction: Direction;
  readonly floorRate: string | null;
  readonly expiresAt: Instant;
  readonly idempotencyKey: string;
  readonly quotedRate: string;
  readonly triggerRate: string;
  readonly triggerFloor: string | null;
  /** How long from now until the order looks of its own accord. */
  readonly lookInMs: number;
  /** How old the quote may be that the triggers come from. */
  readonly termsAgeMs: number;
}

const ORDER_COLUMNS = [
  'user_id', 'pair', 'status', 'version', 'from_currency', 'from_network', 'to_currency', 'to_network', 'source_account',
  'destination_account', 'amount', 'target_rate', 'direction', 'floor_rate', 'expires_at', 'idempotency_key', 'quoted_rate',
  'trigger_rate', 'trigger_floor', 'next_check_at', 'look_due_at', 'attempts', 'failed_looks', 'last_attempted_at', 'last_look_rate',
  'cancel_refused_at', 'reason', 'provider_code', 'created_at', 'updated_at', 'closed_at',
]; // biome-ignore format: a list of names reads better in a block

const orderColumns = (sql: Sql) => sql`order_id as id, ${sql(ORDER_COLUMNS)}`;

/** Inserts an accepted order. The caller's transaction also holds its key, event and message. */
export async function insertOrder(tx: Transaction, order: NewOrder): Promise<OrderRow> {
  const [row] = await tx<OrderRow[]>`
    insert into orders (order_id, user_id, status, pair, from_currency, from_network, to_currency, to_network, source_account,
      destination_account, amount, target_rate, direction, floor_rate, expires_at, idempotency_key, quoted_rate, trigger_rate,
      trigger_floor, next_check_at, look_due_at, terms_read_at)
    values (${order.id}, ${order.userId}, 'accepted', ${order.pair}, ${order.fromCurrency}, ${order.fromNetwork},
      ${order.toCurrency}, ${order.toNetwork}, ${order.sourceAccount}, ${order.destinationAccount}, ${order.amount},
      ${order.targetRate}, ${order.direction}, ${order.floorRate}, ${order.expiresAt}, ${order.idempotencyKey},
      ${order.quotedRate}, ${order.triggerRate}, ${order.triggerFloor}, app_now(),
      app_now() + ${order.lookInMs} * interval '1 millisecond',
      app_now() - ${order.termsAgeMs} * interval '1 millisecond')
    returning ${orderColumns(tx)}`;
  if (!row) throw new Error('an insert returned no row');
  return row;
}

export async function findOrder(sql: Sql, orderId: string): Promise<OrderRow | null> {
  const [row] = await sql<OrderRow[]>`select ${orderColumns(sql)} from orders where order_id = ${orderId}`;
  return row ?? null;
}

/** The oldest open order, else the newest of all: what a probe of the provider asks a quote for. */
export async function orderToProbe(sql: Sql): Promise<OrderRow | null> {
  const [open] = await sql<OrderRow[]>`
    select ${orderColumns(sql)} from orders where closed_at is null order by created_at limit 1`;
  if (open) return open;
  const [closed] = await sql<OrderRow[]>`
    select ${orderColumns(sql)} from orders where closed_at is not null order by closed_at desc limit 1`;
  return closed ?? null;
}

/** Reads the order's row and keeps it locked until the transaction ends: every decision about the order queues here. */
export async function lockOrder(tx: Transaction, orderId: string): Promise<OrderRow | null> {
  const [row] = await tx<OrderRow[]>`select ${orderColumns(tx)} from orders where order_id = ${orderId} for update`;
  return row ?? null;
}

/** What a transition may change besides status and version. An absent field stays as it is. */
export interface OrderPatch {
  readonly reason?: OrderReason | null;
  readonly providerCode?: string | null;
  readonly cancelRefusedAt?: 'now';
  /** The verdict of a firm look. */
  readonly look?: {
    readonly rate: string | null;
    readonly triggerRate?: string;
    readonly triggerFloor?: string | null;
    /** When the quote behind the triggers was asked for, at the earliest. */
    readonly termsReadAt?: Instant;
    readonly nextCheckInMs: number;
    /** In how long the order looks of its own accord. A look without a rate moves only an own look that is due. */
    readonly lookInMs: number;
    readonly failedLooks: number;
    /** Whether Conduit was asked for a quote: only that is a firm look. */
    readonly isAsked: boolean;
  };
  readonly nextCheckInMs?: number;
}

/** Writes the next version of a locked row. */
export async function updateOrder(
  tx: Transaction,
  row: OrderRow,
  to: OrderStatus,
  patch: OrderPatch,
): Promise<OrderRow> {
  const { look } = patch;
  const inMs = (ms: number) => tx`app_now() + ${ms} * interval '1 millisecond'`;
  const nextLook = (rate: string | null, at: ReturnType<typeof inMs>) =>
    rate === null ? tx`case when look_due_at <= app_now() then ${at} else look_due_at end` : at;
  const nextCheckInMs = look?.nextCheckInMs ?? patch.nextCheckInMs;
  const [updated] = await tx<OrderRow[]>`
    update orders set
      status = ${to},
      version = version + 1,
      updated_at = app_now(),
      closed_at = ${isTerminalOrder(to) ? tx`app_now()` : null},
      reason = ${patch.reason === undefined ? tx`reason` : patch.reason},
      provider_code = ${patch.providerCode === undefined ? tx`provider_code` : patch.providerCode},
      cancel_refused_at = ${patch.cancelRefusedAt ? tx`coalesce(cancel_refused_at, app_now())` : tx`cancel_refused_at`},
      next_check_at = ${nextCheckInMs === undefined ? tx`next_check_at` : inMs(nextCheckInMs)},
      look_due_at = ${look ? nextLook(look.rate, inMs(look.lookInMs)) : tx`look_due_at`},
      attempts = ${look?.isAsked ? tx`attempts + 1` : tx`attempts`},
      failed_looks = ${look ? look.failedLooks : tx`failed_looks`},
      last_attempted_at = ${look ? tx`app_now()` : tx`last_attempted_at`},
      last_look_rate = ${look?.rate ?? tx`last_look_rate`},
      trigger_rate = ${look?.triggerRate ?? tx`trigger_rate`},
      trigger_floor = ${look?.triggerFloor ?? tx`trigger_floor`},
      terms_read_at = ${look?.termsReadAt ?? tx`terms_read_at`}
    where order_id = ${row.id}
    returning ${orderColumns(tx)}`;
  if (!updated) throw new Error(`order ${row.id} vanished under its lock`);
  return updated;
}
