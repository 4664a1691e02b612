import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { attemptWithSends, findLiveAttempt } from '../../../src/db/attempts.ts';
import { inTransaction } from '../../../src/db/client.ts';
import { hasEndedWithoutEffect } from '../../../src/db/proofs.ts';
import { storeLookup } from '../../../src/db/readings.ts';
import type { LinkedEffect } from '../../../src/domain/attempt.ts';
import type { ProviderOrder } from '../../../src/domain/provider-order.ts';
import { anAttempt, aWatchedOrder, makeCreated, openTestDb, type TestDb, TIMING } from './support.ts';

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterAll(() => test_.stop());

async function liveAttempt(orderId: string) {
  const row = await findLiveAttempt(test_.db, orderId);
  if (!row) throw new Error(`order ${orderId} has no live attempt`);
  return row;
}

/** One look-up that reads "failed", its transactions as said. */
async function readFailed(orderId: string, linked: LinkedEffect, begunAt: number): Promise<void> {
  const { attempt, conduitOrderId, reference } = await liveAttempt(orderId);
  const usdt = { currency: 'USDT', network: 'ethereum', amount: '20' };
  const usdc = { currency: 'USDC', network: 'ethereum', amount: '18.46' };
  const order: ProviderOrder = {
    id: conduitOrderId ?? '',
    reference,
    status: 'failed',
    isClaimed: false,
    autoExecute: false,
    sourceAccount: null,
    destinationAccount: null,
    quoteOptionId: null,
    source: usdt,
    destination: usdc,
    totalDebit: usdt,
    fees: [],
    endUserRate: null,
    lockExpiresAt: begunAt,
    failureCode: 'provider_unavailable',
    cancellationReason: null,
    linkedTransactionIds: linked === 'none' ? [] : ['txn_1'],
  };
  const reading = {
    order,
    lock: { amounts: null, fault: null, rate: null, expiresAt: begunAt },
    linked,
    raw: {},
  };
  await storeLookup(test_.db, { orderId, attempt, result: 'terminal', begunAt, reading, nextLookupAt: begunAt });
}

// Reads may lag: what one has shown of money, a later one that does not show it takes nothing away from.
test.each<[LinkedEffect, LinkedEffect, LinkedEffect]>([
  ['completed', 'none', 'completed'],
  ['completed', 'no_effect', 'completed'],
  ['completed', 'open', 'completed'],
  ['open', 'none', 'open'],
  ['open', 'no_effect', 'no_effect'],
  ['open', 'completed', 'completed'],
  ['none', 'completed', 'completed'],
  ['none', 'open', 'open'],
  ['none', 'none', 'none'],
])('linked transactions read as %s and half a minute later as %s stand as %s', async (first, second, stands) => {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  await makeCreated(db, order, await anAttempt(db, order));
  const now = Date.now();
  await readFailed(order.id, first, now);
  await readFailed(order.id, second, now + 31_000);

  const { end } = await attemptWithSends(db, await liveAttempt(order.id));
  expect(end).toMatchObject({ kind: 'failed', linked: stands });
  const isProven = await inTransaction(db, (tx) => hasEndedWithoutEffect(tx, order.id, 1, TIMING));
  expect(isProven).toBe(stands === 'none' || stands === 'no_effect');
});
