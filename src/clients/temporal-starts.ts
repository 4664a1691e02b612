import type { WorkflowStartOptions } from '@temporalio/client';
import { assetText, parsePair } from '../domain/assets.ts';
import type { Order } from '../domain/order.ts';
import {
  ORDER_DIRECTION,
  ORDER_EXPIRES_AT,
  ORDER_PAIR,
  ORDER_STATUS,
  ORDER_TASK_QUEUE,
  ORDER_USER,
  type OrderInput,
  type OrderOutcome,
  orderWorkflowId,
  type RateWatchInput,
  rateWatchWorkflowId,
} from '../workflows/messages.ts';

/** What of an order's row its run is started with. */
export interface StartableOrder
  extends Pick<Order, 'id' | 'pair' | 'status' | 'direction' | 'amount' | 'targetRate' | 'floorRate' | 'expiresAt'> {
  readonly userId: string;
}

/** Who starts a run: the bridge on a message, or the reconciler and the sweep on a row that they read. */
export type Starter = 'bridge' | 'reconciler';

export const SEARCH_ATTRIBUTES = {
  pair: ORDER_PAIR,
  status: ORDER_STATUS,
  direction: ORDER_DIRECTION,
  user: ORDER_USER,
  expiresAt: ORDER_EXPIRES_AT,
} as const;

type OrderStart = (input: OrderInput) => Promise<OrderOutcome>;
type RateWatchStart = (input: RateWatchInput) => Promise<void>;

/**
 * How an order's run is started, whoever starts it. A message may be months old, so the bridge starts a closed order again only
 * where the last run did not complete; the reconciler has just read that the row is open, so it always may. No time-out: the
 * order's own timers end it, and a run that Temporal ended could not tell anybody.
 */
export function orderStartOptions(order: StartableOrder, starter: Starter): WorkflowStartOptions<OrderStart> {
  const { from, to } = parsePair(order.pair);
  const condition = `${order.direction} ${order.targetRate}`;
  const floor = order.floorRate === null ? '' : `, and not under ${order.floorRate}`;
  const expiresAt = new Date(order.expiresAt);
  return {
    workflowId: orderWorkflowId(order.id),
    taskQueue: ORDER_TASK_QUEUE,
    args: [{ orderId: order.id }],
    workflowIdReusePolicy: starter === 'bridge' ? 'ALLOW_DUPLICATE_FAILED_ONLY' : 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    typedSearchAttributes: [
      { key: SEARCH_ATTRIBUTES.pair, value: order.pair },
      { key: SEARCH_ATTRIBUTES.status, value: order.status },
      { key: SEARCH_ATTRIBUTES.direction, value: order.direction },
      { key: SEARCH_ATTRIBUTES.user, value: order.userId },
      { key: SEARCH_ATTRIBUTES.expiresAt, value: expiresAt },
    ],
    staticSummary: `${order.amount} ${assetText(from)} → ${assetText(to)} at ${condition}`,
    staticDetails: [
      `- **Sells** ${order.amount} ${assetText(from)} for ${assetText(to)}`,
      `- **When** the all-in rate is ${condition}${floor}`,
      `- **Until** ${expiresAt.toISOString()}`,
      `- **Order** \`${order.id}\` of user \`${order.userId}\``,
    ].join('\n'),
  };
}

/** How a pair's watcher is started: it ends when nobody needs it, so any closed one may be followed by a new one. */
export function rateWatchStartOptions(pair: string): WorkflowStartOptions<RateWatchStart> {
  return {
    workflowId: rateWatchWorkflowId(pair),
    taskQueue: ORDER_TASK_QUEUE,
    args: [{ pair }],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `rate of ${pair}`,
  };
}
