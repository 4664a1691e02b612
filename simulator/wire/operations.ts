/** The closed list of what can be asked for under /v2; faults and request counts go by these names. */
export const OPERATIONS = [
  'quotes.create',
  'orders.create',
  'orders.list',
  'orders.get',
  'orders.execute',
  'orders.cancel',
  'transactions.list',
  'transactions.get',
  'virtual_accounts.list',
  'virtual_accounts.get',
  'wallets.list',
  'wallets.get',
  'webhooks.create',
  'webhooks.list',
  'webhooks.get',
  'webhooks.update',
  'webhooks.delete',
  'webhooks.rotate',
  'webhooks.event_types',
  'webhooks.retry',
  'sandbox',
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** The calls that can move money; the ledger keeps each of them, even refused ones. */
export const MONEY_OPERATIONS: ReadonlySet<string> = new Set<Operation>([
  'orders.create',
  'orders.execute',
  'orders.cancel',
]);

/** Where an Idempotency-Key must be sent. A quote refuses one; elsewhere it is not looked at. */
export const KEYED_OPERATIONS: ReadonlySet<string> = new Set<Operation>([
  'orders.create',
  'orders.execute',
  'orders.cancel',
  'webhooks.rotate',
]);
