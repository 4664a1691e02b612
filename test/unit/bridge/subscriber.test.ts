import { afterEach, expect, test } from '@jest/globals';
import type { OpenSubscription, SubscribeOptions } from '../../../src/clients/pubsub.ts';
import { createSubscriber } from '../../../src/pubsub-bridge/subscriber.ts';
import { eventually } from '../../support/eventually.ts';
import { silent, spy } from './fakes.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** A Pub/Sub that a test can let forget its subscription, fall silent or go away. */
function startSubscriber() {
  const state = { isPaused: false, isPresent: true, isAway: false, silentMs: 0, waiting: false };
  const streams: { options: SubscribeOptions; isOpen: boolean }[] = [];
  const answer = async <T>(value: T): Promise<T> => {
    if (state.isAway) throw new Error('away');
    return value;
  };
  const pubsub = {
    ensure: spy(async (_topic: string) => {
      await answer(null);
      state.isPresent = true;
    }),
    hasSubscription: spy((_topic: string) => answer(state.isPresent)),
    hasWaiting: spy((_topic: string) => answer(state.waiting)),
    subscribe: spy((_topic: string, options: SubscribeOptions): OpenSubscription => {
      const stream = { options, isOpen: true };
      streams.push(stream);
      return {
        isOpen: () => stream.isOpen,
        silentMs: () => state.silentMs,
        close: async () => {
          stream.isOpen = false;
        },
      };
    }),
  };
  const subscriber = createSubscriber({
    topic: 'order-checks',
    pubsub,
    handle: async () => 'ack',
    isPaused: () => state.isPaused,
    log: silent,
    checkEveryMs: 5,
    silenceMs: 50,
  });
  subscriber.start();
  stops.push(() => subscriber.stop());
  return { subscriber, state, streams, pubsub };
}
const openStreams = (streams: readonly { isOpen: boolean }[]) => streams.filter(({ isOpen }) => isOpen).length;

test('topics are made before the first stream is opened', async () => {
  const { subscriber, pubsub } = startSubscriber();
  await eventually('open', async () => subscriber.isOpen());
  expect(pubsub.ensure.calls).toHaveLength(1);
});

test('a stream that ended is replaced at once', async () => {
  const { subscriber, streams } = startSubscriber();
  await eventually('open', async () => subscriber.isOpen());
  const [first] = streams;
  if (first) first.isOpen = false;
  first?.options.onEnd(new Error('5 NOT_FOUND'));
  expect(subscriber.isOpen()).toBe(false);
  await eventually('reopened', async () => subscriber.isOpen() && streams.length === 2);
});

test('a subscription that is gone without a word is missed and made again', async () => {
  const { subscriber, state, streams, pubsub } = startSubscriber();
  await eventually('open', async () => subscriber.isOpen());
  state.isPresent = false;
  await eventually('reopened', async () => streams.length === 2);
  expect(pubsub.ensure.calls).toHaveLength(2);
  expect(openStreams(streams)).toBe(1);
});

test('while Pub/Sub does not answer it is not ready; afterwards the stream is a new one', async () => {
  const { subscriber, state, streams } = startSubscriber();
  await eventually('open', async () => subscriber.isOpen());
  state.isAway = true;
  await eventually('red', async () => !subscriber.isOpen());
  state.isAway = false;
  await eventually('green', async () => subscriber.isOpen());
  expect(streams).toHaveLength(2);
});

test('a silent stream is replaced only when messages wait behind it', async () => {
  const { subscriber, state, streams, pubsub } = startSubscriber();
  await eventually('open', async () => subscriber.isOpen());
  state.silentMs = 60;
  await eventually('a look', async () => pubsub.hasWaiting.calls.length >= 2);
  expect(streams).toHaveLength(1);
  state.waiting = true;
  await eventually('reopened', async () => streams.length > 1);
});

test('a pause closes the stream and its end opens one', async () => {
  const { subscriber, state, streams } = startSubscriber();
  await eventually('open', async () => subscriber.isOpen());
  state.isPaused = true;
  subscriber.wake();
  await eventually('closed', async () => openStreams(streams) === 0);
  state.isPaused = false;
  subscriber.wake();
  await eventually('open again', async () => subscriber.isOpen());
  expect(openStreams(streams)).toBe(1);
});

test('after a stop no stream is open', async () => {
  const { subscriber, streams } = startSubscriber();
  await eventually('open', async () => subscriber.isOpen());
  await subscriber.stop();
  expect(openStreams(streams)).toBe(0);
});
