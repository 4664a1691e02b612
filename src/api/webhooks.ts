import express, { type Request, type Response, Router } from 'express';
import { parseWebhookEvent, verifyWebhook } from '../clients/conduit/webhook.ts';
import type { Database } from '../db/client.ts';
import { receiveEvent, takesBack } from '../db/inbox.ts';
import { DomainError } from '../domain/errors.ts';
import { orderIdOfReference } from '../domain/ids.ts';
import type { Instant } from '../domain/order.ts';
import type { Metrics } from '../metrics.ts';
import { depthOf } from './json-text.ts';

export interface WebhooksDeps {
  readonly db: Database;
  /** Several while a secret is being rotated; none: every delivery is refused. */
  readonly secrets: readonly string[];
  /** The clock that the age of a signature is judged by, in milliseconds. */
  readonly now: () => Instant | Promise<Instant>;
  readonly metrics: Metrics;
}

const BODY_LIMIT = '256kb';
/** Conduit's deepest events have four levels; PostgreSQL and JSON.stringify give up on thousands. */
const MAX_DEPTH = 100;
/** Beginnings that follow from our own requests: asking Conduit about each would only spend calls. */
const BEGINNINGS = new Set(['order.created', 'transaction.created', 'transaction.processing']);

/**
 * Conduit's webhooks. An event is a hint: it is stored once, with the message that makes its order's run ask Conduit itself, before
 * the 200 tells Conduit to forget it.
 */
export function webhooksRouter({ db, secrets, now, metrics }: WebhooksDeps): Router {
  async function receive(req: Request, res: Response): Promise<void> {
    const rawBody = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
    const verdict = await verifyWebhook(rawBody, req.get('x-conduit-signature'), secrets, now);
    if (verdict !== 'ok') {
      req.log.warn({ event: 'webhook_received', code: verdict }, `webhook refused: signature ${verdict}`);
      throw new DomainError('invalid_signature', 'the delivery is not signed by Conduit, or too old');
    }
    const event = parseWebhookEvent(rawBody);
    const received =
      event &&
      depthOf(rawBody.toString('utf8')) <= MAX_DEPTH &&
      (await receiveEvent(db, {
        eventId: event.id,
        type: event.type,
        referredOrderId: event.reference === null ? null : orderIdOfReference(event.reference),
        conduitOrderId: event.conduitOrderId,
        conduitTransactionId: event.conduitTransactionId,
        body: JSON.parse(rawBody.toString('utf8')),
        isNews: !BEGINNINGS.has(event.type),
      }));
    if (!received) throw new DomainError('validation_failed', 'the body is not an event of Conduit');

    const { orderId, isNew, hasSucceeded } = received;
    const fields = { order_id: orderId, event_id: event.id, event_type: event.type };
    if (orderId !== null) res.locals['orderId'] = orderId;
    req.log.info({ event: 'webhook_received', is_new: isNew, ...fields }, `webhook ${event.type}`);
    if (isNew && hasSucceeded && takesBack(event.type)) {
      // What was settled is never undone here: a person finds out what Conduit means.
      metrics.alerts.inc({ alert: 'transaction_after_success' });
      req.log.warn(
        { event: 'alert', alert: 'transaction_after_success', ...fields },
        'a transaction of an executed order ended badly',
      );
    }
    res.json({ received: true });
  }

  // Not inflated: what is signed are the bytes on the wire, and so many of them.
  const readBody = express.raw({ type: () => true, limit: BODY_LIMIT, inflate: false });
  return Router().post('/webhooks/conduit', readBody, receive);
}
