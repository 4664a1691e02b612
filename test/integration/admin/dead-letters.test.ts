import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import type { OutgoingMessage } from '../../../src/clients/pubsub.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { eventually } from '../../support/eventually.ts';
import { createTestProject, emulatorHost, type TestProject } from '../../support/pubsub.ts';
import { insertTestOrder } from '../../workflow/support.ts';
import { openTestDb, type TestDb } from '../db/support.ts';
import { admin } from './support.ts';

jest.setTimeout(40_000);

const TOPICS = ['order-checks', 'order-changes', 'conduit-events'];

let bed: TestDb;
let project: TestProject;
let order: OrderRow;
const given = { database: process.env['DATABASE_URL'], project: process.env['PUBSUB_PROJECT_ID'] };

beforeAll(async () => {
  bed = await openTestDb();
  const [row] = await bed.db<{ url: string }[]>`select current_database() as url`;
  const url = new URL(given.database ?? '');
  url.pathname = `/${row?.url}`;
  process.env['DATABASE_URL'] = url.href;
  order = await insertTestOrder(bed.db, Date.now());
});
beforeEach(async () => {
  await project?.close();
  project = createTestProject();
  process.env['PUBSUB_PROJECT_ID'] = project.projectId;
});
afterAll(async () => {
  process.env['DATABASE_URL'] = given.database;
  if (given.project !== undefined) process.env['PUBSUB_PROJECT_ID'] = given.project;
  await project.close();
  await bed.stop();
});

const check = (orderId: string) => Buffer.from(JSON.stringify({ v: 1, order_id: orderId }));

/** Parks a message as the bridge does. */
async function park(
  topic: string,
  message: OutgoingMessage,
  reason = 'not_json',
  detail = 'the payload is not JSON',
): Promise<void> {
  const attributes = {
    ...message.attributes,
    parked_reason: reason,
    parked_detail: detail,
    parked_topic: topic,
    parked_message_id: '4711',
    parked_published_at: '2031-01-31T10:00:00.000Z',
    parked_delivery_attempt: '3',
  };
  await project.client.publish(`${topic}.dead-letter`, [{ data: message.data, attributes }]);
}

const linesOf = ({ out }: { out: string }) => out.split('\n').filter((line) => line !== '');
const idOf = (line: string) => line.replace(/^(replayed|stays|discarded) +/, '').split('  ')[1] ?? '';

/** What the bridge's subscription of the topic holds. */
async function queued(topic: string) {
  const messages = await project.client.pull(topic, 100);
  for (const message of messages ?? []) await project.client.acknowledge(topic, message);
  return (messages ?? []).map(({ data, attributes }) => ({ text: data.toString(), attributes }));
}

test('a list shows each with its reason, source, time and order, and takes none: a second one shows the same', async () => {
  for (const topic of TOPICS) await project.client.ensure(topic);
  await park('order-checks', { data: Buffer.from('{"v":1,\u001b[31m') });
  await park(
    'order-changes',
    { data: Buffer.from(`{"v":2,"order_id":"${order.id}"}`) },
    'unknown_version',
    'v: invalid_value',
  );
  await park('conduit-events', { data: Buffer.alloc(100_000, ' ') }, 'too_large', '100000 bytes, at most 65536');
  const first = await admin('dead-letters list');
  expect(first).toMatchObject({ code: 0, err: '' });
  const [torn, other, large] = linesOf(first);
  expect(torn).toMatch(
    /^order-checks {2}\d+ {2}20\S+Z {2}parked: not_json, the payload is not JSON {2}from message 4711, published 2031-01-31T10:00:00.000Z, delivery 3 {2}order unknown {2}12 bytes {2}"\{\\"v\\":1,\?\[31m"$/,
  );
  expect(other).toContain(`parked: unknown_version, v: invalid_value  from message 4711`);
  expect(other).toContain(`order ${order.id}  `);
  expect(large).toContain('100000 bytes  "');
  expect(large?.length).toBeLessThan(400);
  expect(await admin('dead-letters list')).toEqual(first);
  expect(linesOf(await admin('dead-letters list --topic order-changes'))).toEqual([other]);
});

test('a list ends where it was told to, and says so', async () => {
  await project.client.ensure('order-checks');
  for (let i = 0; i < 7; i += 1) await park('order-checks', { data: Buffer.from(String(i)) });
  const some = await admin('dead-letters list --topic order-checks --limit 3');
  expect(linesOf(some)).toHaveLength(3);
  expect(some.err).toContain('ends after 3');
  expect(linesOf(await admin('dead-letters list --topic order-checks'))).toHaveLength(7);
});

