import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { StartableOrder } from '../../src/clients/temporal-starts.ts';
import { eventually } from '../support/eventually.ts';
import { createWorld, type World, workflowOf } from '../support/world.ts';

jest.setTimeout(120_000);

const INTERVAL_S = 4;
const ROWS = 10_000;
const RUNS = 200;
const NETWORKS = ['ethereum', 'base', 'solana', 'polygon', 'tron'];
const PAIRS = NETWORKS.flatMap((network) => [`USDT.${network}-USDC.${network}`, `USDC.${network}-USDT.${network}`]);

let world: World;
beforeAll(async () => {
  world = await createWorld({ RATE_REFRESH_SECONDS: String(INTERVAL_S), MIN_EXPIRY_SECONDS: '20' });
  await Promise.all(PAIRS.map((pair) => world.simulator.setRate(pair, '0.95')));
  await world.start('worker');
  // Its repairs would describe a slice of the open orders; they cost no quote, but this is about what waiting alone costs.
  await world.temporal.client.schedule.getHandle('reconcile').pause();
});
afterAll(() => world?.stop());

/** Watched orders whose targets are far away, inserted as they are after months of waiting. */
async function insertWatching(): Promise<StartableOrder[]> {
  await world.db`
    with inserted as (insert into orders (order_id, user_id, status, version, pair, from_currency, from_network, to_currency, to_network, source_account,
      destination_account, amount, target_rate, direction, expires_at, idempotency_key, quoted_rate, trigger_rate, next_check_at, look_due_at)
    select gen_random_uuid(), ${world.userId}, 'watching', 2, (${PAIRS as string[]}::text[])[1 + i % ${PAIRS.length}], 'USDT', 'ethereum', 'USDC',
      'ethereum', s.account_id, d.account_id, 20, 1.5, '>=', app_now() + interval '90 days', 'idle-' || i, 0.95, 1.51,
      app_now() - interval '1 minute', app_now() + interval '1 day'
    from generate_series(1, ${ROWS}) i,
      (select account_id from conduit_accounts where user_id = ${world.userId} and asset = 'USDT.ethereum') s,
      (select account_id from conduit_accounts where user_id = ${world.userId} and asset = 'USDC.ethereum') d
      returning order_id, version, status)
    insert into order_events (order_id, number, dedupe_key, event, status, actor)
    select order_id, version, 'watching', 'watching', status, 'workflow' from inserted`;
  return world.db<StartableOrder[]>`
    select order_id as id, pair, status, direction, amount, target_rate, floor_rate, expires_at, user_id
    from orders order by order_id limit ${RUNS}`;
}

async function quotesBetween(sinceMs: number, untilMs: number): Promise<number> {
  const counts = await world.simulator.requestCounts({ operation: 'quotes.create', sinceMs, untilMs });
  return counts['quotes.create'] ?? 0;
}

/**
 * How long until the middle of the longest time within an interval in which no pair ticks: watchers tick at absolute times of
 * their own, and none of them may stand on the edge of the window that is counted.
 */
async function untilQuietMs(sinceMs: number): Promise<number> {
  const intervalMs = INTERVAL_S * 1_000;
  const seen = await world.simulator.requests({ operation: 'quotes.create', sinceMs });
  const phases = seen.map(({ atMs }) => atMs % intervalMs).sort((a, b) => a - b);
  const gaps = phases.map((phase, i) => ({ phase, ms: (phases[i + 1] ?? (phases[0] ?? 0) + intervalMs) - phase }));
  const longest = gaps.reduce((a, b) => (b.ms > a.ms ? b : a));
  const middle = (longest.phase + longest.ms / 2) % intervalMs;
  return (middle - (Date.now() % intervalMs) + intervalMs) % intervalMs;
}

async function historyLengths(orders: readonly StartableOrder[]): Promise<number[]> {
  return Promise.all(orders.map(async ({ id }) => (await workflowOf(world, id).describe()).historyLength));
}

test('ten thousand waiting orders over ten pairs cost one quote per pair and interval, and no history event', async () => {
  const orders = await insertWatching();
  for (let i = 0; i < orders.length; i += 20) {
    await Promise.all(orders.slice(i, i + 20).map((order) => world.temporal.startOrder(order, 'reconciler')));
  }
  await eventually(
    'the runs to wait',
    async () => {
      // Not their status, which they are started with: a first task that a busy worker lost is given out again ten seconds later.
      const runs = await Promise.all(orders.map(({ id }) => workflowOf(world, id).describe()));
      return runs.every(({ raw }) => !raw.pendingWorkflowTask && (raw.pendingActivities ?? []).length === 0);
    },
    60_000,
  );
  await Promise.all(PAIRS.map((pair) => world.temporal.signalWithStartWatcher(pair)));
  // The first tick stands in the queue of all that begins at once: only from the second one on is a pair heard at its own time.
  await sleep(INTERVAL_S * 1_000);
  const beganAt = Date.now();
  await eventually(
    'a tick of every pair',
    async () => (await quotesBetween(beganAt, Date.now() + 1_000)) >= PAIRS.length,
  );
  await sleep(await untilQuietMs(beganAt));

  const before = await historyLengths(orders);
  const from = Date.now();
  await sleep(3 * INTERVAL_S * 1_000);
  const seen = await world.simulator.requests({ operation: 'quotes.create', sinceMs: from });
  const inTime = seen.filter(({ atMs }) => atMs < from + 3 * INTERVAL_S * 1_000);
  // On a busy machine a tick comes late, and is counted on the other side of an edge: one of a pair at most.
  const counts = PAIRS.map((pair) => inTime.filter((request) => request.pair === pair).length);
  expect(counts.filter((count) => Math.abs(count - 3) > 1)).toEqual([]);
  expect(inTime.length).toBe(counts.reduce((sum, count) => sum + count, 0));
  expect(await historyLengths(orders)).toEqual(before);
  const [row] = await world.db<
    { n: number }[]
  >`select count(*)::int as n from orders where version <> 2 or attempts <> 0`;
  expect(row?.n).toBe(0);
});
