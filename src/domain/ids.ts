import type { SendOperation } from './replies.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID of any version, in small or capital letters: an order's or a user's id. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

const REFERENCE = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):g(\d{1,6})$/;

/** `<order id>:g<n>`: the client reference of attempt `n`, under which Conduit can be asked for it. */
export function attemptReference(orderId: string, attempt: number): string {
  return `${orderId}:g${attempt}`;
}

/** The order id inside a reference of ours, or null when the reference is somebody else's. */
export function orderIdOfReference(reference: string): string | null {
  return REFERENCE.exec(reference)?.[1] ?? null;
}

/** The idempotency key of a send: one per operation, numbered where a later send is a new intention. */
export function sendKey(reference: string, operation: SendOperation, keyNumber: number): string {
  return operation === 'create' ? `${reference}:create` : `${reference}:${operation}:${keyNumber}`;
}
