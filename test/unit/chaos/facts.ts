// How a test finds the fact that it spoils. Without another order's id it is one of the executed order.
import type { ClientOperation } from '../../../chaos/evidence/history.ts';
import { EXECUTED } from './clean-folder.ts';
import { type Folder, the } from './folder.ts';

export const REFERENCE = `${EXECUTED}:g1`;

export const orderOf = (folder: Folder, orderId = EXECUTED) => the(folder.orders, (it) => it.orderId === orderId);
export const attemptOf = (folder: Folder, orderId = EXECUTED) =>
  the(folder.transactions, (it) => it.orderId === orderId);
export const sendOf = (folder: Folder, operation: string, orderId = EXECUTED) =>
  the(folder.conduit_sends, (it) => it.orderId === orderId && it.operation === operation);
export const factOf = (folder: Folder, event: string, orderId = EXECUTED) =>
  the(folder.ledger, (it) => it.event === event && it.reference === `${orderId}:g1`);
export const runOf = (folder: Folder, orderId = EXECUTED) => the(folder.runs, (it) => it.orderId === orderId);

/** The order at the provider as the fact shows it. */
export function heldBy(folder: Folder, event: string) {
  const { order } = factOf(folder, event);
  if (!order) throw new Error('this fact holds no order');
  return order;
}

/** The n-th call of this kind about an order by its customer. */
export function callOf(folder: Folder, orderId: string, operation: string, n = 0): ClientOperation {
  const calls = folder.history.filter((it) => it.kind === 'operation' && it.client.endsWith(orderId));
  const call = calls.filter((it) => it.kind === 'operation' && it.operation === operation)[n];
  if (call?.kind !== 'operation') throw new Error('there is no such call');
  return call;
}

export const change = (call: ClientOperation, fields: Partial<ClientOperation>) => Object.assign(call, fields);
