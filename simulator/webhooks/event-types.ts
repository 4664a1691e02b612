const ORDER_EVENTS = ['created', 'succeeded', 'failed', 'cancelled'];
const TRANSACTION_EVENTS = (
  'created processing completed failed cancelled rejected awaiting_signature awaiting_user_signature ' +
  'awaiting_sender_information signature_collected quorum_met'
).split(' ');

/** The event types that are known by name and matter to an order; Conduit lists 51 in all. */
export const EVENT_TYPES = [
  ...ORDER_EVENTS.map((name) => `order.${name}`),
  ...TRANSACTION_EVENTS.map((name) => `transaction.${name}`),
];

/** Whether an endpoint may ask for a type. Of the family `rfi.*` only its name is known, so that any of it will do. */
export function isEventType(type: string): boolean {
  return EVENT_TYPES.includes(type) || /^rfi\.[a-z_]+$/.test(type);
}
