// Full disks, and many orders.
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDatabaseUnavailable } from '../../src/db/client.ts';
import { choosePort } from '../../stack/ports.ts';
import { createProgress } from '../../stack/progress.ts';
import { runCommand } from '../../stack/run-command.ts';
import { FIAT, STABLES } from '../load/market.ts';
import { WORKERS } from '../system/fleet.ts';
import type { Experiment, Stage } from './experiment.ts';
import { placeWaiting, untilPast } from './orders-alone.ts';
import { bounce, countRefused, restartAll } from './processes.ts';

const LOGGING = ['api', 'worker1'] as const;
const MOUNT_TIMEOUT_MS = 60_000;

/** PostgreSQL's data on a small volume of its own, which can be filled. */
async function onSmallVolume(stage: Stage, work: (fill: () => void, free: () => void) => Promise<void>): Promise<void> {
  const { services } = stage.system;
  const home = await postgresDir(stage);
  const aside = `${home}.aside`;
  const run = (command: string, ...args: string[]) => runCommand(command, args, { timeoutMs: MOUNT_TIMEOUT_MS });
  let free = () => {};
  await services.kill('postgres', 'SIGINT');
  await services.untilEnded('postgres');
  await run('cp', '-a', home, aside);
  const { stdout } = await run('du', '-sm', home);
  const owner = (await run('stat', '-c', '%u:%g', home)).stdout.trim();
  const giveBack = async () => {
    await run('umount', '--lazy', home).catch(() => {}); // It is gone when all went well.
    await run('rm', '-rf', aside);
  };
  stage.system.onStop(giveBack);
  await run('mount', '-t', 'tmpfs', '-o', `size=${Number.parseInt(stdout, 10) + 64}m,mode=0700`, 'tmpfs', home);
  try {
    await run('cp', '-a', `${aside}/.`, home);
    await run('chown', owner, home);
    await services.restart('postgres');
    await work(
      () => {
        free = fillUp(home);
      },
      () => free(),
    );
  } finally {
    free();
    await services.kill('postgres', 'SIGINT');
    await services.untilEnded('postgres');
    await run('rm', '-rf', aside);
    await run('cp', '-a', home, aside);
    await run('umount', home);
    await run('rm', '-rf', home);
    await run('mv', aside, home);
    await services.restart('postgres');
  }
}

/** Two processes log to a volume that is full. They lose words, and nothing else. */
async function withFullLogs(stage: Stage, ms: number): Promise<void> {
  const { fleet, logDir } = stage.system;
  const run = (command: string, ...args: string[]) => runCommand(command, args, { timeoutMs: MOUNT_TIMEOUT_MS });
  // Lazily: who logs there still holds it.
  const giveBack = () => run('umount', '--lazy', logDir).then(() => {});
  const kept = `${logDir}.kept`;
  // It is gone when all went well.
  stage.system.onStop(() => giveBack().catch(() => {}));
  await run('mkdir', '-p', kept);
  await run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', logDir);
  try {
    await restartAll(stage.system, LOGGING);
    const before = LOGGING.map((name) => fleet.pidOf(name));
    await stage.during(
      'the volume of the logs is full',
      ms,
      () => fillUp(logDir),
      () => stage.struck(statfsSync(logDir).bavail === 0, 'the volume of the logs was not full'),
    );
    const isAlive = LOGGING.every((name, index) => fleet.pidOf(name) === before[index]);
    stage.expect(isAlive, 'I14', 'a process ended because its log could not be written');
  } finally {
    rmSync(join(logDir, 'ballast'), { force: true });
    for (const name of LOGGING) await fleet.kill(name);
    // What was written there is evidence, too.
    await run('cp', '-a', `${logDir}/.`, kept);
    await giveBack();
    await run('cp', '-a', `${kept}/.`, logDir);
    await run('rm', '-rf', kept);
    await restartAll(stage.system, LOGGING);
  }
}

