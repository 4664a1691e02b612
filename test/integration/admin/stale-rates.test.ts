import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { areRatesFresh, createBookCollector } from '../../../src/activities/book.ts';
import { inTransaction } from '../../../src/db/client.ts';
import { addPause, type PauseScope } from '../../../src/db/pauses.ts';
import { closeGate, insertObservation } from '../../../src/db/rate-watch.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { writeVersion } from '../../support/versions.ts';
import { aWatchedOrder, openTestDb, type TestDb } from '../db/support.ts';

jest.setTimeout(20_000);

const PAIR = 'USDT.ethereum-USDC.ethereum';
const REFRESH_MS = 60_000;

let bed: TestDb;
beforeAll(async () => {
  bed = await openTestDb();
});
beforeEach(async () => {
  const { db } = bed;
  await writeVersion(db, { set: db`status = 'failed', closed_at = app_now()`, where: db`closed_at is null` });
  await db`delete from rate_observations`;
  await db`delete from pauses`;
  await db`update provider_gate set closed_until = '-infinity'`;
});
afterAll(() => bed.stop());

const isReady = () => areRatesFresh(bed.db, REFRESH_MS);

async function anOrderOf(ageS: number): Promise<void> {
  const { id } = await aWatchedOrder(bed.db);
  await bed.db`update orders set created_at = app_now() - ${ageS} * interval '1 second' where order_id = ${id}`;
}

async function aRateOf(ageS: number): Promise<void> {
  const rates = { referenceRate: '0.9150', endUserRate: '0.9127', spreadBps: '25', fixedFee: '0.1' };
  await insertObservation(bed.db, { pair: PAIR, quoteId: `qte_${ageS}`, ...rates });
  await bed.db`
    update rate_observations set observed_at = app_now() - ${ageS} * interval '1 second' where quote_id = ${`qte_${ageS}`}`;
}

const pause = (scope: PauseScope) =>
  inTransaction(bed.db, (tx) => addPause(tx, { scope, reason: 'test', automatic: true, healsByProbe: false }));

test('a worker is not ready once the newest rate of a pair with open orders is over three intervals old', async () => {
  expect(await isReady()).toBe(true);
  await anOrderOf(3_600);
  await aRateOf(170);
  expect(await isReady()).toBe(true);
  await bed.db`update rate_observations set observed_at = app_now() - interval '190 seconds'`;
  expect(await isReady()).toBe(false);
  await aRateOf(1);
  expect(await isReady()).toBe(true);
});

test('a pair that was without orders counts from the first new one, for readiness and for the gauge', async () => {
  await aRateOf(86_400);
  expect(await isReady()).toBe(true);
  await anOrderOf(100);
  expect(await isReady()).toBe(true);
  const metrics = createMetrics('worker');
  await createBookCollector(bed.db, metrics, REFRESH_MS)();
  const [age] = (await metrics.watcherTickAgeSeconds.get()).values;
  expect(age?.value).toBeGreaterThan(99);
  expect(age?.value).toBeLessThan(160);
  await bed.db`update orders set created_at = app_now() - interval '190 seconds' where closed_at is null`;
  expect(await isReady()).toBe(false);
});

test('the gauges say what readiness says, and when they were read', async () => {
  await anOrderOf(3_600);
  await aRateOf(190);
  const metrics = createMetrics('worker');
  const collect = createBookCollector(bed.db, metrics, REFRESH_MS);
  const isStale = async () => {
    await collect();
    return (await metrics.rateWatchStale.get()).values.map(({ labels, value }) => [labels.pair, value]);
  };
  expect(await isStale()).toEqual([[PAIR, 1]]);
  const [read] = (await metrics.bookSeconds.get()).values;
  expect(Math.abs((read?.value ?? 0) - Date.now() / 1_000)).toBeLessThan(5);
  await pause(`pair:${PAIR}`);
  expect(await isStale()).toEqual([[PAIR, 0]]);
});

test('the gauges are read by one statement after the other, and once for all who ask meanwhile', async () => {
  let [asked, underWay, most] = [0, 0, 0];
  const db = new Proxy(bed.db, {
    apply(target, self, args) {
      asked += 1;
      underWay += 1;
      most = Math.max(most, underWay);
      return Promise.resolve(Reflect.apply(target, self, args)).finally(() => {
        underWay -= 1;
      });
    },
  });
  const collect = createBookCollector(db, createMetrics('worker'), REFRESH_MS);
  await collect();
  const once = asked;
  await Promise.all([collect(), collect(), collect()]);
  expect({ asked, most }).toEqual({ asked: 2 * once, most: 1 });
});

test('a short interval has half a minute all the same', async () => {
  await anOrderOf(3_600);
  await aRateOf(20);
  expect(await areRatesFresh(bed.db, 1_000)).toBe(true);
  await bed.db`update rate_observations set observed_at = app_now() - interval '40 seconds'`;
  expect(await areRatesFresh(bed.db, 1_000)).toBe(false);
});

test.each<PauseScope>(['all', `pair:${PAIR}`])('under a pause of %s nothing waits for the rate', async (scope) => {
  await anOrderOf(3_600);
  await aRateOf(600);
  expect(await isReady()).toBe(false);
  await pause(scope);
  expect(await isReady()).toBe(true);
});

test('a pause of an account, or of another pair, excuses nobody', async () => {
  await anOrderOf(3_600);
  await aRateOf(600);
  await pause('account:wlt_1');
  await pause('pair:USD-EUR');
  expect(await isReady()).toBe(false);
});

test('while the provider asks for silence the rate may age, and three intervals longer', async () => {
  await anOrderOf(3_600);
  await aRateOf(600);
  await closeGate(bed.db, 600_000);
  expect(await isReady()).toBe(true);
  await bed.db`update provider_gate set closed_until = app_now() - interval '170 seconds'`;
  expect(await isReady()).toBe(true);
  await bed.db`update provider_gate set closed_until = app_now() - interval '190 seconds'`;
  expect(await isReady()).toBe(false);
});

test('a provider that asks for silence again and again excuses an hour in all', async () => {
  await anOrderOf(7_200);
  await aRateOf(3_600);
  await closeGate(bed.db, 5_000);
  expect(await isReady()).toBe(true);
  await bed.db`update rate_observations set observed_at = app_now() - interval '3900 seconds'`;
  expect(await isReady()).toBe(false);
});
