import { deadLetterTopic, type IncomingMessage, type Pubsub } from '../clients/pubsub.ts';
import { isTemporalUnavailable } from '../clients/temporal.ts';
import { isDatabaseUnavailable } from '../db/client.ts';
import type { Topic } from '../db/outbox.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Breaker } from './breaker.ts';
import { DeadlinePassed, withDeadline } from './deadline.ts';
import { readEnvelope, type Unreadable } from './envelope.ts';
import type { Handlers } from './handlers.ts';
import type { Verdict } from './subscriber.ts';

export interface ConsumerDeps {
  readonly handlers: Handlers;
  readonly pubsub: Pick<Pubsub, 'publish'>;
  readonly breaker: Pick<Breaker, 'succeeded' | 'failed'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly handlerDeadlineMs?: number;
}

/** Half of the time for which the message is ours; the calls inside have shorter ones of their own. */
const HANDLER_DEADLINE_MS = 10_000;

/** Everything that `bridge_messages_total` counts, of a relay and of a consumer. */
export const MESSAGE_RESULTS = [
  'published',
  'publish_failed',
  'started',
  'closed',
  'finished',
  'signalled',
  'no_run',
  'ignored',
  'parked',
  'retried',
] as const;

/**
 * Takes one message of a topic to its end: `ack` only when its effect is durable or the message is kept among the dead letters;
 * `nack`, to be tried again, when anything was away.
 */
export function createConsumer<T extends Topic>(topic: T, deps: ConsumerDeps) {
  const { handlers, pubsub, breaker, metrics, handlerDeadlineMs = HANDLER_DEADLINE_MS } = deps;

  async function park(
    message: IncomingMessage,
    reason: Unreadable | 'unknown_order',
    detail: string,
  ): Promise<Verdict> {
    const log = deps.log.child({ topic, message_id: message.id, reason, detail });
    const attributes = {
      ...message.attributes,
      parked_reason: reason,
      parked_detail: detail.slice(0, 250), // An attribute holds 1,024 bytes.
      parked_topic: topic,
      parked_message_id: message.id,
      parked_published_at: message.publishedAt.toISOString(),
      parked_delivery_attempt: String(message.deliveryAttempt),
    };
    try {
      await pubsub.publish(deadLetterTopic(topic), [{ data: message.data, attributes }]);
    } catch (error) {
      metrics.messages.inc({ topic, result: 'retried' });
      log.warn({ event: 'dependency_unavailable', err: error }, 'could not park a message');
      return 'nack';
    }
    metrics.messages.inc({ topic, result: 'parked' });
    log.error({ event: 'message_parked' }, 'a message that can never be handled was parked');
    return 'ack';
  }

  return async function consume(message: IncomingMessage): Promise<Verdict> {
    const beganAt = performance.now();
    const read = readEnvelope(topic, message.data);
    if (read.kind === 'unreadable') return park(message, read.reason, read.detail);
    const log = deps.log.child({ topic, order_id: read.envelope.order_id, delivery_attempt: message.deliveryAttempt });
    try {
      const effect = await withDeadline(handlers[topic](read.envelope), handlerDeadlineMs);
      if (effect === 'unknown_order') return await park(message, effect, 'there is no such order');
      if (effect !== 'ignored' && effect !== 'finished') breaker.succeeded(); // Those two did not ask Temporal.
      metrics.messages.inc({ topic, result: effect });
      const fields = { event: 'message_handled', result: effect, duration_ms: Math.round(performance.now() - beganAt) };
      log[effect === 'ignored' ? 'debug' : 'info'](fields, 'message handled');
      return 'ack';
    } catch (error) {
      metrics.messages.inc({ topic, result: 'retried' });
      log.warn({ event: 'message_handled', result: 'retried', err: error }, 'message given back');
      if (error instanceof DeadlinePassed || isTemporalUnavailable(error) || isDatabaseUnavailable(error))
        breaker.failed();
      return 'nack';
    }
  };
}
