import type { Folder } from './folder.ts';

export type Step = readonly [event: string, status: string, afterMs: number, actor?: string];

/** What became of an order, after it was placed. */
export interface Story {
  readonly orderId: string;
  readonly direction: '>=' | '<=';
  readonly placedAfterMs: number;
  readonly steps: readonly Step[];
}

/** The first attempt, its sends, and what the provider's books say of it. */
export function addAttempt(folder: Folder, { orderId, direction, steps }: Story, at: (ms: number) => number): void {
  const reference = `${orderId}:g1`;
  const id = `ord_${orderId.slice(-1)}`;
  const arrives = direction === '>=' ? '92.50' : '91.50';
  const isExecuted = steps.some(([event]) => event === 'execute_permitted');
  const order = {
    id,
    status: 'pending',
    totalDebit: { amount: '100.000000' },
    destinationAsset: { amount: arrives },
    lockExpiresAt: new Date(at(720_000)).toISOString(),
    source: { id: 'vac_from' },
    destination: { id: 'vac_to' },
    quoteOptionId: `qop_${id}`,
  };
  folder.transactions.push({
    orderId,
    attempt: 1,
    status: isExecuted ? 'succeeded' : 'cancelled',
    reference,
    quoteId: `qte_${id}`,
    quoteOptionId: `qop_${id}`,
    optionExpiresAt: at(31_000),
    quotedDebit: '100.000000',
    quotedRecipient: arrives,
    conduitOrderId: id,
    conduitTransactionId: isExecuted ? `txn_${id}` : null,
    lockedDebit: '100.00',
    lockedRecipient: arrives,
    lockExpiresAt: at(720_000),
    settledDebit: isExecuted ? '100.00' : null,
    settledRecipient: isExecuted ? arrives : null,
    closedBy: isExecuted ? 'reading' : 'fence',
    closedAt: at(isExecuted ? 3_000 : 24_000),
    createdAt: at(1_000),
    orphanUntil: isExecuted ? null : at(46_000),
    orphanClosedAt: isExecuted ? null : at(25_000),
  });
  const record = (afterMs: number, fact: Omit<Folder['ledger'][number], 'seq' | 'at'>) =>
    folder.ledger.push({ seq: folder.ledger.length + 1, at: new Date(at(afterMs)).toISOString(), reference, ...fact });
  const send = (operation: 'create' | 'execute' | 'cancel', afterMs: number) => {
    const key = operation === 'create' ? `${reference}:create` : `${reference}:${operation}:1`;
    const sendId = String(folder.conduit_sends.length + 1);
    folder.conduit_sends.push({
      sendId,
      orderId,
      attempt: 1,
      operation,
      idempotencyKey: key,
      permittedAt: at(afterMs),
      outcome: 'accepted',
      repliedAt: at(afterMs) + 60,
    });
    const wire = { operation: `orders.${operation}`, key, requestId: `req-${sendId}-${id}`, orderId: id };
    folder.requests.push({ atMs: at(afterMs) + 20, operation: wire.operation, reference, key, status: 202 });
    record(afterMs + 20, { event: 'request.received', ...wire });
    record(afterMs + 25, { event: 'request.answered', outcome: 'done', status: 202, ...wire });
  };
  const webhook = (afterMs: number, type: string) => {
    const eventId = `evt_${type}_${id}`;
    const deliveryId = `wdl_${type}_${id}`;
    record(afterMs, { event: 'webhook.emitted', message: { id: eventId, type }, deliveries: [{ id: deliveryId }] });
    record(afterMs + 30, { event: 'delivery.ended', deliveryId, status: 'succeeded' });
    folder.inbox.push({ eventId, type, orderId });
    if (type !== 'order.created')
      folder.outbox.push({
        topic: 'conduit-events',
        payload: { order_id: orderId, event_id: eventId },
        publishedAt: at(afterMs),
      });
  };

  record(950, {
    event: 'quote.created',
    quoteId: `qte_${id}`,
    options: [
      { id: `qop_${id}`, expiresAt: new Date(at(31_000)).toISOString(), priced: { totalDebit: order.totalDebit } },
    ],
  });
  folder.requests.push({ atMs: at(950), operation: 'quotes.create', pair: 'USD-EUR', status: 201 });
  send('create', 1_050);
  record(1_075, { event: 'order.created', orderId: id, order });
  webhook(1_075, 'order.created');
  if (isExecuted) {
    send('execute', 1_300);
    record(1_325, { event: 'order.claimed', orderId: id, order });
    record(2_800, { event: 'order.succeeded', orderId: id, order: { ...order, status: 'succeeded' } });
    webhook(2_800, 'order.succeeded');
    folder.requests.push({ atMs: at(2_900), operation: 'orders.get', reference, status: 200 });
  } else {
    send('cancel', 24_100);
    record(24_130, { event: 'order.cancelled', orderId: id, by: 'client', order: { ...order, status: 'cancelled' } });
    webhook(24_130, 'order.cancelled');
  }
}
