import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal } from '@temporalio/workflow';

/**
 * Names, ids and messages of the workflows. Names are for ever: a waiting run finds its handlers by them.
 * Other rooms use this file to start, signal and query, and import nothing else of the workflows.
 */
export const ORDER_TASK_QUEUE = 'orders';
export const CONDUIT_TASK_QUEUE = 'conduit';

export const ORDER_WORKFLOW = 'orderWorkflow';
export const RATE_WATCH_WORKFLOW = 'rateWatchWorkflow';
export const RECONCILE_WORKFLOW = 'reconcileWorkflow';
export const ORPHANS_WORKFLOW = 'orphansWorkflow';

export const orderWorkflowId = (orderId: string) => `order-${orderId}`;
export const rateWatchWorkflowId = (pair: string) => `rate-watch-${pair}`;

export interface OrderInput {
  readonly orderId: string;
}

export interface OrderOutcome {
  readonly status: string;
  readonly reason: string | null;
}

/** All but `pair` is what one run tells the next. */
export interface RateWatchInput {
  readonly pair: string;
  readonly dueAt?: number;
  readonly refreshMs?: number;
  readonly idleTicks?: number;
}

/** Search attributes of an order's run, registered by the set-up and checked before a process is ready. */
export const ORDER_STATUS = defineSearchAttributeKey('OrderStatus', SearchAttributeType.KEYWORD);
export const ORDER_PAIR = defineSearchAttributeKey('OrderPair', SearchAttributeType.KEYWORD);
export const ORDER_DIRECTION = defineSearchAttributeKey('OrderDirection', SearchAttributeType.KEYWORD);
export const ORDER_USER = defineSearchAttributeKey('OrderUser', SearchAttributeType.KEYWORD);
export const ORDER_EXPIRES_AT = defineSearchAttributeKey('OrderExpiresAt', SearchAttributeType.DATETIME);

/** The pair's rate has crossed the order's trigger: a firm look is worth its call. */
export const rateCrossed = defineSignal('rateCrossed');
/** The row was changed by somebody else: cancelled, or expired by repair. */
export const orderChanged = defineSignal('orderChanged');
/** A webhook spoke of the order's execution at Conduit. */
export const conduitOrderChanged = defineSignal('conduitOrderChanged');
/** The reconciler found an attempt that nobody goes on with: its look-up is overdue, or it was prepared and got no further. */
export const attemptDue = defineSignal('attemptDue');
/** An operator asks for the cancel that a customer would ask for. */
export const cancelRequested = defineSignal('cancelRequested');

/** An order of the pair was opened: a watcher that was about to end stays. */
export const orderOpened = defineSignal('orderOpened');

/** What the order's run is doing, in the words of its last plan. */
export const orderState = defineQuery<string>('orderState');
