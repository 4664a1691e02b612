import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { connectedProcesses } from '../../src/db/adopt.ts';
import { connectDatabase } from '../../src/db/client.ts';
import { runProductCommand } from '../../stack/product.ts';
import { eventually } from '../support/eventually.ts';
import { createWorld, PAIR, type World } from '../support/world.ts';

jest.setTimeout(90_000);

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await startAll();
});
afterAll(() => world?.stop());

async function startAll() {
  await Promise.all([world.start('api'), world.start('bridge'), world.start('worker')]);
}

const admin = (...args: string[]) => runProductCommand('admin', args, world.env);

/** The world's database as it is now, kept beside it; `restore` puts it in the place of what became of it. */
async function takeSnapshot() {
  const url = new URL(world.env['DATABASE_URL'] ?? '');
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const server = connectDatabase({ url: url.href, applicationName: 'snapshot', maxConnections: 1 });
  const copy = `${name}_snapshot`;
  // A copy needs the database for itself for a moment: to the product PostgreSQL is away, and back.
  await server.unsafe(`alter database ${name} allow_connections false`);
  await server`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
  await eventually('the connections to end', async () => {
    const open = await server`select from pg_stat_activity where datname = ${name}`;
    return open.count === 0;
  });
  await server.unsafe(`create database ${copy} template ${name}`);
  await server.unsafe(`alter database ${name} allow_connections true`);
  return {
    takenAt: new Date().toISOString(),
    async restore() {
      await server.unsafe(`drop database ${name} with (force)`);
      await server.unsafe(`alter database ${copy} rename to ${name}`);
      await server.end({ timeout: 1 });
    },
  };
}

test('after a restore that forgot two executions, both orders are adopted and end executed, once each', async () => {
  // One has its order at Conduit before the snapshot and is executed after it; the other only watches until then.
  await world.simulator.setRate(PAIR, '0.93');
  await world.simulator.armFault({
    match: { operation: 'orders.execute', times: 1 },
    action: { rateLimited: { retryAfterSeconds: 4 } },
  });
  const waiting = await world.place({ target_rate: '0.92' });
  const watching = await world.place({ target_rate: '0.94' });
  await eventually('one to wait with its order at Conduit, the other to be watched', async () => {
    const [row] = await world.db<{ ready: boolean }[]>`
      select exists (select from conduit_sends where order_id = ${waiting.order_id} and operation = 'execute' and outcome = 'no_effect')
        and exists (select from transactions where order_id = ${waiting.order_id} and status = 'created')
        and exists (select from orders where order_id = ${watching.order_id} and status = 'watching') as ready`;
    return row?.ready;
  });
  const snapshot = await takeSnapshot();
  await world.simulator.setRate(PAIR, '0.97');
  for (const { order_id } of [waiting, watching])
    expect(await world.ended(order_id)).toMatchObject({ status: 'executed' });

  expect(await connectedProcesses(world.db)).toEqual(['api', 'bridge', 'worker']);
  await Promise.all((['api', 'bridge', 'worker'] as const).map((name) => world.child(name).stop()));
  await snapshot.restore();
  await world.redis.flushdb();
  await admin('pause', '--scope', 'all', '--reason', 'restore');
  const said = await admin('adopt', '--since', snapshot.takenAt);
  expect(said).toMatch(new RegExp(`adopted +${watching.order_id}:g1 .* succeeded`));
  expect(said).toMatch(new RegExp(`stored +${waiting.order_id}:g1`));

  await startAll();
  await world.temporal.client.schedule.getHandle('reconcile').trigger();
  for (const { order_id } of [waiting, watching]) {
    expect(await world.ended(order_id, 60_000)).toMatchObject({ status: 'executed' });
    expect((await world.ledger(order_id)).filter(({ event }) => event === 'order.created')).toHaveLength(1);
    expect(await world.claims(order_id)).toBe(1);
  }
  expect(await admin('resume', '--scope', 'all')).toBe('Resumed all.');
});
