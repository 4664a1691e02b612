import type { ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { type PermitStart, startOfPermit } from '../../../src/clients/conduit/permit-clock.ts';
import { cancel, cleanUp, clientOf, create, execute, json, orderBody, startConduit } from './support.ts';

cleanUp();

/** Stops this thread, as a garbage collection or a frozen machine would, without burning the processor. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** A Conduit that answers its first request only when told, and every later one at once. */
async function startHeldConduit() {
  const held: ServerResponse[] = [];
  const arrival = Promise.withResolvers<void>();
  const conduit = await startConduit((res) => {
    if (conduit.seen.length > 1) return json(res, 202, orderBody());
    held.push(res);
    arrival.resolve();
  });
  return { conduit, arrived: arrival.promise, release: () => held.map((res) => json(res, 200, orderBody())) };
}

function earlier(ms: number): PermitStart {
  const { monotonicMs, sinceBootMs } = startOfPermit();
  return { monotonicMs: monotonicMs - ms, sinceBootMs: sinceBootMs - ms };
}

test('a send whose permit grew old in the queue never reaches the server', async () => {
  const { conduit, arrived, release } = await startHeldConduit();
  const { client } = clientOf(conduit.baseUrl, { maxConnections: 1, permitTtlMs: 150 });
  const busy = client.getOrder('ord_1');
  await arrived;

  const permitStartedAt = startOfPermit();
  const aged = [create(client, permitStartedAt), execute(client, permitStartedAt)];
  setTimeout(release, 250);
  await busy;

  for (const { outcome, code, httpStatus, raw } of await Promise.all(aged)) {
    expect({ outcome, code, httpStatus, raw }).toEqual({
      outcome: 'unsent',
      code: 'PERMIT_EXPIRED',
      httpStatus: null,
      raw: null,
    });
  }
  // The next one goes out on the same connection: the refused ones neither reached the server nor cost it.
  expect((await create(client)).outcome).toBe('accepted');
  expect(conduit.seen.map(({ method }) => method)).toEqual(['GET', 'POST']);
  expect([conduit.begun(), conduit.connections()]).toEqual([2, 1]);
});

test('a send whose permit is young when its turn comes goes out after all', async () => {
  const { conduit, arrived, release } = await startHeldConduit();
  const { client } = clientOf(conduit.baseUrl, { maxConnections: 1 });
  const busy = client.getOrder('ord_1');
  await arrived;
  const queued = create(client);
  setTimeout(release, 50);
  await busy;
  expect((await queued).outcome).toBe('accepted');
});

test('a deadline that passes in the queue is no effect, and the request does not leave later', async () => {
  const { conduit, arrived } = await startHeldConduit();
  const { client } = clientOf(conduit.baseUrl, { maxConnections: 1, timeoutMs: 100 });
  const busy = client.getOrder('ord_1');
  await arrived;
  const young = create(client);
  const old = create(client, earlier(2_500));
  block(150); // All three deadlines pass before the connection can be free.

  expect(await busy).toEqual({ kind: 'unavailable', code: 'TIMEOUT' });
  expect(await young).toMatchObject({ outcome: 'no_effect', code: 'NOT_CONNECTED' });
  expect(await old).toMatchObject({ outcome: 'unsent', code: 'PERMIT_EXPIRED' });
  expect((await execute(client)).outcome).toBe('accepted'); // Behind them in the queue.
  expect(conduit.seen.map(({ method, url }) => [method, url.split('/').at(-1)])).toEqual([
    ['GET', 'ord_1'],
    ['POST', 'execute'],
  ]);
});

test('a process that stood still for 2.5 s between permit and send sends nothing', async () => {
  const conduit = await startConduit((res) => json(res, 202, orderBody()));
  const { client } = clientOf(conduit.baseUrl, { timeoutMs: 10_000, connectTimeoutMs: 5_000 });

  const permitStartedAt = startOfPermit();
  const connecting = create(client, permitStartedAt); // Handed to the pool, whose connection is not there yet.
  block(2_500);
  const late = execute(client, permitStartedAt);

  expect((await connecting).outcome).toBe('unsent');
  expect((await late).outcome).toBe('unsent');
  expect(conduit.seen).toEqual([]);
  expect(conduit.begun()).toBe(0);
});

test('a permit without an age is old', async () => {
  const conduit = await startConduit((res) => json(res, 202, orderBody()));
  const { client } = clientOf(conduit.baseUrl);
  const now = startOfPermit();
  expect((await create(client, { ...now, monotonicMs: Number.NaN })).outcome).toBe('unsent');
  // Of the wrong clock: years ahead.
  expect((await create(client, { monotonicMs: Date.now(), sinceBootMs: Date.now() })).outcome).toBe('unsent');
  expect(conduit.seen).toEqual([]);
});

test('a permit is as old as the clock says that has gone further', async () => {
  const conduit = await startConduit((res) => json(res, 202, orderBody()));
  const { client } = clientOf(conduit.baseUrl);
  const now = startOfPermit();
  // The machine was suspended for a minute: one of its clocks stood still.
  expect((await create(client, { ...now, sinceBootMs: now.sinceBootMs - 60_000 })).outcome).toBe('unsent');
  // The coarse one could not be read in full.
  expect((await create(client, { ...earlier(2_500), sinceBootMs: now.sinceBootMs })).outcome).toBe('unsent');
  expect(conduit.seen).toEqual([]);
});

test('a cancel needs no permit', async () => {
  const conduit = await startConduit((res) => json(res, 200, orderBody({ status: 'cancelled' })));
  const { client } = clientOf(conduit.baseUrl, { permitTtlMs: 0 });
  expect((await cancel(client)).outcome).toBe('accepted');
});
