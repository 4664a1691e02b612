import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createAdvanceActivities } from '../../../src/activities/advance.ts';
import type { Bell } from '../../../src/activities/bell.ts';
import { createFirmLooks } from '../../../src/activities/firm-looks.ts';
import type { Activities, ErrandResult, Step } from '../../../src/activities/interface.ts';
import { createLookups } from '../../../src/activities/lookups.ts';
import { createOrphans } from '../../../src/activities/orphans.ts';
import { createRateWatch } from '../../../src/activities/rate-watch.ts';
import { createTransfers } from '../../../src/activities/transfers.ts';
import { type ConduitClient, createConduitClient } from '../../../src/clients/conduit/client.ts';
import { connectRedis } from '../../../src/clients/redis.ts';
import { createRedisHints } from '../../../src/clients/redis-hints.ts';
import { findAttempt } from '../../../src/db/attempts.ts';
import { applyRecord } from '../../../src/db/records.ts';
import type { Timing } from '../../../src/domain/timing.ts';
import { createLogger } from '../../../src/logger.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { start, stopAll } from '../../simulator/support.ts';
import { testRedisUrl } from '../../support/redis.ts';
import { insertTestOrder } from '../../workflow/support.ts';
import { openTestDb, seenOf } from '../db/support.ts';

export const PAIR = 'USDT.ethereum-USDC.ethereum';
const KEY = `ck_sandbox_${'a1'.repeat(32)}`;
/** How much faster than Conduit's own everything runs here. */
const SCALE = 20;
const SECOND_MS = 1_000 / SCALE;

const TIMING: Timing = {
  sendMarginMs: 6_000,
  quoteMarginMs: 30 * SECOND_MS,
  resendWindowMs: 240 * SECOND_MS,
  retryBaseMs: 60 * SECOND_MS,
  orphanWatchMs: 900 * SECOND_MS,
  permitTtlMs: 2_000,
  secondMs: SECOND_MS,
};

/** One request to Conduit that a plan asks for. */
async function errand(orderId: string, { next, seen }: Step, by: LabActivities): Promise<ErrandResult> {
  switch (next.kind) {
    case 'look':
      return by.takeFirmLook(orderId, seen);
    case 'look_up':
      return by.lookUpAttempt(orderId, seen);
    case 'send_create':
      return by.sendCreate(orderId, seen);
    case 'send_execute':
      return by.sendExecute(orderId, seen, next.keyNumber);
    case 'send_cancel':
      return by.sendCancel(orderId, seen, next.keyNumber);
    default:
      throw new Error(`${next.kind} is no errand`);
  }
}

type LabActivities = Omit<Activities, 'reconcileOrders'>;

export type Lab = Awaited<ReturnType<typeof openLab>>;

/**
 * The real activities on the real PostgreSQL and Redis against a simulator of their own, without Temporal: `drive` does for one
 * order what its workflow does. `wrap` may put something between the activities and Conduit.
 */
