import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { IncomingMessage, OutgoingMessage } from '../../../src/clients/pubsub.ts';
import { createConsumer } from '../../../src/pubsub-bridge/consumer.ts';
import type { Effect } from '../../../src/pubsub-bridge/handlers.ts';
import { createWatcherCalls } from '../../../src/pubsub-bridge/watchers.ts';
import { messageCount, newMetrics, silent, spy } from './fakes.ts';

function setUp(
  effect: () => Promise<Effect>,
  publish = async (_topic: string, _messages: readonly OutgoingMessage[]) => {},
) {
  const metrics = newMetrics();
  const breaker = { succeeded: spy(() => {}), failed: spy(() => {}) };
  const pubsub = { publish: spy(publish) };
  const handlers = { 'order-checks': effect, 'order-changes': effect, 'conduit-events': effect };
  const consume = createConsumer('order-checks', {
    handlers,
    pubsub,
    breaker,
    log: silent,
    metrics,
    handlerDeadlineMs: 20,
  });
  return { consume, metrics, breaker, pubsub };
}

function aMessage(payload: unknown = { v: 1, order_id: randomUUID() }): IncomingMessage {
  const data = Buffer.from(JSON.stringify(payload));
  return { id: 'm1', ackId: 'a1', data, attributes: { from: 'test' }, deliveryAttempt: 1, publishedAt: new Date(0) };
}

const away = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

test('a message is acked after its effect, not before', async () => {
  let isDone = false;
  const { consume, breaker } = setUp(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    isDone = true;
    return 'started';
  });
  expect(await consume(aMessage())).toBe('ack');
  expect(isDone).toBe(true);
  expect(breaker.succeeded.calls).toHaveLength(1);
});

test('what is away sends the message back and tells the breaker', async () => {
  const { consume, metrics, breaker, pubsub } = setUp(() => Promise.reject(away()));
  expect(await consume(aMessage())).toBe('nack');
  expect(breaker.failed.calls).toHaveLength(1);
  expect(pubsub.publish.calls).toHaveLength(0);
  expect(await messageCount(metrics, 'retried')).toBe(1);
});

test('a handler that does not end in time sends the message back', async () => {
  const { consume, breaker } = setUp(() => new Promise<never>(() => {}));
  expect(await consume(aMessage())).toBe('nack');
  expect(breaker.failed.calls).toHaveLength(1);
});

test('a fault of ours sends the message back and blames no dependency', async () => {
  const { consume, breaker } = setUp(() => Promise.reject(new TypeError('a bug')));
  expect(await consume(aMessage())).toBe('nack');
  expect(breaker.failed.calls).toHaveLength(0);
});

test('an unreadable message is parked whole, with its reason beside its own attributes', async () => {
  const { consume, metrics, pubsub } = setUp(async () => 'started');
  const message = aMessage({ v: 9 });
  expect(await consume(message)).toBe('ack');
  const [[topic, [letter]] = ['', []]] = pubsub.publish.calls as [string, OutgoingMessage[]][];
  expect(topic).toBe('order-checks.dead-letter');
  expect(letter?.data).toBe(message.data);
  expect(letter?.attributes).toMatchObject({ from: 'test', parked_reason: 'unknown_version', parked_message_id: 'm1' });
  expect(await messageCount(metrics, 'parked')).toBe(1);
});

test('a message that could not be parked is not acked', async () => {
  const { consume, metrics } = setUp(
    async () => 'unknown_order',
    () => Promise.reject(away()),
  );
  expect(await consume(aMessage())).toBe('nack');
  expect(await messageCount(metrics, 'parked')).toBe(0);
});

test('a watcher is called once per pair and interval, and again when the call failed', async () => {
  let isAway = true;
  const signalWithStartWatcher = spy(async (_pair: string) => {
    if (isAway) throw away();
  });
  let nowMs = 0;
  const keepWatching = createWatcherCalls({ signalWithStartWatcher }, 60_000, () => nowMs);
  const failed = await Promise.allSettled([keepWatching('USD-EUR'), keepWatching('USD-EUR')]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(signalWithStartWatcher.calls).toHaveLength(1);

  isAway = false;
  await Promise.all([keepWatching('USD-EUR'), keepWatching('USD-EUR'), keepWatching('EUR-USD')]);
  expect(signalWithStartWatcher.calls.slice(1)).toEqual([['USD-EUR'], ['EUR-USD']]);

  nowMs += 59_999;
  await keepWatching('USD-EUR');
  expect(signalWithStartWatcher.calls).toHaveLength(3);
  nowMs += 1;
  await keepWatching('USD-EUR');
  expect(signalWithStartWatcher.calls).toHaveLength(4);
});
