// `npm run stack`: the services and the Conduit simulator alone, for as long as it runs.
import { relative } from 'node:path';
import { ENV_SCHEMA } from '../src/config.ts';
import { lendEnvFile } from './env-file.ts';
import { SetupError } from './errors.ts';
import { readOptions } from './options.ts';
import { LOGS_DIR, ROOT, STACK_ENV_FILE } from './paths.ts';
import { choosePort } from './ports.ts';
import { calledAt, createProgress, seconds } from './progress.ts';
import { type Services, startServices } from './services.ts';
import { runMain, untilAskedToStop } from './shutdown.ts';
import { webhookSecret } from './webhook-endpoint.ts';

const HELP = `npm run stack [-- options]

Starts PostgreSQL, Redis, a Temporal server with its Web UI, the Pub/Sub emulator and the Conduit simulator, registers the
webhook, writes addresses and secret to .local/stack.env, and stays until Ctrl-C.

  --fresh           wipe the data of earlier runs first
  --time-scale N    divide the simulator's waits by N, from 1 to 100 (default: TIME_SCALE, or 1)
  --help            this text

A service whose address is in the environment is used as it is and never stopped: DATABASE_URL, REDIS_URL,
TEMPORAL_ADDRESS, PUBSUB_EMULATOR_HOST, CONDUIT_BASE_URL (with CONDUIT_API_KEY).
`;

async function main(): Promise<number> {
  const values = readOptions(
    { fresh: { type: 'boolean' }, 'time-scale': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    HELP,
  );
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }

  const timeScale = readTimeScale(values['time-scale']);
  const asked = untilAskedToStop();
  const crashed = Promise.withResolvers<number>();
  const onCrash = (report: string): void => {
    process.stderr.write(`\n${report}\n`);
    crashed.resolve(1);
  };

  const up = await Promise.race([asked, bringUp({ fresh: values.fresh ?? false, timeScale, onCrash })]);
  // Asked to stop during the start: what is half up is ended by the keeper as soon as we are gone.
  if (typeof up === 'number') {
    process.stdout.write('\nStopping …\n');
    process.exit(up);
  }
  printTable(up);
  const exitCode = await Promise.race([asked, crashed.promise]);
  await takeDown(up);
  return exitCode;
}

/** Within the bounds of the processes, which get it too. */
function readTimeScale(option: string | undefined): number {
  const { data, error } = ENV_SCHEMA.shape.TIME_SCALE.safeParse(option || process.env['TIME_SCALE'] || undefined);
  if (error) throw new SetupError('the time scale is a number from 1 to 100, with three decimals at most');
  return data;
}

type BringUp = { fresh: boolean; timeScale: number; onCrash: (report: string) => void };

type Up = { readonly services: Services; readonly apiPort: string; readonly takeAddressesBack: () => void };

async function bringUp({ fresh, timeScale, onCrash }: BringUp): Promise<Up> {
  const progress = createProgress();
  const services = await startServices({ fresh, timeScale, onCrash });
  try {
    const apiPort = process.env['API_PORT'] || String(await choosePort('the API', 8080, 'default', progress));
    const takeAddressesBack = lendEnvFile(STACK_ENV_FILE, {
      ...services.env,
      ...(await webhookSecret(services, apiPort, progress)),
      API_PORT: apiPort,
      ...(timeScale === 1 ? {} : { TIME_SCALE: String(timeScale) }),
    });
    return { services, apiPort, takeAddressesBack };
  } catch (error) {
    await services.stop();
    throw error;
  }
}

function printTable({ services, apiPort }: Up): void {
  const rows = services.list.map(({ title, address, child }) => [title, address, child ? `pid ${child.pid}` : 'given']);
  const ui = services.env['TEMPORAL_UI_URL'];
  if (ui) rows.push(['Temporal Web UI', ui, '']);
  rows.push(['API, once you start it', `http://127.0.0.1:${apiPort}`, '']);
  const table = rows.map(
    ([title = '', address = '', note = '']) => `  ${title.padEnd(30)} ${address.padEnd(24)} ${note}`,
  );
  process.stdout.write(`
${table.join('\n')}

Up in ${seconds(calledAt())}. Settings for the processes: ${relative(ROOT, STACK_ENV_FILE)}; logs: ${relative(ROOT, LOGS_DIR)}/
  npm run db:migrate, then npm run api, npm run bridge, npm run worker
  or anything else with them: node --env-file=${relative(ROOT, STACK_ENV_FILE)} …
Ctrl-C stops it all.
`);
}

async function takeDown({ services, takeAddressesBack }: Up): Promise<void> {
  const startedAt = performance.now();
  process.stdout.write('\nStopping …\n');
  takeAddressesBack();
  await services.stop();
  process.stdout.write(`Stopped in ${seconds(startedAt)}.\n`);
}

await runMain(main);
