import type { IncomingMessage } from '../../clients/pubsub.ts';
import type { Topic } from '../../db/outbox.ts';
import { isUuid } from '../../domain/ids.ts';
import { readEnvelope } from '../../pubsub-bridge/envelope.ts';

/** A message among the dead letters of a topic, read as far as it can be. */
export interface DeadLetter {
  readonly topic: Topic;
  readonly message: IncomingMessage;
  /** The order that it names, also where the message as a whole cannot be read; null when it names none. */
  readonly orderId: string | null;
  /** Why the bridge could never handle it, in words; null when it can be read. */
  readonly fault: string | null;
}

/** What the bridge writes beside a message that it parks, and Pub/Sub itself beside one that was delivered too often. */
const OURS = /^parked_/;
const THEIRS = /^CloudPubSubDeadLetterSource/;

export function readDeadLetter(topic: Topic, message: IncomingMessage): DeadLetter {
  const read = readEnvelope(topic, message.data);
  if (read.kind === 'read') return { topic, message, orderId: read.envelope.order_id, fault: null };
  const orderId = read.reason === 'too_large' ? null : namedOrder(message.data);
  return { topic, message, orderId, fault: `${read.reason}, ${clean(read.detail)}` };
}

function namedOrder(data: Buffer): string | null {
  try {
    const payload: unknown = JSON.parse(data.toString('utf8'));
    const named = typeof payload === 'object' && payload !== null && 'order_id' in payload ? payload.order_id : null;
    return typeof named === 'string' && isUuid(named) ? named.toLowerCase() : null;
  } catch {
    return null;
  }
}

/** One line for a person: topic, id, since when, why, where from, which order, and the beginning of what cannot be read. */
export function lineOf(letter: DeadLetter): string {
  const { topic, message, orderId, fault } = letter;
  const parts = [
    topic,
    clean(message.id),
    message.publishedAt.toISOString(),
    reasonOf(letter),
    sourceOf(letter),
    `order ${orderId ?? 'unknown'}`,
    `${message.data.length} bytes`,
    ...(fault === null ? [] : [JSON.stringify(clean(message.data.subarray(0, 200).toString('utf8')).slice(0, 80))]),
  ];
  return parts.join('  ');
}

/** Whoever publishes there may write any attribute, so what Pub/Sub says comes first: it forwards what was parked by nobody. */
function reasonOf({ message: { attributes }, fault }: DeadLetter): string {
  if (isForwarded(attributes)) {
    const count = attribute(attributes, 'CloudPubSubDeadLetterSourceDeliveryCount') ?? 'too many';
    return `forwarded by Pub/Sub after ${count} deliveries${fault === null ? '' : `; ${fault}`}`;
  }
  const reason = attribute(attributes, 'parked_reason');
  if (reason === null) return fault === null ? 'put there by somebody else' : `put there by somebody else; ${fault}`;
  return `parked: ${[reason, attribute(attributes, 'parked_detail')].filter(Boolean).join(', ')}`;
}

function sourceOf({ message: { attributes } }: DeadLetter): string {
  if (isForwarded(attributes)) {
    const subscription = attribute(attributes, 'CloudPubSubDeadLetterSourceSubscription') ?? 'unknown';
    const published = attribute(attributes, 'CloudPubSubDeadLetterSourceTopicPublishTime');
    return `from ${subscription}${published === null ? '' : `, published ${published}`}`;
  }
  const id = attribute(attributes, 'parked_message_id');
  if (id === null) return 'from unknown';
  const attempt = attribute(attributes, 'parked_delivery_attempt') ?? 'unknown';
  const published = attribute(attributes, 'parked_published_at') ?? 'unknown';
  return `from message ${id}, published ${published}, delivery ${attempt}`;
}

function isForwarded(attributes: IncomingMessage['attributes']): boolean {
  return Object.keys(attributes).some((name) => THEIRS.test(name));
}

function attribute(attributes: IncomingMessage['attributes'], name: string): string | null {
  const value = attributes[name];
  return value === undefined || value === '' ? null : clean(value);
}

/** The attributes with which it is published again: what was said of its first death would contradict a second. */
export function attributesToReplay({ message }: DeadLetter): Record<string, string> {
  const own = Object.entries(message.attributes).filter(([name]) => !OURS.test(name) && !THEIRS.test(name));
  return { ...Object.fromEntries(own), replayed_from: message.id };
}

/** Anybody may have written it: no line break and no control code reaches the terminal, and no more than a line of it. */
function clean(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 250);
}
