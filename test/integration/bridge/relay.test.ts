import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import type { OutgoingMessage } from '../../../src/clients/pubsub.ts';
import { inTransaction } from '../../../src/db/client.ts';
import { addMessage, claimMessages, outboxLag } from '../../../src/db/outbox.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { createRelay } from '../../../src/pubsub-bridge/relay.ts';
import { orderWorkflowId } from '../../../src/workflows/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { closeHarnesses, createHarness, type Harness, placeOrder } from './harness.ts';

jest.setTimeout(20_000);

let harness: Harness;
beforeAll(async () => {
  harness = await createHarness();
});
afterAll(closeHarnesses);

type Publish = (topic: string, messages: readonly OutgoingMessage[]) => Promise<void>;

/** A relay whose publishing a test may spoil. */
function createTestRelay({ db, project: { client } }: Harness, publish?: Publish) {
  const pubsub = { ...client, ...(publish && { publish }) };
  return createRelay({ db, pubsub, log: pino({ level: 'silent' }), metrics: createMetrics('bridge') });
}

async function addMessages({ db }: Harness, count: number): Promise<void> {
  await inTransaction(db, async (tx) => {
    for (let number = 1; number <= count; number += 1) await addMessage(tx, 'order-changes', { v: 1, number });
  });
}

const endLeases = ({ db }: Harness) =>
  db`update outbox set claimed_until = app_now() where published_at is null and claimed_until is not null`;

test('a message published before its relay is killed is published again, and starts one run', async () => {
  const order = await placeOrder(harness.db);
  const dies = new Promise<never>(() => {});
  const killed = createTestRelay(harness, async (...args) => {
    await harness.project.client.publish(...args);
    published();
    await dies; // No line of this relay runs after its publish.
  });
  let published = () => {};
  const reached = new Promise<void>((resolve) => {
    published = resolve;
  });
  void killed.pass();
  await reached;

  const survivor = harness.start();
  await eventually('the first delivery', async () => (await survivor.count('order-checks', 'started')) === 1);
  expect((await outboxLag(harness.db)).count).toBe(1);
  await endLeases(harness);
  await eventually('the second delivery', async () => (await survivor.count('order-checks', 'started')) === 2);

  await eventually('the mark', async () => (await outboxLag(harness.db)).count === 0);
  await eventually('visibility', async () => (await harness.namespace.countRuns(orderWorkflowId(order.id))) > 0);
  expect(await harness.namespace.countRuns(orderWorkflowId(order.id))).toBe(1);
  await survivor.stop();
});

test('two relays share the outbox: nothing is published twice, nothing is left', async () => {
  await addMessages(harness, 1_500);
  const published: string[][] = [[], []];
  const relays = published.map((mine) =>
    createTestRelay(harness, async (_topic, messages) => {
      for (const { data } of messages) mine.push(data.toString());
    }),
  );

  await Promise.all(
    relays.map(async ({ pass }) => {
      while ((await pass()) > 0);
    }),
  );

  const all = published.flat();
  expect(all).toHaveLength(1_500);
  expect(new Set(all).size).toBe(1_500);
  expect(published.every((mine) => mine.length > 0)).toBe(true);
  expect(await outboxLag(harness.db)).toMatchObject({ count: 0 });
});

test('what could not be published is given back at once, and only that', async () => {
  await inTransaction(harness.db, async (tx) => {
    await addMessage(tx, 'order-checks', { v: 1, name: 'refused' });
    await addMessage(tx, 'order-changes', { v: 1, name: 'taken' });
  });
  const relay = createTestRelay(harness, async (topic) => {
    if (topic === 'order-checks') throw new Error('refused');
  });

  await expect(relay.pass()).rejects.toThrow('refused');

  const left = await claimMessages(harness.db, 10, 0);
  expect(left.map(({ payload }) => payload['name'])).toEqual(['refused']);
  await harness.db`delete from outbox`;
});

test('a topic that is gone is made again with its subscription, and takes the messages that it refused', async () => {
  const { client, admin } = harness.project;
  const relay = createTestRelay(harness);
  await relay.pass();
  await admin.topic('conduit-events').delete();
  await inTransaction(harness.db, (tx) => addMessage(tx, 'conduit-events', { v: 1, name: 'late' }));

  await expect(relay.pass()).rejects.toThrow(/NOT_FOUND/);
  expect(await relay.pass()).toBe(1);

  expect(await client.hasSubscription('conduit-events')).toBe(true);
  const [message] = await eventually('the message', async () => {
    const pulled = await client.pull('conduit-events', 10);
    return (pulled?.length ?? 0) > 0 && pulled;
  });
  expect(message?.data.toString()).toContain('late');
});

test('messages whose mark the database refused are marked later, not published again', async () => {
  await addMessages(harness, 3);
  let published = 0;
  const relay = createTestRelay(harness, async (_topic, messages) => {
    published += messages.length;
    if (published === messages.length) await lockOutbox();
  });
  let unlock = () => {};
  let held: Promise<unknown> = Promise.resolve();
  const lockOutbox = () =>
    new Promise<void>((locked) => {
      held = harness.db.begin(async (tx) => {
        await tx`set local idle_in_transaction_session_timeout = 0`;
        await tx`select 1 from outbox where published_at is null for update`;
        locked();
        await new Promise<void>((resolve) => {
          unlock = resolve;
        });
      });
    });

  await expect(relay.pass()).rejects.toThrow(/lock timeout/);
  unlock();
  await held;
  await endLeases(harness);

  expect(await relay.pass()).toBe(0);
  expect(published).toBe(3);
  expect((await outboxLag(harness.db)).count).toBe(0);
});
