import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { SEARCH_ATTRIBUTES } from '../../src/clients/temporal-starts.ts';
import { lockDataDir } from '../../stack/data-lock.ts';
import { runCommand } from '../../stack/run-command.ts';
import { movedPostgresDir } from '../../stack/services/postgres-home.ts';
import { type Services, type ServicesOptions, startServices } from '../../stack/services.ts';
import { acceptsTcp, waitUntil } from '../../stack/wait.ts';
import { scratchDir } from './support.ts';

// Real services start here, beside whatever else the machine does.
jest.setTimeout(30_000);

const scratch = scratchDir();
afterAll(scratch.remove);

let folders = 0;
function optionsOf(only: NonNullable<ServicesOptions['only']>): ServicesOptions & { dataDir: string } {
  folders += 1;
  const dataDir = join(scratch.dir, String(folders));
  return { only, dataDir, logDir: join(dataDir, '..', 'logs'), ports: 'free', quiet: true, ignoreGiven: true };
}

async function query(services: Services, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: services.env['DATABASE_URL'] ?? '' });
  client.on('error', () => {}); // The server may be killed under it.
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function redisInfo(services: Services, field: string): Promise<string | undefined> {
  const redis = new Redis(services.env['REDIS_URL'] ?? '');
  try {
    return new RegExp(`${field}:(\\S+)`).exec(await redis.info())?.[1];
  } finally {
    redis.disconnect();
  }
}

function portOf(services: Services, index = 0): number {
  return Number(new URL(`tcp://${services.list[index]?.address}`).port);
}

test('what PostgreSQL committed survives kill -9 and a restart of everything; fresh wipes it', async () => {
  const options = optionsOf(['postgres']);
  const first = await startServices(options);
  await query(first, 'create table kept as select 1 as n');
  await first.kill('postgres', 'SIGKILL');
  await first.restart('postgres');
  expect(await query(first, 'select n from kept')).toEqual([{ n: 1 }]);
  await first.stop();

  const second = await startServices(options);
  expect(await query(second, 'select n from kept')).toEqual([{ n: 1 }]);
  await second.stop();

  const third = await startServices({ ...options, fresh: true });
  await expect(query(third, 'select n from kept')).rejects.toThrow('"kept" does not exist');
  await third.stop();
});

test('a database of an earlier version gets the search attributes that it lacks', async () => {
  const options = optionsOf(['temporal']);
  const first = await startServices(options);
  const attributes = async (services: Services, ...args: string[]): Promise<string> => {
    const cli = services.env['TEMPORAL_CLI_PATH'] ?? '';
    const address = services.env['TEMPORAL_ADDRESS'] ?? '';
    const all = ['operator', 'search-attribute', ...args, '--address', address, '--output', 'json'];
    return (await runCommand(cli, all, { timeoutMs: 10_000 })).stdout;
  };
  await attributes(first, 'remove', '--name', 'OrderUser', '--yes');
  expect(await attributes(first, 'list')).not.toContain('OrderUser');
  await first.stop();

  const second = await startServices(options);
  const known = JSON.parse(await attributes(second, 'list')) as { customAttributes: Record<string, string> };
  expect(Object.keys(known.customAttributes).sort()).toEqual(
    Object.values(SEARCH_ATTRIBUTES)
      .map(({ name }) => name)
      .sort(),
  );
  expect(known.customAttributes['OrderExpiresAt']).toBe('INDEXED_VALUE_TYPE_DATETIME');
  await second.stop();
});

test('a taken port is left to its owner', async () => {
  const blocker = createServer().listen(6379, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve).once('error', resolve)); // Taken by somebody else: as good.
  const services = await startServices({ ...optionsOf(['redis']), ports: 'default' });
  expect(portOf(services)).not.toBe(6379);
  expect(await acceptsTcp('127.0.0.1', portOf(services))).toBe(true);
  await services.stop();
  blocker.close();
});

test('a data folder serves one set of services at a time', async () => {
  const options = optionsOf(['redis']);
  const services = await startServices(options);
  await expect(startServices(options)).rejects.toThrow(/is in use by process \d+/);
  await services.stop();
  await (await startServices(options)).stop();
});

test('of two starts that meet a void lock at once, one gets the folder and leaves nothing beside its lock', async () => {
  const dataDir = join(scratch.dir, 'locked');
  writeFileSync(`${dataDir}.lock`, '999999999 999999998\n'); // Process ids that no system gives.
  const starts = await Promise.allSettled([lockDataDir(dataDir), lockDataDir(dataDir)]);
  expect(starts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const names = () => readdirSync(scratch.dir).filter((name) => name.startsWith('locked'));
  expect(names()).toEqual(['locked.lock']);
  for (const start of starts) if (start.status === 'fulfilled') start.value();
  expect(names()).toEqual([]);
});

test('a service that dies is reported with its name and the end of its log; one that is killed here is not', async () => {
  const reports: string[] = [];
  const services = await startServices({ ...optionsOf(['redis']), onCrash: (report) => reports.push(report) });
  await services.kill('redis', 'SIGKILL');
  expect(reports).toEqual([]);

  await services.restart('redis');
  process.kill(Number(await redisInfo(services, 'process_id')), 'SIGKILL');
  await waitUntil(async () => reports.length > 0, { deadlineMs: 5_000, orElse: 'the crash was not noticed' });
  expect(reports.join()).toMatch(/^redis ended \(signal SIGKILL\)[\s\S]*Ready to accept connections/);
  await services.stop();
});

test('a given service is used as it is and outlives us', async () => {
  const owner = await startServices(optionsOf(['redis']));
  process.env['REDIS_URL'] = owner.env['REDIS_URL'];
  try {
    const { ignoreGiven: _, ...options } = optionsOf(['redis']);
    const guest = await startServices(options);
    expect(guest.env['REDIS_URL']).toBe(owner.env['REDIS_URL']);
    expect(guest.isOurs('redis')).toBe(false);
    await guest.stop();
    expect(await acceptsTcp('127.0.0.1', portOf(owner))).toBe(true);

    await owner.stop();
    await expect(startServices(options)).rejects.toThrow(/Redis at .* does not answer .* unset REDIS_URL/);
  } finally {
    delete process.env['REDIS_URL'];
    await owner.stop();
  }
});

test('throw-away data is gone after the run', async () => {
  const options = { ...optionsOf(['postgres']), throwAway: true };
  const services = await startServices(options);
  await waitUntil(async () => existsSync(options.dataDir), { deadlineMs: 1_000, orElse: 'no data folder' });
  await services.stop();
  expect(existsSync(options.dataDir)).toBe(false);
  expect(existsSync(`${options.dataDir}.lock`)).toBe(false);
});

// Only root is refused by PostgreSQL, and only root can hand a folder to somebody else.
const testAsRoot = process.getuid?.() === 0 ? test : test.skip;

testAsRoot(
  'as root under a folder that is closed to others, PostgreSQL keeps its data in one that is open',
  async () => {
    const options = optionsOf(['postgres']);
    const dataDir = join(scratch.dir, 'closed', 'data');
    const shared = dirname(movedPostgresDir(dataDir)); // Holds the copied programs, for every closed checkout of ours.
    const wasThere = existsSync(shared);
    mkdirSync(join(dataDir, '..'), { mode: 0o700 });
    const services = await startServices({ ...options, dataDir, throwAway: true });
    expect(await query(services, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(existsSync(join(movedPostgresDir(dataDir), 'cluster'))).toBe(true);
    await services.stop();
    expect(existsSync(movedPostgresDir(dataDir))).toBe(false);
    if (!wasThere) rmSync(shared, { recursive: true });
  },
);
