// `npm run history:capture`: plays one order per path on the whole product and stores the history of its run, so that the code of
// tomorrow is held against the runs of today. Give names to capture only those; a history that is stored is kept unless named.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { cancelRequested } from '../../src/workflows/messages.ts';
import { LOCAL_DIR } from '../../stack/paths.ts';
import { createProgress } from '../../stack/progress.ts';
import { startServices } from '../../stack/services.ts';
import { eventually } from '../support/eventually.ts';
import { createWorld, PAIR, type World, workflowOf } from '../support/world.ts';

const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));

/** Plays one path and returns the order whose run took it. */
type Path = (world: World) => Promise<string>;

const watching = async (world: World, fields = {}): Promise<string> => {
  await world.simulator.setRate(PAIR, '0.9150');
  const { order_id } = await world.place(fields);
  await eventually('the order to be watched', async () => (await world.api.read(order_id)).status === 'watching');
  return order_id;
};
const met = async (world: World, fields = {}): Promise<string> => {
  await world.simulator.setRate(PAIR, '0.93');
  return (await world.place(fields)).order_id;
};
const fault = (world: World, operation: 'orders.create' | 'orders.execute', action: object) =>
  world.simulator.armFault({ match: { operation, times: 1 }, action });

const PATHS: Record<string, Path> = {
  'executed-at-once': (world) => met(world),
  'executed-after-waiting': async (world) => {
    const id = await watching(world);
    await world.simulator.setRate(PAIR, '0.93');
    return id;
  },
  'executed-after-lost-create-reply': async (world) => {
    await fault(world, 'orders.create', { drop: 'after' });
    return met(world);
  },
  'executed-after-lost-execute-reply': async (world) => {
    await fault(world, 'orders.execute', { drop: 'after' });
    return met(world);
  },
  'executed-after-resent-execute': async (world) => {
    await fault(world, 'orders.execute', { drop: 'before' });
    return met(world);
  },
  'executed-after-failed-attempt': async (world) => {
    await fault(world, 'orders.execute', {
      settlement: { failure: { code: 'provider_unavailable', transactions: ['failed'] } },
    });
    return met(world);
  },
  'executed-despite-refused-cancel': async (world) => {
    await fault(world, 'orders.execute', { settlement: { held: true } });
    const id = await met(world);
    await eventually('the claim', async () => (await world.claims(id)) === 1);
    await world.api.cancel(id);
    await world.simulator.settle(`${id}:g1`);
    return id;
  },
  'cancelled-while-watching': async (world) => {
    const id = await watching(world);
    await world.api.cancel(id);
    return id;
  },
  'cancelled-by-operator-signal': async (world) => {
    const id = await watching(world);
    await workflowOf(world, id).signal(cancelRequested);
    return id;
  },
  'cancelled-by-temporal': async (world) => {
    const id = await watching(world);
    await workflowOf(world, id).cancel();
    return id;
  },
  expired: (world) => watching(world, { expires_at: new Date(Date.now() + 14_000).toISOString() }),
  'failed-partial-effect': async (world) => {
    await fault(world, 'orders.execute', {
      settlement: { failure: { code: 'internal_error', transactions: ['completed'] } },
    });
    return met(world);
  },
  'failed-provider-refused': async (world) => {
    await fault(world, 'orders.create', { problem: { code: 'TRANSACTION_BLOCKED', status: 422, when: 'before' } });
    return met(world);
  },
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !PATHS[name]);
if (unknown.length > 0)
  throw new Error(`no such path: ${unknown.join(', ')}; there are ${Object.keys(PATHS).join(', ')}`);
const fileOf = (name: string) => join(HISTORIES, `${name}.json`);
const wanted = Object.entries(PATHS).filter(([name]) =>
  named.length > 0 ? named.includes(name) : !existsSync(fileOf(name)),
);

const progress = createProgress();
const services = await startServices({
  only: ['postgres', 'redis', 'pubsub'],
  ports: 'free',
  dataDir: join(LOCAL_DIR, 'capture'),
  throwAway: true,
  ignoreGiven: true,
  quiet: true,
});
Object.assign(process.env, services.env);
const world = await createWorld();
try {
  await Promise.all([world.start('api'), world.start('bridge'), world.start('worker')]);
  for (const [name, play] of wanted) {
    await progress.step(name, async () => {
      const orderId = await play(world);
      await world.ended(orderId, 60_000);
      const run = workflowOf(world, orderId);
      await run.result();
      writeFileSync(fileOf(name), `${JSON.stringify(JSON.parse(historyToJSON(await run.fetchHistory())))}\n`);
      await world.simulator.clearFaults();
    });
  }
} finally {
  await world.stop();
  await services.stop();
}
