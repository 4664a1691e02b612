// What keeps the state: PostgreSQL, Redis, Temporal.
import { Redis } from 'ioredis';
import { planOrders } from '../load/plan.ts';
import { shapeOf } from '../load/shape.ts';
import { signalService } from '../system/pids.ts';
import type { Experiment, Stage } from './experiment.ts';
import { countRefused, expectStruck, logged, restartAll } from './processes.ts';

const DATABASE_LINKS = ['api>postgres', 'worker1>postgres', 'worker2>postgres', 'bridge1>postgres', 'bridge2>postgres'];

/** Longer than a lock is waited for. */
const HELD_MS = 3_000;

async function killPostgres({ system, sleep }: Stage, downMs: number): Promise<void> {
  await signalService(system.services, 'postgres', 'SIGKILL');
  await sleep(downMs);
  await system.services.restart('postgres');
}

async function withRedis(url: string, work: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = new Redis(url);
  try {
    await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** How many sessions of an application waited for a lock at once, at most. */
async function waitingSessions({ system: { db }, sleep }: Stage, application: string, ms: number): Promise<number> {
  let most = 0;
  for (const until = Date.now() + ms; Date.now() < until; await sleep(100)) {
    const [row] = await db<{ waiting: number }[]>`
      select count(*)::int as waiting from pg_stat_activity
      where application_name = ${application} and datname = current_database() and wait_event_type = 'Lock'`;
    most = Math.max(most, row?.waiting ?? 0);
  }
  return most;
}

export const STORE_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F08',
    title: 'Temporal is killed in mid-flight: for a moment, a minute, ten minutes',
    atRisk: ['I2', 'I4', 'I5'],
    async run({ system, timeScale, sleep, during, isQuick }) {
      for (const downMs of isQuick ? [0, 60_000] : [0, 60_000, 600_000]) {
        await sleep(5_000);
        await during(
          'Temporal is down',
          downMs / timeScale,
          () => signalService(system.services, 'temporal', 'SIGKILL'),
          () => system.services.restart('temporal'),
        );
      }
    },
  },
  {
    id: 'F09',
    title: 'all of PostgreSQL is killed ten times under load',
    atRisk: ['I2', 'I6', 'I7'],
    load: { windowMs: 24_000 },
    async run(stage) {
      for (let kills = 0; kills < 10; kills += 1) {
        await stage.sleep(stage.random.between(300, 2_000));
        const downMs = stage.random.between(0, 2_000);
        stage.note('kill PostgreSQL', { downMs });
        await killPostgres(stage, downMs);
      }
    },
  },
  {
    id: 'F10',
    title: 'PostgreSQL stalls and connections are reset in mid-commit',
    atRisk: ['I6', 'I1'],
    async run(stage) {
      const { system, sleep, note, during, random, aside } = stage;
      const { network, desk } = system;
      // The commit goes out, its answer never comes back.
      desk.arm(
        'S1',
        async () => {
          note('commit without an answer');
          await network.poison('api>postgres', { type: 'timeout', stream: 'downstream', timeout: 0 });
          const reset = async () => {
            await sleep(1_500);
            await network.cut('api>postgres');
            await network.heal('api>postgres');
          };
          aside(reset());
        },
        { times: 3 },
      );
      for (let round = 0; round < 4; round += 1) {
        await sleep(random.between(500, 2_000));
        const link = random.pick(DATABASE_LINKS.slice(1));
        await during(
          `stall ${link}`,
          2_500,
          () => network.poison(link, { type: 'timeout', stream: 'downstream', timeout: 0 }),
          async () => {
            await network.cut(link);
            await network.heal(link);
          },
        );
      }
      expectStruck(stage);
    },
  },
  {
    id: 'F11',
    title: "the api's two connections to PostgreSQL meet 200 requests at once",
    atRisk: ['I14', 'I6'],
    load: { orders: 20 },
    async run(stage) {
      const { system, random, experiment, place, note } = stage;
      system.configure('api', { DATABASE_MAX_CONNECTIONS: '2' });
      await restartAll(system, ['api']);
      // In the words of what it does to the database's clients: what they had asked for may come to nothing.
      note('two connections, 200 requests at once, and they stall', { process: 'api' });
      const beganAt = Date.now();
      const kinds = { crossing: 0, contested: 0, expiring: 30, at_once: 1 };
      const shape = shapeOf({ orders: 200, windowMs: 0, kinds, patient: 0 }, stage);
      const runId = `${experiment}-burst-${Date.now().toString(36)}`;
      // While this lasts each of them waits for its connection: a lock that an operator's session holds.
      // In one statement: a session that does nothing in its transaction, be it between two of them, is ended sooner.
      const hold = system.db.unsafe(
        `do $$ begin lock table idempotency_keys in access exclusive mode; perform pg_sleep(${HELD_MS / 1_000}); end $$`,
      );
      const watched = waitingSessions(stage, 'conduitpay-api', HELD_MS);
      await Promise.all([hold, place(planOrders(shape, system.customers, random, runId))]);
      const waiting = await watched;
      const refused = countRefused(stage, beganAt, Date.now());
      stage.report('answered 503', { refused, waiting });
      stage.struck(refused > 0, 'nothing was answered 503');
      stage.struck(waiting === 2, `${waiting} connections of the api were waiting at once, not its two`);
      system.configure('api');
      await restartAll(system, ['api']);
      note('restart', { process: 'api' });
    },
  },
  {
    id: 'F12',
    title: 'Redis is emptied every second',
    atRisk: ['I1', 'I3', 'I5', 'I6'],
    async run({ system, windowMs, sleep, note, struck }) {
      let gone = 0;
      await withRedis(system.env['REDIS_URL'] ?? '', async (redis) => {
        for (const until = Date.now() + windowMs; Date.now() < until; ) {
          const keys = await redis.dbsize();
          await redis.flushall();
          note('flushall', { keys });
          gone += keys;
          await sleep(1_000);
        }
      });
      struck(gone > 0, 'Redis held nothing whenever it was emptied');
    },
  },
  {
    id: 'F13',
    title: 'Redis is killed, slow, and holds values of the wrong type',
    atRisk: ['I3'],
    async run({ system, during, sleep, note, struck }) {
      const since = Date.now();
      const links = ['api>redis', 'worker1>redis', 'worker2>redis'];
      await during(
        'Redis is slow',
        4_000,
        () =>
          Promise.all(
            links.map((link) =>
              system.network.poison(link, { type: 'latency', stream: 'downstream', latency: 2_000, jitter: 500 }),
            ),
          ),
        () => Promise.all(links.map((link) => system.network.heal(link))),
      );
      await during(
        'Redis is down',
        3_000,
        () => signalService(system.services, 'redis', 'SIGKILL'),
        () => system.services.restart('redis'),
      );
      await sleep(1_000);
      await withRedis(system.env['REDIS_URL'] ?? '', async (redis) => {
        const spoiled = new Set<string>();
        for (let round = 0; round < 8; round += 1) {
          for (const key of await redis.keys('*')) {
            if (!key.startsWith('rate:')) spoiled.add(key);
            await redis.del(key);
            await redis.hset(key, 'wrong', 'type');
          }
          for (const pair of ['USDT.ethereum-USDC.ethereum', 'USD-EUR'])
            await redis.set(`rate:${pair}`, '{"rate":"5000"');
          note('wrong types', { keys: spoiled.size });
          await sleep(700);
        }
        struck(spoiled.size > 0, 'Redis held nothing that could be spoiled');
      });
      const missed = await logged(system, /"event":"dependency_unavailable","dependency":"redis"/, since);
      struck(missed.length > 0, 'nobody has missed Redis');
    },
  },
];