/** To the last byte. Returns what takes it back. */
function fillUp(dir: string): () => void {
  const ballast = join(dir, 'ballast');
  const { bavail, bsize } = statfsSync(dir);
  try {
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  } catch (error) {
    // Others have taken the rest of it meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
  return () => rmSync(ballast, { force: true });
}

/** How many runs a worker's cache had to let go, by what Temporal's core says. */
async function evictionsAt(port: number): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const counts = (await reply.text()).matchAll(/^temporal_sticky_cache_total_forced_eviction\{[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Where PostgreSQL says that it keeps its data. */
async function postgresDir({ system }: Stage): Promise<string> {
  const [row] = await system.db<{ dir: string }[]>`select current_setting('data_directory') as dir`;
  if (!row) throw new Error('a select without a table returned no row');
  return row.dir;
}

const CROWD = 5_000;
/** Five times what both caches hold: with fewer no crowd was tried. */
const CROWD_AT_LEAST = 1_000;
const BATCH = 100;
const BATCH_WITHIN_MS = 2_500;

/**
 * Places waiting orders until then, a batch when the runs of the one before have begun: as many as this machine's Temporal takes, for
 * what is asked is not how it fares with more. Returns how many there are.
 */
async function gatherCrowd(stage: Stage, until: number): Promise<number> {
  const { random, windowMs } = stage;
  const expires = () => Date.now() + random.between(LIVES[0] * windowMs, LIVES[1] * windowMs);
  let count = 0;
  while (count < CROWD && Date.now() < until) {
    const batch = await placeWaiting(stage, BATCH, expires, { pairs: [STABLES, FIAT], withinMs: BATCH_WITHIN_MS });
    if (await untilPast(stage, batch, ['accepted'])) count += batch.length;
  }
  return count;
}

const GATHERS_MS = 220_000;
/**
 * How long the crowd lives, as shares of that time: its first expires when the restart is a minute past (at the usual pace). What is
 * asked is whether runs that no cache holds any more all wake, and in time.
 */
const LIVES = [1.28, 1.6] as const;

/** What grows with every order. */
const GROWING = 'orders, order_events, idempotency_keys, outbox, transactions, conduit_sends';
/** Under load its lock may be waited for too long, and after the first round PostgreSQL may still be on its way back. */
async function compact({ system: { db }, sleep }: Stage): Promise<void> {
  for (let tries = 1; ; tries += 1)
    try {
      await db.unsafe(`vacuum (full) ${GROWING}`);
      return;
    } catch (error) {
      if (tries === COMPACT_TRIES || !isDatabaseUnavailable(error)) throw error;
      await sleep(1_000);
    }
}
const COMPACT_TRIES = 15;

/** Where nobody has missed the space yet. */
const FULL_LONGER_MS = 6_000;

export const LIMIT_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F43',
    title: "PostgreSQL's volume is full, and that of the logs",
    atRisk: ['I2', 'I7'],
    needs: ['mount'],
    load: { windowMs: 24_000 },
    async run(stage) {
      await onSmallVolume(stage, async (fill, free) => {
        await stage.sleep(2_000);
        let refused = 0;
        for (let round = 0; round < 2; round += 1) {
          // Without room in the pages that there are, whoever adds a row needs a new one.
          await compact(stage);
          const beganAt = Date.now();
          const refusedNow = () => countRefused(stage, beganAt, Date.now());
          await stage.during('the volume is full', 4_000, fill, async () => {
            for (const giveUpAt = Date.now() + FULL_LONGER_MS; refusedNow() === 0 && Date.now() < giveUpAt; )
              await stage.sleep(100);
            free();
          });
          refused += refusedNow();
          await stage.sleep(4_000);
        }
        stage.report('answered 503', { refused });
        stage.struck(refused > 0, 'the volume was never full: nothing was answered 503 in that time');
      });
      await withFullLogs(stage, 4_000);
    },
  },
  {
    id: 'F44',
    title: 'many waiting orders, a worker that caches a hundred, and its restart',
    atRisk: ['I14'],
    hasOwnSystem: true,
    async run(stage) {
      const { system } = stage;
      const ports: number[] = [];
      for (const name of WORKERS) {
        const port = await choosePort(`metrics of ${name}`, 0, 'free', createProgress({ quiet: true }));
        ports.push(port);
        system.configure(name, { MAX_CACHED_WORKFLOWS: '100', TEMPORAL_METRICS_PORT: String(port) });
      }
      await bounce(system, WORKERS);
      const restartAt = Date.now() + stage.windowMs;
      const waiting = await gatherCrowd(stage, restartAt);
      stage.report('gathered', { waiting });
      stage.struck(waiting >= CROWD_AT_LEAST, `only ${waiting} orders could be begun`);
      await stage.sleep(Math.max(0, restartAt - Date.now()));
      const evicted = await Promise.all(ports.map(evictionsAt));
      stage.struck(!evicted.includes(0), `the caches of the workers let ${evicted.join(' and ')} runs go`);
      stage.note('restart with evicted runs');
      await bounce(system, WORKERS);
      for (const name of WORKERS) system.configure(name);
    },
    // Some among the crowd can be executed. Nobody comes back for his: that would put off the end, and with it what recovery is measured by.
    load: {
      windowMs: GATHERS_MS,
      kinds: { expiring: 0, missed: 0, contested: 0, cancelled: 0 },
      expiresInMs: [LIVES[0] * GATHERS_MS, LIVES[1] * GATHERS_MS],
      isWatched: false,
    },
    moveMarket: async () => {},
  },
];

/** Whether this user may mount a volume. */
export async function canMount(dir: string): Promise<string | null> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'a small volume can only be mounted by root on Linux';
  const at = join(dir, 'mount-probe');
  try {
    await runCommand('mkdir', ['-p', at], { timeoutMs: MOUNT_TIMEOUT_MS });
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { timeoutMs: MOUNT_TIMEOUT_MS });
    await runCommand('umount', [at], { timeoutMs: MOUNT_TIMEOUT_MS });
    return null;
  } catch {
    return 'this machine does not let us mount a small volume';
  } finally {
    if (existsSync(at)) rmSync(at, { recursive: true, force: true });
  }
}
