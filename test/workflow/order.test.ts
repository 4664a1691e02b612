import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { recordMiss } from '../../src/db/looks.ts';
import { findOrder } from '../../src/db/orders.ts';
import { closeGate } from '../../src/db/rate-watch.ts';
import type { Seen } from '../../src/domain/order.ts';
import { attemptDue, cancelRequested, orderChanged, orderState, rateCrossed } from '../../src/workflows/messages.ts';
import { anAttempt } from '../integration/db/support.ts';
import { createTimeSkippingWorld, DAY_MS, insertTestOrder, type TimeSkippingWorld } from './support.ts';

jest.setTimeout(60_000);

let world: TimeSkippingWorld;
beforeAll(async () => {
  world = await createTimeSkippingWorld();
});
afterAll(() => world.stop());

/** A firm look that always misses, recorded as the real one is; the provider is not asked. */
function missingLooks() {
  return jest.fn(async (orderId: string, seen: Seen) => {
    await world.setClock();
    const look = { rate: '0.91', nextCheckInMs: 54_000, lookInMs: DAY_MS, failedLooks: 0, isAsked: true };
    await recordMiss(world.db, {
      orderId,
      seen,
      fact: `qte_${seen.version}`,
      reason: 'rate_not_met',
      code: null,
      look,
    });
    return { result: 'rate_not_met', code: null };
  });
}

async function newOrder(expiresInMs: number) {
  await world.setClock();
  return insertTestOrder(world.db, await world.env.currentTimeMs(), {
    expiresAt: (await world.env.currentTimeMs()) + expiresInMs,
  });
}

// Ninety days pass in a moment: the server skips time while nothing runs.
test('an order whose rate is never reached looks once a day, sends nothing and expires after 90 days', async () => {
  const order = await newOrder(90 * DAY_MS);
  const takeFirmLook = missingLooks();
  const sendCreate = jest.fn(async () => ({ result: 'refused', code: null }));
  const { outcome, history } = await world.runOrder(order, { ...world.records, takeFirmLook, sendCreate });

  expect(outcome).toEqual({ status: 'expired', reason: 'rate_not_met' });
  expect(sendCreate).not.toHaveBeenCalled();
  expect(takeFirmLook.mock.calls.length).toBe(89);
  const row = await findOrder(world.db, order.id);
  expect(row?.closedAt).toBeGreaterThanOrEqual(order.expiresAt);
  expect(row?.closedAt).toBeLessThan(order.expiresAt + 5_000);
  // A day of waiting costs one look and nothing else.
  expect((history.events?.length ?? 0) / 90).toBeLessThan(20);
});

test("Temporal's own cancellation cancels the order in its row, and the run completes", async () => {
  const order = await newOrder(DAY_MS);
  const { outcome } = await world.runOrder(order, { ...world.records, takeFirmLook: missingLooks() }, async (run) => {
    await world.env.sleep('1 minute');
    await run.cancel();
  });
  expect(outcome.status).toBe('cancelled');
  expect((await findOrder(world.db, order.id))?.status).toBe('cancelled');
});

test('the cancelRequested signal from the Web UI cancels the order', async () => {
  const order = await newOrder(DAY_MS);
  const { outcome } = await world.runOrder(order, { ...world.records, takeFirmLook: missingLooks() }, async (run) => {
    await world.env.sleep('1 minute');
    expect(await run.query(orderState)).toContain('watching: waits for an all-in rate >= 0.92');
    await run.signal(cancelRequested);
  });
  expect(outcome.status).toBe('cancelled');
});

test('a crossing whose look is put off by the provider is looked at when it may be asked again', async () => {
  const order = await newOrder(DAY_MS);
  const lookedAt: number[] = [];
  const miss = missingLooks();
  const takeFirmLook = async (orderId: string, seen: Seen) => {
    await world.setClock();
    const now = await world.env.currentTimeMs();
    lookedAt.push(now);
    if (lookedAt.length > 1) return miss(orderId, seen);
    await closeGate(world.db, 60_000);
    return { result: 'gate_closed', code: null };
  };
  await world.runOrder(order, { ...world.records, takeFirmLook }, async (run) => {
    await world.env.sleep('1 minute');
    await run.signal(rateCrossed);
    await world.env.sleep('3 minutes');
    await run.signal(cancelRequested);
  });
  expect(lookedAt).toHaveLength(2);
  expect((lookedAt[1] ?? 0) - (lookedAt[0] ?? 0)).toBeGreaterThanOrEqual(60_000);
});

test('a run that starts on a row that is already final returns at once', async () => {
  const order = await newOrder(DAY_MS);
  await world.records.cancelOrderForOperator(order.id);
  const { outcome } = await world.runOrder(order, { ...world.records, takeFirmLook: missingLooks() });
  expect(outcome.status).toBe('cancelled');
});

test('a change of the row by somebody else is followed at the next signal', async () => {
  const order = await newOrder(DAY_MS);
  const { outcome } = await world.runOrder(order, { ...world.records, takeFirmLook: missingLooks() }, async (run) => {
    await world.env.sleep('1 minute');
    await world.records.cancelOrderForOperator(order.id);
    await run.signal(orderChanged);
  });
  expect(outcome.status).toBe('cancelled');
});

test('an attempt that a look minted after its activity was given up is gone on with at the next signal', async () => {
  const order = await newOrder(DAY_MS);
  const sendCreate = jest.fn(async () => ({ result: 'refused', code: null }));
  const activities = { ...world.records, takeFirmLook: missingLooks(), sendCreate };
  const { outcome } = await world.runOrder(order, activities, async (run) => {
    await world.env.sleep('1 minute');
    await anAttempt(world.db, order);
    await world.db`update transactions set option_expires_at = ${(await world.env.currentTimeMs()) + 300_000} where order_id = ${order.id}`;
    await world.env.sleep('1 minute');
    // The order's row says nothing of it, and its own look is a day away.
    expect(sendCreate).not.toHaveBeenCalled();
    await run.signal(attemptDue);
    await world.env.sleep('10 seconds');
    expect(sendCreate).toHaveBeenCalled();
    await run.signal(cancelRequested);
  });
  expect(outcome.status).toBe('cancelled');
});

test('while the database is away the run waits and then goes on', async () => {
  const order = await newOrder(DAY_MS);
  let failures = 6;
  const records = {
    ...world.records,
    async advanceOrder(...args: Parameters<typeof world.records.advanceOrder>) {
      if (failures > 0) {
        failures -= 1;
        throw Object.assign(new Error('the database is away'), { code: 'ECONNREFUSED' });
      }
      return world.records.advanceOrder(...args);
    },
  };
  const { outcome } = await world.runOrder(order, { ...records, takeFirmLook: missingLooks() });
  expect(failures).toBe(0);
  expect(outcome.status).toBe('expired');
});
