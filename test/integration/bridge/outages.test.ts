import { afterAll, expect, jest, test } from '@jest/globals';
import { orderWorkflowId } from '../../../src/workflows/messages.ts';
import { startServices } from '../../../stack/services.ts';
import { scratchDir } from '../../stack/support.ts';
import { eventually } from '../../support/eventually.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { temporalAddress } from '../../support/temporal.ts';
import { closeHarnesses, createHarness, placeOrder } from './harness.ts';

jest.setTimeout(40_000);
afterAll(closeHarnesses);

test('while Temporal is away nothing is taken and no delivery attempt spent; it goes on by itself', async () => {
  const harness = await createHarness();
  const proxy = await startTcpProxy(temporalAddress());
  const temporal = { ...harness.namespace.settings, connectionOptions: { address: proxy.address } };
  const { bridge, lines, count } = harness.start({ temporal });
  await eventually('the subscriptions', async () => bridge.checks.pubsub());

  await proxy.cut();
  await eventually('the pause', async () => lines.some(({ event }) => event === 'bridge_paused'));
  await eventually('closed subscriptions', async () => !bridge.checks.pubsub());
  expect(bridge.checks.temporal()).toBe(false);
  const order = await placeOrder(harness.db);
  await eventually('the publishing, which goes on', async () => (await count('order-checks', 'published')) === 1);

  await proxy.heal();
  await eventually('the run', () => harness.namespace.signalsOf(orderWorkflowId(order.id)));
  await eventually('the ack', async () => (await count('order-checks', 'started')) === 1);
  expect(lines.some(({ event }) => event === 'bridge_resumed')).toBe(true);
  const handled = lines.filter(({ event, order_id }) => event === 'message_handled' && order_id === order.id);
  expect(handled.map(({ result, delivery_attempt }) => [result, delivery_attempt])).toEqual([['started', 1]]);
  await eventually('readiness', async () => bridge.checks.temporal() && bridge.checks.pubsub());
  await proxy.close();
});

test('a bridge that starts before the search attributes are there waits for them, and is not ready', async () => {
  const harness = await createHarness(undefined, { withSearchAttributes: false });
  const order = await placeOrder(harness.db);
  const { bridge, lines, count } = harness.start();
  await eventually('the message', async () => (await count('order-checks', 'published')) === 1);
  await eventually('an answer', async () => bridge.checks.temporal());
  expect(bridge.checks.search_attributes()).toBe(false);
  expect(bridge.checks.pubsub()).toBe(false);

  await harness.namespace.addSearchAttributes();

  await eventually('the run', () => harness.namespace.signalsOf(orderWorkflowId(order.id)));
  expect(bridge.checks.search_attributes()).toBe(true);
  expect(lines.filter(({ result }) => result === 'retried')).toEqual([]);
});

test('a restarted emulator has lost its topics: they are made again, and the next message arrives', async () => {
  const { dir, remove } = scratchDir();
  const services = await startServices({
    only: ['pubsub'],
    ports: 'free',
    dataDir: dir,
    logDir: dir,
    quiet: true,
    ignoreGiven: true,
  });
  try {
    const harness = await createHarness(services.env['PUBSUB_EMULATOR_HOST']);
    const { bridge, count } = harness.start();
    await eventually('the subscriptions', async () => bridge.checks.pubsub());
    const before = await placeOrder(harness.db);
    await eventually('the first run', () => harness.namespace.signalsOf(orderWorkflowId(before.id)));

    await services.kill('pubsub', 'SIGKILL');
    await eventually('red', async () => !bridge.checks.pubsub());
    const during = await placeOrder(harness.db);
    await services.restart('pubsub');

    await eventually('the run of the order placed meanwhile', () =>
      harness.namespace.signalsOf(orderWorkflowId(during.id)),
    );
    await eventually('green', async () => bridge.checks.pubsub());
    const after = await placeOrder(harness.db);
    await eventually('the next run', () => harness.namespace.signalsOf(orderWorkflowId(after.id)));
    expect(await count('order-checks', 'parked')).toBe(0);
    await closeHarnesses();
  } finally {
    await services.stop();
    remove();
  }
});

test('a subscription that is deleted is missed, made again and opened', async () => {
  const harness = await createHarness();
  const { bridge } = harness.start();
  await eventually('the subscriptions', async () => bridge.checks.pubsub());

  await harness.project.admin.subscription('order-checks.bridge').delete();
  await eventually('the new one', async () => {
    const order = await placeOrder(harness.db);
    return eventually('a run', () => harness.namespace.signalsOf(orderWorkflowId(order.id)), 500);
  });
  await eventually('green', async () => bridge.checks.pubsub());
});

