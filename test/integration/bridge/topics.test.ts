import { afterAll, expect, jest, test } from '@jest/globals';
import { connectPubsub, isPubsubNotFound } from '../../../src/clients/pubsub.ts';
import { eventually } from '../../support/eventually.ts';
import { createTestProject, emulatorHost } from '../../support/pubsub.ts';

jest.setTimeout(20_000);
const project = createTestProject();
const others = Array.from({ length: 3 }, () =>
  connectPubsub({ projectId: project.projectId, emulatorHost: emulatorHost() }),
);
afterAll(() => Promise.all([project.close(), ...others.map((other) => other.close())]));

test('several bridges make the same topics at once: each succeeds, with dead letters, retries and no ordering', async () => {
  await Promise.all([project.client, ...others].map((client) => client.ensure('order-checks')));
  await project.client.ensure('order-checks');

  const [topics] = await project.admin.getTopics();
  const names = topics.map(({ name }) => name.split('/').at(-1));
  expect(new Set(names)).toEqual(new Set(['order-checks', 'order-checks.dead-letter']));
  const [bridge] = await project.admin.subscription('order-checks.bridge').getMetadata();
  expect(bridge).toMatchObject({
    enableMessageOrdering: false,
    deadLetterPolicy: { maxDeliveryAttempts: 20 },
    retryPolicy: { minimumBackoff: { seconds: '1' }, maximumBackoff: { seconds: '60' } },
  });
  expect(bridge.deadLetterPolicy?.deadLetterTopic).toMatch(/topics\/order-checks\.dead-letter$/);
  const [hold] = await project.admin.subscription('order-checks.dead-letter.hold').getMetadata();
  expect(hold.topic).toBe(bridge.deadLetterPolicy?.deadLetterTopic);
});

async function pullOne(topic: string) {
  const [message] = await eventually('a message', async () => {
    const pulled = await project.client.pull(topic, 1);
    return (pulled?.length ?? 0) > 0 && pulled;
  });
  if (!message) throw new Error('pulled nothing');
  return message;
}

test('what is given back is delivered again and counted; what is acknowledged is not', async () => {
  const topic = 'order-changes';
  await project.client.ensure(topic);
  await project.send(topic, { number: 1 }, { from: 'test' });

  const first = await pullOne(topic);
  await project.client.giveBack(topic, first);
  const second = await pullOne(topic);
  await project.client.acknowledge(topic, second);

  expect(first).toMatchObject({ deliveryAttempt: 1, attributes: { from: 'test' } });
  expect(second).toMatchObject({ id: first.id, deliveryAttempt: 2, data: first.data });
  expect(Math.abs(Date.now() - first.publishedAt.getTime())).toBeLessThan(10_000);
  expect(await project.client.pull(topic, 1)).toEqual([]);
});

test('a pull takes no more than was asked for', async () => {
  const topic = 'conduit-events';
  await project.client.ensure(topic);
  await project.client.publish(
    topic,
    Array.from({ length: 30 }, () => ({ data: Buffer.from('{}') })),
  );

  const pulled = await project.client.pull(topic, 7);

  expect(pulled?.length).toBeGreaterThan(0);
  expect(pulled?.length).toBeLessThanOrEqual(7);
});

test('a topic and its subscription that are not there say so', async () => {
  expect(await project.client.hasSubscription('order-nothing')).toBe(false);
  const failures = await Promise.allSettled([
    project.client.pull('order-nothing', 1),
    project.client.publish('order-nothing', [{ data: Buffer.from('{}') }]),
  ]);
  expect(failures.map((it) => it.status === 'rejected' && isPubsubNotFound(it.reason))).toEqual([true, true]);
});