export async function openLab() {
  const [test, conduit] = await Promise.all([openTestDb(), start({ timeScale: SCALE, rates: { [PAIR]: '0.9500' } })]);
  const { db } = test;
  const log = createLogger('test', 'silent');
  const metrics = createMetrics('worker');
  const redis = connectRedis(testRedisUrl(), log);
  /** The same Redis, to put things there that are not ours. */
  const plainRedis = new Redis(testRedisUrl());
  const client = createConduitClient({
    baseUrl: `${conduit.url}/v2`,
    apiKey: KEY,
    timeoutMs: 500,
    connectTimeoutMs: 500,
    maxConnections: 10,
    permitTtlMs: TIMING.permitTtlMs,
    log,
    onCall: () => {},
  });
  const rung: string[] = [];
  const bell: Bell = {
    log,
    recorded() {},
    looked() {},
    page: (page, fields) => void rung.push(`page ${page} ${fields['code'] ?? ''}`.trim()),
    alert: (alert) => void rung.push(`alert ${alert}`),
  };
  const woken: string[] = [];
  const deps = {
    db,
    conduit: client,
    timing: TIMING,
    sanity: { jumpFactor: '1.2', absurdFactor: '10' },
    rateRefreshMs: 60_000,
    bell,
    metrics,
    wait: (ms: number) => sleep(ms),
    heartbeat: () => {},
    hints: createRedisHints(redis),
    runs: { wake: async (orderId: string) => void woken.push(orderId) },
    cacheOrder: async () => {},
    baseUrl: `${conduit.url}/v2`,
    organisation: 'test',
    maxAttemptsPerHour: 5,
    callsPerSecond: 100,
  };

  function activitiesWith(wrap: (real: ConduitClient) => ConduitClient, over: Partial<typeof deps> = {}) {
    const wired = { ...deps, ...over, conduit: wrap(client) };
    return {
      ...createAdvanceActivities(wired),
      ...createFirmLooks(wired),
      ...createTransfers(wired),
      ...createLookups(wired),
      ...createOrphans(wired),
      ...createRateWatch(wired),
    };
  }
  const activities = activitiesWith((real) => real);

  return {
    db,
    conduit,
    bell,
    redis: plainRedis,
    rung,
    woken,
    activities,
    activitiesWith,
    /** A watched order whose trigger the market has crossed, with accounts of its own. */
    async order(fields: Parameters<typeof insertTestOrder>[2] = {}): Promise<string> {
      const { id } = await insertTestOrder(db, Date.now(), fields);
      await applyRecord(db, id, { version: 1, attempt: null, attemptVersion: null }, { kind: 'watch' }, TIMING);
      return id;
    },
    /** Does what the order's run does until `isEnough`, the order's end or twenty seconds; returns what it did, in words. */
    async drive(
      orderId: string,
      isEnough: (step: Step, did: readonly string[]) => boolean = () => false,
      by: LabActivities = activities,
    ): Promise<string[]> {
      const did: string[] = [];
      let isLookWanted = true;
      for (const until = Date.now() + 20_000; Date.now() < until; ) {
        const step = await by.advanceOrder(orderId, { isLookWanted, isFirst: false });
        isLookWanted = false;
        if (step.next.kind === 'done' || isEnough(step, did)) return did;
        if (step.next.kind === 'sleep') await sleep(Math.min(step.wakeInMs, 50));
        else {
          const { result, code } = await errand(orderId, step, by);
          did.push(`${step.next.kind}: ${[result, code].filter(Boolean).join(' ')}`);
          if (result === 'refused' || result === 'superseded') await sleep(20);
        }
      }
      return did;
    },
    seen: (orderId: string) => seenOf(db, orderId),
    async attempt(orderId: string, number = 1) {
      const row = await findAttempt(db, orderId, number);
      if (!row) throw new Error(`order ${orderId} has no attempt ${number}`);
      return row;
    },
    async pauses(): Promise<string[]> {
      const rows = await db<{ scope: string; reason: string }[]>`select scope, reason from pauses order by scope`;
      return rows.map(({ scope, reason }) => `${scope.split(':')[0]} ${reason}`);
    },
    /** What happened to the order at Conduit, by its ledger. */
    async ledger(orderId: string): Promise<string[]> {
      const entries = await conduit.control.ledger({ reference: `${orderId}:*` });
      return entries
        .map(({ event }) => event)
        .filter((event) => /^order\.(created|claimed|succeeded|cancelled|failed)$/.test(event));
    },
    async quiet(): Promise<void> {
      await db`delete from pauses`;
      await db`update provider_gate set closed_until = '-infinity'`;
      await conduit.control.clearFaults();
      rung.length = 0;
      woken.length = 0;
    },
    async stop(): Promise<void> {
      await client.close();
      redis.close();
      plainRedis.disconnect();
      await stopAll();
      await test.stop();
    },
  };
}
