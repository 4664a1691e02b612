import { afterEach, expect, test } from '@jest/globals';
import type { IncomingMessage } from '../../../src/clients/pubsub.ts';
import { createSubscriber, type Verdict } from '../../../src/pubsub-bridge/subscriber.ts';
import { eventually } from '../../support/eventually.ts';
import { silent, spy } from './fakes.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

const aMessage = (id: string): IncomingMessage => ({
  id,
  ackId: `ack-${id}`,
  data: Buffer.from('{}'),
  attributes: {},
  deliveryAttempt: 1,
  publishedAt: new Date(0),
});
const notFound = () => Object.assign(new Error('not there'), { code: 5 });

/** A Pub/Sub that a test can let forget its subscription, freeze or go away. */
function startSubscriber(
  handle: (message: IncomingMessage) => Promise<Verdict> = async () => 'ack',
  checkEveryMs = 20,
) {
  const state = { isPaused: false, isPresent: true, isFed: true, isAway: false, isFrozen: false, aheadMs: 0 };
  const queue: IncomingMessage[] = [];
  const asked = () => {
    if (state.isAway) throw new Error('away');
  };
  const pubsub = {
    ensure: spy(async (_topic: string) => {
      asked();
      state.isPresent = true;
      state.isFed = true;
    }),
    hasSubscription: spy(async (_topic: string) => {
      asked();
      if (state.isFrozen) throw new Error('too late');
      return state.isPresent && state.isFed;
    }),
    pull: spy(async (_topic: string, limit: number) => {
      await new Promise((resolve) => setImmediate(resolve));
      asked();
      if (!state.isPresent) throw notFound();
      return state.isFrozen ? null : queue.splice(0, limit);
    }),
    acknowledge: spy(async (_topic: string, _message: IncomingMessage) => asked()),
    giveBack: spy(async (_topic: string, _message: IncomingMessage) => asked()),
  };
  const subscriber = createSubscriber({
    topic: 'order-checks',
    pubsub,
    handle,
    isPaused: () => state.isPaused,
    log: silent,
    maxInFlight: 3,
    checkEveryMs,
    clock: () => performance.now() + state.aheadMs,
  });
  subscriber.start();
  stops.push(() => subscriber.stop());
  return { subscriber, state, queue, pubsub };
}
const opened = ({ subscriber }: ReturnType<typeof startSubscriber>) =>
  eventually('open', async () => subscriber.isOpen());
const idsOf = (calls: readonly (readonly [string, IncomingMessage])[]) => calls.map(([, { id }]) => id);

test('a verdict decides whether a message is acknowledged or given back', async () => {
  const it = startSubscriber(async ({ id }) => (id === 'good' ? 'ack' : 'nack'));
  it.queue.push(aMessage('good'), aMessage('bad'));
  await eventually('both', async () => it.queue.length === 0 && it.pubsub.giveBack.calls.length === 1);
  expect(idsOf(it.pubsub.acknowledge.calls)).toEqual(['good']);
  expect(idsOf(it.pubsub.giveBack.calls)).toEqual(['bad']);
});

test('no more is pulled than there are handlers for', async () => {
  const ends: (() => void)[] = [];
  const it = startSubscriber(
    () => new Promise((resolve) => ends.push(() => resolve('ack'))), // Ends when the test says so.
  );
  for (let i = 0; i < 8; i += 1) it.queue.push(aMessage(String(i)));
  await eventually('all handlers', async () => ends.length === 3);
  const pulls = it.pubsub.pull.calls.length;
  await new Promise((resolve) => setImmediate(resolve));
  expect(it.pubsub.pull.calls).toHaveLength(pulls);
  expect(it.queue).toHaveLength(5);

  ends[0]?.();
  await eventually('the next', async () => ends.length === 4);
  expect(it.pubsub.pull.calls.at(-1)?.[1]).toBe(1);
  for (let i = 1; i < 8; i += 1) await eventually('an end', async () => ends[i]?.() ?? i < ends.length);
});

test('a subscription that is not found is made, and the next pull finds it', async () => {
  const it = startSubscriber();
  await opened(it);
  it.state.isPresent = false;
  await eventually('it was made', async () => it.pubsub.ensure.calls.length === 1);
  await opened(it);
});

test('a subscription that no topic feeds any more is missed, although it answers', async () => {
  const it = startSubscriber();
  await opened(it);
  it.state.isFed = false;
  await eventually('it was made again', async () => it.pubsub.ensure.calls.length === 1);
});

test.each(['isAway', 'isFrozen'] as const)('while Pub/Sub %s it is not open; afterwards it is', async (fault) => {
  const it = startSubscriber(undefined, 60_000); // Found by the pull itself, not by the check that was due anyway.
  await opened(it);
  it.state[fault] = true;
  await eventually('red', async () => !it.subscriber.isOpen());
  it.state[fault] = false;
  await opened(it);
});

test('a call of the library that never ends is not taken for an open subscription', async () => {
  const it = startSubscriber(undefined, 60_000);
  await opened(it);
  let end = (_messages: IncomingMessage[]) => {};
  it.pubsub.pull.answers(
    () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  );
  const pulls = it.pubsub.pull.calls.length;
  await eventually('a pull that waits', async () => it.pubsub.pull.calls.length > pulls);
  expect(it.subscriber.isOpen()).toBe(true);
  it.state.aheadMs = 61_000;
  expect(it.subscriber.isOpen()).toBe(false);
  it.pubsub.pull.answers(async () => []);
  end([]);
  await opened(it);
});

test('nothing is pulled during a pause', async () => {
  const it = startSubscriber();
  await opened(it);
  it.state.isPaused = true;
  it.subscriber.wake();
  await eventually('closed', async () => !it.subscriber.isOpen());
  const pulls = it.pubsub.pull.calls.length;
  it.queue.push(aMessage('waits'));
  it.subscriber.wake();
  await new Promise((resolve) => setImmediate(resolve));
  expect(it.pubsub.pull.calls).toHaveLength(pulls);

  it.state.isPaused = false;
  it.subscriber.wake();
  await eventually('it was taken', async () => it.pubsub.acknowledge.calls.length === 1);
});

test('a stop waits for what is at work, and gives back what a pull still brought', async () => {
  let end = () => {};
  const it = startSubscriber(
    () =>
      new Promise((resolve) => {
        end = () => resolve('ack');
      }),
  );
  it.queue.push(aMessage('begun'));
  await eventually('it began', async () => it.queue.length === 0);
  let answer = (_messages: IncomingMessage[]) => {};
  it.pubsub.pull.answers(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const pulls = it.pubsub.pull.calls.length;
  await eventually('a pull that waits', async () => it.pubsub.pull.calls.length > pulls);
  let isStopped = false;
  const stopped = it.subscriber.stop().then(() => {
    isStopped = true;
  });
  answer([aMessage('late')]);
  await eventually('the late one is back', async () => it.pubsub.giveBack.calls.length === 1);
  expect(it.pubsub.acknowledge.calls).toHaveLength(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);

  end();
  await stopped;
  expect(idsOf(it.pubsub.acknowledge.calls)).toEqual(['begun']);
  expect(idsOf(it.pubsub.giveBack.calls)).toEqual(['late']);
  expect(it.subscriber.isOpen()).toBe(false);
});

test('an acknowledgement that fails ends nothing', async () => {
  const it = startSubscriber();
  it.pubsub.acknowledge.answers(async () => {
    throw new Error('away');
  });
  it.queue.push(aMessage('1'), aMessage('2'));
  await eventually('both', async () => it.pubsub.acknowledge.calls.length === 2);
  await opened(it);
});
