const ORDER_EVENTS = ['created', 'succeeded', 'failed', 'cancelled'];
const TRANSACTION_EVENTS = (
  'created processing completed failed cancelled rejected awaiting_signature awaiting_user_signature ' +
  'awaiting_sender_information signature_collected quorum_met'
).split(' ');

/** The event types that matter to an order; Conduit lists 51 in all. */
export const EVENT_TYPES = [
  ...ORDER_EVENTS.map((name) => `order.${name}`),
  ...TRANSACTION_EVENTS.map((name) => `transaction.${name}`),
];
