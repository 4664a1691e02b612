import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createOrphans } from '../../../src/activities/orphans.ts';
import {
  createReconcile,
  type PassOptions,
  type ReconcileDeps,
  reconcilePass,
} from '../../../src/activities/reconcile.ts';
import type { RunBook } from '../../../src/activities/repairs.ts';
import type { Database } from '../../../src/db/client.ts';
import { createLogger } from '../../../src/logger.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { anAttempt, aWatchedOrder, openTestDb, type TestDb, TIMING } from '../db/support.ts';

jest.setTimeout(40_000);

let bed: TestDb;
beforeAll(async () => {
  bed = await openTestDb();
});
afterAll(() => bed.stop());

const PAIR = 'USDT.ethereum-USDC.ethereum';
const metrics = createMetrics('worker');
const log = createLogger('test', 'silent');
const bell = { log, recorded() {}, looked() {}, page() {}, alert() {} };

/** A Temporal that takes `ms` to describe a run, and in which every run is as it should be. */
function runsThatTake(ms: number, over: Partial<RunBook> = {}) {
  const watched: string[] = [];
  const runs: RunBook = {
    startOrder: async () => 'running',
    signalOrder: async () => 'signalled',
    endStuckRun: async () => true,
    describeOrder: () => sleep(ms, 'running' as const),
    recentlyClosedOrders: async () => [],
    keepWatching: async (pair) => void watched.push(pair),
    ...over,
  };
  return { runs, watched };
}

const depsWith = (runs: RunBook, db: Database = bed.db): ReconcileDeps => ({
  db,
  timing: TIMING,
  rateRefreshMs: 60_000,
  runs,
  bell,
  metrics,
});

function optionsWith(over: Partial<PassOptions> = {}) {
  const failed: string[] = [];
  const repaired: string[] = [];
  const options: PassOptions = {
    budgetMs: 8_000,
    toCompare: async () => [],
    isStanding: false,
    onRepair: (repair, id) => void repaired.push(`${repair} ${id}`),
    onFailure: (what) => void failed.push(what),
    ...over,
  };
  return { options, failed, repaired };
}

/** The database, but for statements that hold `words`: these fail. */
function failingOn(words: string): Database {
  return new Proxy(bed.db, {
    apply(target, self, args: [{ join?: (by: string) => string }]) {
      if (args[0].join?.('?').includes(words)) return Promise.reject(new Error('away'));
      return Reflect.apply(target, self, args);
    },
  });
}

test('a Temporal so slow that not every run can be compared keeps no pair unwatched, and the pass does not pass for a whole one', async () => {
  await aWatchedOrder(bed.db, { pair: PAIR });
  const { runs, watched } = runsThatTake(1_200);
  const { options, failed, repaired } = optionsWith({
    budgetMs: 2_000,
    toCompare: async () => Array.from({ length: 60 }, () => randomUUID()),
  });
  const pass = await reconcilePass(depsWith(runs), options);
  expect(watched).toEqual([PAIR]);
  expect(repaired).toEqual([`watched ${PAIR}`]);
  expect(pass).toMatchObject({ watchers: 1, areAllDone: false });
  expect(failed).toEqual(['compareOpenRows']);
});

test('a pass that reached everything is a whole one, though its time is over', async () => {
  const { runs } = runsThatTake(1_500);
  const { options, failed } = optionsWith({
    budgetMs: 1_400,
    toCompare: async () => [randomUUID()],
    isStanding: true,
  });
  expect(await reconcilePass(depsWith(runs), options)).toMatchObject({ areAllDone: true, trimmed: 0 });
  expect(failed).toEqual([]);
});

test('the run of an attempt that was minted behind its back is told; a young attempt is left to its run', async () => {
  const { db } = bed;
  const [forgotten, young] = [await aWatchedOrder(db), await aWatchedOrder(db)];
  for (const order of [forgotten, young]) await anAttempt(db, order);
  await db`
    update transactions set created_at = created_at - interval '31 seconds', updated_at = updated_at - interval '31 seconds'
    where order_id = ${forgotten.id}`;
  const told: unknown[] = [];
  const signalOrder: RunBook['signalOrder'] = async (...signal) => {
    told.push(signal);
    return 'signalled';
  };
  const { options, repaired } = optionsWith({});
  await reconcilePass(depsWith(runsThatTake(0, { signalOrder }).runs), options);
  expect(told).toEqual([[forgotten.id, 'attemptDue']]);
  expect(repaired).toContain(`hastened ${forgotten.id}`);
});

test('a pass of whose repairs every single one failed is no whole one', async () => {
  const { runs } = runsThatTake(0, {
    describeOrder: async () => 'absent',
    startOrder: async () => {
      throw new Error('INVALID_ARGUMENT: no such search attribute');
    },
  });
  const toCompare = async () => [randomUUID(), randomUUID()];
  const all = optionsWith({ toCompare });
  expect(await reconcilePass(depsWith(runs), all.options)).toMatchObject({ areAllDone: false, disagreements: 0 });
  expect(all.failed).toContain('compareOpenRows');
  // One that cannot be repaired keeps the others' pass from nothing.
  let calls = 0;
  const some = optionsWith({ toCompare });
  const startOrder = async () => {
    calls += 1;
    if (calls === 1) throw new Error('this one alone');
    return 'started' as const;
  };
  expect(await reconcilePass(depsWith({ ...runs, startOrder }), some.options)).toMatchObject({
    areAllDone: true,
    disagreements: 1,
  });
});

test('a run that was replaced is told apart from one that was missing', async () => {
  const [missing, stuck] = [randomUUID(), randomUUID()];
  const { runs } = runsThatTake(0, {
    describeOrder: async (id) => (id === stuck ? 'stuck' : 'absent'),
    startOrder: async (id) => (id === stuck ? 'replaced' : 'started'),
  });
  const { options, repaired } = optionsWith({ toCompare: async () => [missing, stuck] });
  expect(await reconcilePass(depsWith(runs), options)).toMatchObject({ disagreements: 2 });
  expect(repaired).toEqual(expect.arrayContaining([`started ${missing}`, `replaced ${stuck}`]));
});

test('a pass that cannot be dated is done all the same', async () => {
  const db = failingOn('app_now() as now');
  const { runs } = runsThatTake(0);
  expect(await createReconcile(depsWith(runs, db)).reconcileOrders()).toMatchObject({ disagreements: 0 });
  const orphans = createOrphans({ ...depsWith(runs, db) } as unknown as Parameters<typeof createOrphans>[0]);
  expect(await orphans.listDueOrphans()).toEqual([]);
  const { values } = await metrics.lastPassSeconds.get();
  expect(values.filter(({ value }) => value > 0)).toEqual([]);
});