test('what Pub/Sub itself forwarded after too many deliveries is told apart, and replayed without those marks', async () => {
  // As the bridge's own, but given up sooner and at once.
  const path = (name: string) => `projects/${project.projectId}/topics/${name}`;
  for (const name of ['order-checks', 'order-checks.dead-letter']) await project.admin.createTopic(name);
  await project.admin.topic('order-checks').createSubscription('order-checks.bridge', {
    deadLetterPolicy: { deadLetterTopic: path('order-checks.dead-letter'), maxDeliveryAttempts: 5 },
  });
  await project.client.ensure('order-checks');
  await project.send('order-checks', check(order.id), { from: 'test' });
  // Given back each time; the emulator forwards it when it would be delivered once more.
  const letters = await eventually('it is given up', async () => {
    const [message] = (await project.client.pull('order-checks', 1)) ?? [];
    if (message) await project.client.giveBack('order-checks', message);
    return !message && linesOf(await admin('dead-letters list --topic order-checks'));
  });
  const [line = ''] = letters;
  expect(line).toMatch(/forwarded by Pub\/Sub after 5 deliveries {2}from order-checks\.bridge, published 20/);
  expect(line).toContain(`order ${order.id}`);
  expect(await admin(`dead-letters replay --id ${idOf(line)}`)).toMatchObject({ code: 0 });
  expect(await queued('order-checks')).toEqual([
    { text: check(order.id).toString(), attributes: { from: 'test', replayed_from: idOf(line) } },
  ]);
  expect(linesOf(await admin('dead-letters list --topic order-checks'))).toEqual([]);
});

test('all that can be read is replayed; what the bridge would only park again stays, with its reason and code 1', async () => {
  for (const topic of TOPICS) await project.client.ensure(topic);
  await park('order-checks', { data: check(order.id) }, 'wrong_shape');
  await park('order-checks', { data: Buffer.from('torn') });
  await park('order-checks', { data: check(randomUUID()) }, 'unknown_order');
  await park('conduit-events', {
    data: Buffer.from(JSON.stringify({ v: 1, order_id: randomUUID(), event_id: 'evt_1' })),
  });
  const ran = await admin('dead-letters replay --all');
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('2 stay') });
  const words = linesOf(ran).map((line) => line.split(/ {2,}/)[0]);
  expect(words.filter((word) => word === 'replayed')).toHaveLength(2);
  expect(words.filter((word) => word === 'stays')).toHaveLength(2);
  expect(ran.out).toContain(': unknown_order, there is no such order here');
  expect(ran.out).toContain(': not_json, the payload is not JSON in UTF-8');
  expect((await queued('order-checks')).map(({ text }) => text)).toEqual([check(order.id).toString()]);
  expect(await queued('conduit-events')).toHaveLength(1);
  const left = linesOf(await admin('dead-letters list'));
  expect(left).toHaveLength(2);

  const [first = '', second = ''] = left.map(idOf);
  expect(await admin(`dead-letters discard --id ${first} --id ${second}`)).toMatchObject({ code: 0 });
  expect(linesOf(await admin('dead-letters list'))).toEqual([]);
});

test('one that is not there is code 1, and nothing else is touched', async () => {
  await project.client.ensure('order-checks');
  await park('order-checks', { data: check(order.id) });
  expect(await admin('dead-letters replay --id 999999999')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('No dead letter with the id 999999999'),
  });
  expect(linesOf(await admin('dead-letters list'))).toHaveLength(1);
});

test('nothing is replayed to a topic that feeds nobody: the letter stays', async () => {
  await project.client.ensure('order-checks');
  await park('order-checks', { data: check(order.id) });
  await project.admin.subscription('order-checks.bridge').delete();
  expect(await admin('dead-letters replay --all')).toMatchObject({
    code: 1,
    err: expect.stringContaining('start a bridge'),
  });
  expect(linesOf(await admin('dead-letters list'))).toHaveLength(1);
});

test('where no bridge has ever been there is none, and that is said', async () => {
  expect(await admin('dead-letters list')).toMatchObject({
    code: 0,
    out: '',
    err: TOPICS.map((topic) => `No dead letter of ${topic}.`).join('\n'),
  });
});

test('a Pub/Sub that is away is one clear line', async () => {
  const host = emulatorHost();
  process.env['PUBSUB_EMULATOR_HOST'] = '127.0.0.1:1';
  try {
    const ran = await admin('dead-letters list --topic order-checks');
    expect(ran).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^Pub\/Sub .* does not answer/) });
  } finally {
    process.env['PUBSUB_EMULATOR_HOST'] = host;
  }
});