test('an order that outlived its expiry is expired by the bridge, even while Temporal and Pub/Sub are away', async () => {
  const harness = await createHarness();
  const order = await placeOrder(harness.db, { expiresInMs: 3_600_000, announced: false });
  await harness.db`update orders set created_at = app_now() - interval '1 hour', expires_at = app_now() - interval '29 seconds'
    where order_id = ${order.id}`;
  const away = { ...harness.namespace.settings, connectionOptions: { address: '127.0.0.1:1' } };
  const { lines } = harness.start({ temporal: away, emulatorHost: '127.0.0.1:1', overdueEveryMs: 200 });
  const statusOf = async () => {
    const [row] = await harness.db<{ status: string }[]>`select status from orders where order_id = ${order.id}`;
    return row?.status;
  };
  expect(await statusOf()).toBe('accepted');

  await eventually('the expiry', async () => (await statusOf()) === 'expired');
  expect(lines.find(({ event }) => event === 'alert')).toMatchObject({
    alert: 'overdue_expired_by_repair',
    order_id: order.id,
  });
});

test('a bridge that stops ends what it began, gives back the rest, and another carries on', async () => {
  const harness = await createHarness();
  const first = harness.start();
  await eventually('the subscriptions', async () => first.bridge.checks.pubsub());
  const orders = await Promise.all(Array.from({ length: 150 }, () => placeOrder(harness.db)));
  await eventually('some of them', async () => (await first.count('order-checks', 'started')) > 5);

  await first.stop();
  const begun = first.lines.filter(({ event }) => event === 'message_handled');
  expect(begun.filter(({ result }) => result === 'retried')).toEqual([]);
  const done = await first.count('order-checks', 'started');
  expect(done).toBeLessThan(orders.length); // Or nothing was left to give back.
  const second = harness.start();

  await eventually('all the runs', async () => {
    const seen = await Promise.all(orders.map(({ id }) => harness.namespace.signalsOf(orderWorkflowId(id))));
    return seen.every((signals) => signals !== null);
  });
  // Everything that the first had begun was acked: nothing of it is delivered again.
  await eventually('the acks', async () => (await second.count('order-checks', 'started')) >= orders.length - done);
  expect(await second.count('order-checks', 'started')).toBe(orders.length - done);
});

test('a bridge whose own relay hangs says so: its outbox lags, although all that it needs answers', async () => {
  const harness = await createHarness();
  let release = () => {};
  const hangs = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { bridge, count } = harness.start({
    wrapPubsub: (real) => ({
      ...real,
      async publish(topic, messages) {
        await hangs;
        return real.publish(topic, messages);
      },
    }),
  });
  await eventually('the subscriptions', async () => bridge.checks.pubsub());
  const order = await placeOrder(harness.db);
  await eventually('a measurement', async () => {
    await bridge.collect();
    return bridge.checks.outbox_lag();
  });
  await harness.db`update outbox set created_at = app_now() - interval '2 minutes' where published_at is null`;

  // Nobody reads the gauges: the bridge looks by itself.
  await eventually('red', async () => !bridge.checks.outbox_lag());
  expect([bridge.checks.postgres(), bridge.checks.temporal(), bridge.checks.pubsub()]).toEqual([true, true, true]);

  release();
  await eventually('the run', () => harness.namespace.signalsOf(orderWorkflowId(order.id)));
  await eventually('green', async () => bridge.checks.outbox_lag());
  expect(await count('order-checks', 'published')).toBe(1);
});

test('a bridge stops in its time while Pub/Sub is frozen, and what it had taken is delivered to another', async () => {
  const { dir, remove } = scratchDir();
  const services = await startServices({
    only: ['pubsub'],
    ports: 'free',
    dataDir: dir,
    logDir: dir,
    quiet: true,
    ignoreGiven: true,
  });
  try {
    const harness = await createHarness(services.env['PUBSUB_EMULATOR_HOST']);
    const first = harness.start();
    await eventually('the subscriptions', async () => first.bridge.checks.pubsub());
    const orders = await Promise.all(Array.from({ length: 20 }, () => placeOrder(harness.db)));
    await eventually('some of them', async () => (await first.count('order-checks', 'started')) > 0);
    await services.kill('pubsub', 'SIGSTOP');

    const askedAt = performance.now();
    await first.stop();
    expect(performance.now() - askedAt).toBeLessThan(20_000);
    expect(first.lines.filter(({ event }) => event === 'process_stopping')).toEqual([]);

    await services.kill('pubsub', 'SIGCONT');
    harness.start();
    await eventually(
      'all the runs',
      async () => {
        const seen = await Promise.all(orders.map(({ id }) => harness.namespace.signalsOf(orderWorkflowId(id))));
        return seen.every((signals) => signals !== null);
      },
      60_000,
    );
    await closeHarnesses();
  } finally {
    await services.stop();
    remove();
  }
}, 120_000);
