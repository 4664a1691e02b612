import type { ClientOperation } from '../evidence/history.ts';
import type { Evidence } from './evidence.ts';

/** What the customers asked and were told, in the order of their questions' ends. */
export function operationsOf({ history }: Evidence): ClientOperation[] {
  return history.filter((entry): entry is ClientOperation => entry.kind === 'operation');
}

/** An answer that promises the order to its customer. */
export function isAccepted({ operation, status, orderId }: ClientOperation): boolean {
  return operation === 'create' && (status === 201 || status === 200) && orderId !== null;
}
