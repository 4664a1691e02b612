import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../../src/clients/temporal-starts.ts';
import { startServing } from '../child.ts';
import { choosePort } from '../ports.ts';
import { runCommand } from '../run-command.ts';
import { WHEELS } from '../versions.ts';
import type { Service, ServiceContext } from './service.ts';

const PORT = 7233;
const UI_PORT = 8233;
const NAMESPACE = 'default';

/** A Temporal server with its Web UI in one process; workflows survive in a SQLite file. */
export async function startTemporal(context: ServiceContext, program: string): Promise<Service> {
  const port = await choosePort('Temporal', PORT, context.ports, context.progress);
  const uiPort = await choosePort("Temporal's Web UI", UI_PORT, context.ports, context.progress);
  const address = `127.0.0.1:${port}`;
  const dataDir = join(context.dataDir, 'temporal');

  const launch = async () => {
    mkdirSync(dataDir, { recursive: true });
    return startServing(
      {
        name: 'temporal',
        command: program,
        args: [
          'server',
          'start-dev',
          '--ip=127.0.0.1',
          `--port=${port}`,
          `--ui-port=${uiPort}`,
          `--namespace=${NAMESPACE}`,
          `--db-filename=${join(dataDir, 'temporal.db')}`,
          '--log-level=warn',
        ],
        env: process.env,
        logFile: join(context.logDir, 'temporal.log'),
      },
      () => hasSearchAttributes(program, address),
      30_000,
    );
  };

  return {
    name: 'temporal',
    title: `Temporal ${WHEELS.temporal.version} with Web UI`,
    address,
    env: {
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: NAMESPACE,
      TEMPORAL_UI_URL: `http://127.0.0.1:${uiPort}`,
    },
    launch,
    child: await launch(),
  };
}

/**
 * Whether the namespace has all that the order workflows are found by in the Web UI; registers those that it lacks, for the next
 * look to find. Not by `start-dev --search-attribute`: that one is heeded only when the database is new.
 */
async function hasSearchAttributes(program: string, address: string): Promise<boolean> {
  const known = await operator(program, address, ['search-attribute', 'list', '--output', 'json']);
  const lacking = Object.values(SEARCH_ATTRIBUTES).filter(({ name }) => !known.includes(`"${name}"`));
  if (lacking.length === 0) return true;
  const wanted = lacking.flatMap(({ name, type }) => ['--name', name, '--type', type]);
  await operator(program, address, ['search-attribute', 'create', ...wanted]);
  return false;
}

async function operator(program: string, address: string, args: readonly string[]): Promise<string> {
  const { stdout } = await runCommand(
    program,
    ['operator', ...args, '--address', address, '--namespace', NAMESPACE, '--command-timeout', '5s'],
    // Not the caller's TEMPORAL_* settings: they may name another server.
    { timeoutMs: 10_000, env: { PATH: process.env['PATH'], HOME: process.env['HOME'] } },
  );
  return stdout;
}
