import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createBell } from '../../../src/activities/bell.ts';
import { createLookups } from '../../../src/activities/lookups.ts';
import { type ConduitClient, createConduitClient } from '../../../src/clients/conduit/client.ts';
import { connectRedis } from '../../../src/clients/redis.ts';
import { createRedisHints } from '../../../src/clients/redis-hints.ts';
import { attemptReference } from '../../../src/domain/ids.ts';
import { createLogger } from '../../../src/logger.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { type Running, start, stopAll, until } from '../../simulator/support.ts';
import { testRedisUrl } from '../../support/redis.ts';
import { writeVersion } from '../../support/versions.ts';
import { allowForgetting, anAttempt, aWatchedOrder, openTestDb, seenOf, type TestDb, TIMING } from './support.ts';

jest.setTimeout(60_000);

const MANY = 101;

let test_: TestDb;
let conduit: Running;
let client: ConduitClient;
let lookUp: (orderId: string) => Promise<string>;
const redis = connectRedis(testRedisUrl(), createLogger('test', 'silent'));

beforeAll(async () => {
  test_ = await openTestDb();
  await allowForgetting(test_);
  conduit = await start({ knobs: { settlementHeld: true }, rates: { 'USDT.ethereum-USDC.ethereum': '0.93' } });
  const log = createLogger('test', 'silent');
  client = createConduitClient({
    baseUrl: `${conduit.url}/v2`,
    apiKey: `ck_sandbox_${'a1'.repeat(32)}`,
    timeoutMs: 5_000,
    connectTimeoutMs: 1_000,
    maxConnections: 10,
    permitTtlMs: 2_000,
    log,
    onCall: () => {},
  });
  const { lookUpAttempt } = createLookups({
    db: test_.db,
    conduit: client,
    timing: TIMING,
    sanity: { jumpFactor: '1.2', absurdFactor: '10' },
    rateRefreshMs: 60_000,
    bell: createBell(log, createMetrics('worker')),
    wait: async () => {},
    hints: createRedisHints(redis),
    baseUrl: 'http://127.0.0.1/v2',
    organisation: 'test',
    cacheOrder: async () => {},
  });
  lookUp = async (orderId) => (await lookUpAttempt(orderId, await seenOf(test_.db, orderId))).result;
});
afterAll(async () => {
  await client?.close();
  redis.close();
  await stopAll();
  await test_?.stop();
});

/** An order whose execution Conduit has claimed, there and in our rows; its look-up is due. */
async function aClaimedOrder(): Promise<string> {
  const { db } = test_;
  const order = await aWatchedOrder(db);
  const attempt = await anAttempt(db, order);
  const created = await conduit.api.create({ reference: attemptReference(order.id, attempt) });
  await conduit.api.execute(created.body.id);
  await db.begin(async (tx) => {
    await writeVersion(tx, { set: tx`status = 'executing'`, where: tx`order_id = ${order.id}` });
    await tx`
      update transactions set status = 'executing', version = version + 1, conduit_order_id = ${created.body.id},
        observed = 'claimed', next_lookup_at = app_now()
      where order_id = ${order.id}`;
  });
  return order.id;
}

async function callsSince(sinceMs: number) {
  const counts = await conduit.control.requestCounts({ sinceMs });
  return { list: counts['orders.list'] ?? 0, get: counts['orders.get'] ?? 0 };
}

test('more than a hundred claimed orders are read by list pages; one that the pages do not show is looked up by itself', async () => {
  const { db } = test_;
  const orders: string[] = [];
  for (let i = 0; i < MANY; i += 1) orders.push(await aClaimedOrder());
  const [first = '', second = '', third = ''] = orders;
  await conduit.control.setKnobs({ settlementHeld: false });
  await until(async () => (await conduit.control.ledger({ event: 'order.succeeded' })).length === MANY);

  const startedAt = Date.now();
  expect(await lookUp(first)).toBe('read_by_pages');
  expect(await callsSince(startedAt)).toEqual({ list: 2, get: 0 });
  const ended =
    await db`select count(*)::int as count from transactions where end_kind = 'succeeded' and observed = 'terminal'`;
  expect(ended).toEqual([{ count: MANY }]);

  // A reading that has come between leaves nothing to ask for.
  expect(await lookUp(second)).toBe('terminal');
  await db`update transactions set observed = 'claimed', end_kind = null, end_code = null, lookup_result = 'claimed', next_lookup_at = app_now() + interval '30 seconds'`;
  expect(await lookUp(second)).toBe('elsewhere');
  await db`update transactions set next_lookup_at = app_now(), created_at = created_at - interval '2 hours' where order_id = ${third}`;
  expect(await lookUp(third)).toBe('terminal');

  // A list that does not answer leaves nobody waiting for it: each is looked up by itself, at once, and no list is asked for.
  await db`update transactions set observed = 'claimed', end_kind = null, end_code = null, lookup_result = 'claimed', created_at = app_now(), next_lookup_at = app_now() + interval '5 seconds'`;
  await conduit.control.armFault({ match: { operation: 'orders.list', times: 'always' }, action: { drop: 'before' } });
  expect(await lookUp(first)).toBe('terminal');
  const left = await db`select count(*)::int as count from transactions where next_lookup_at <= app_now()`;
  expect(left).toEqual([{ count: MANY - 1 }]);
  const sinceMs = Date.now();
  expect(await lookUp(second)).toBe('terminal');
  expect(await callsSince(sinceMs)).toEqual({ list: 0, get: 1 });
});
