import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { Child } from '../../stack/child.ts';
import { eventually } from '../support/eventually.ts';
import { createWorld, PAIR, type World } from '../support/world.ts';

jest.setTimeout(120_000);

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.simulator.setRate(PAIR, '0.93');
  await Promise.all([world.start('api'), world.start('bridge')]);
});
afterAll(() => world?.stop());

/** The workers of one test: the next test's order must meet only its own. */
let workers: Child[] = [];
afterEach(async () => {
  await Promise.all(
    workers.map((worker) => {
      worker.kill('SIGKILL');
      return worker.exited;
    }),
  );
  workers = [];
});

async function startWorker(options?: Parameters<World['start']>[1]): Promise<Child> {
  const worker = await world.start('worker', options);
  workers.push(worker);
  return worker;
}

/** A worker that is struck by `signal` right after the permit or the reply of its first `operation`. */
function startStruckWorker(operation: 'create' | 'execute', seam: 'permit' | 'reply', signal: 'SIGSTOP' | 'SIGKILL') {
  return startWorker({
    script: 'test/support/seam-worker.ts',
    env: { TEST_SEAM: `${operation}:${seam}:${signal}` },
  });
}

async function untilStopped(pid: number): Promise<void> {
  await eventually('the worker to be stopped', async () => {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'state=', '-p', String(pid)]);
    return stdout.trim().startsWith('T');
  });
}

async function requestsFor(orderId: string, operation: string) {
  const facts = await world.simulator.ledger({ reference: `${orderId}:*`, event: 'request.received' });
  return facts.filter((fact) => 'operation' in fact && fact.operation === operation);
}

const PERMIT_MS = 2_000;

test('a worker frozen between the create permit and its send sends nothing when it wakes, and the cancel is confirmed', async () => {
  const worker = await startStruckWorker('create', 'permit', 'SIGSTOP');
  const { order_id } = await world.place();
  await untilStopped(worker.pid);
  expect(await world.api.cancel(order_id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  await new Promise((resolve) => setTimeout(resolve, PERMIT_MS));
  worker.kill('SIGCONT');
  await eventually('the send to be marked unsent', async () => {
    const [send] = await world.db<
      { outcome: string }[]
    >`select outcome from conduit_sends where order_id = ${order_id}`;
    return send?.outcome === 'unsent';
  });
  expect(await requestsFor(order_id, 'orders.create')).toHaveLength(0);
  expect((await world.api.read(order_id)).status).toBe('cancelled');
});

test('a worker frozen between the execute permit and its send sends nothing when it wakes; the refused cancel ends the order failed', async () => {
  const worker = await startStruckWorker('execute', 'permit', 'SIGSTOP');
  const { order_id } = await world.place();
  await untilStopped(worker.pid);
  expect(await world.api.cancel(order_id)).toMatchObject({ status: 409, body: { code: 'too_late' } });
  await new Promise((resolve) => setTimeout(resolve, PERMIT_MS));
  worker.kill('SIGCONT');
  expect(await world.ended(order_id)).toMatchObject({ status: 'failed', reason: 'cancel_requested' });
  expect(await requestsFor(order_id, 'orders.execute')).toHaveLength(0);
  expect(await world.claims(order_id)).toBe(0);
});

test.each([
  ['create', 'reply'],
  ['execute', 'permit'],
  ['execute', 'reply'],
] as const)('a worker killed at the %s %s loses nothing and doubles nothing', async (operation, seam) => {
  const worker = await startStruckWorker(operation, seam, 'SIGKILL');
  const { order_id } = await world.place();
  await worker.exited;
  await startWorker();
  expect(await world.ended(order_id, 60_000)).toMatchObject({ status: 'executed' });
  expect(await world.claims(order_id)).toBe(1);
});
