import { afterAll, expect, jest, test } from '@jest/globals';
import { connectPubsub } from '../../../src/clients/pubsub.ts';
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

test('a message that waits is seen beside the stream, and stays', async () => {
  await project.client.ensure('order-changes');
  expect(await project.client.hasWaiting('order-changes')).toBe(false);
  await project.send('order-changes', { v: 1 });
  expect(await project.client.hasWaiting('order-changes')).toBe(true);

  const heard: string[] = [];
  const stream = project.client.subscribe('order-changes', {
    maxInFlight: 1,
    maxBytes: 1_000,
    onEnd: () => {},
    handle: async ({ data }) => {
      heard.push(data.toString());
      return 'ack';
    },
  });
  await eventually('the message', async () => heard.length > 0);
  expect(heard).toEqual(['{"v":1}']);
  await stream.close();
});

test('no more messages are at work at a time than were asked for; a close waits for those and their acks', async () => {
  await project.client.ensure('conduit-events');
  const messages = Array.from({ length: 60 }, (_, number) => ({ data: Buffer.from(String(number)) }));
  await project.client.publish('conduit-events', messages);
  let atWork = 0;
  let most = 0;
  const done: string[] = [];
  const open = () =>
    project.client.subscribe('conduit-events', {
      maxInFlight: 7,
      maxBytes: 1_000_000,
      onEnd: () => {},
      handle: async ({ data }) => {
        atWork += 1;
        most = Math.max(most, atWork);
        await new Promise((resolve) => setTimeout(resolve, 10)); // The work.
        atWork -= 1;
        done.push(data.toString());
        return 'ack';
      },
    });
  const first = open();
  await eventually('a few', async () => done.length > 14);

  await first.close();

  expect(atWork).toBe(0);
  expect(done.length).toBeLessThan(messages.length);
  const second = open();
  await eventually('the rest', async () => done.length >= messages.length);
  await second.close();
  expect(new Set(done).size).toBe(messages.length);
  expect(done).toHaveLength(messages.length); // What was acked while closing did not come again.
  expect(most).toBe(7);
});
