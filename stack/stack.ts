// `npm run stack`: the services and the Conduit simulator alone, for as long as it runs.
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { writeEnvFile } from './env-file.ts';
import { SetupError } from './errors.ts';
import { DATA_DIR, LOGS_DIR, ROOT, STACK_ENV_FILE } from './paths.ts';
import { createProgress, seconds } from './progress.ts';
import { type Services, startServices } from './services.ts';
import { runMain, untilAskedToStop } from './shutdown.ts';
import { ensureWebhookEndpoint } from './webhook-endpoint.ts';

const HELP = `npm run stack [-- options]

Starts PostgreSQL, Redis, a Temporal server with its Web UI, the Pub/Sub emulator and the Conduit simulator, registers the
webhook, writes addresses and secret to .local/stack.env, and stays until Ctrl-C.

  --fresh           wipe the data of earlier runs first
  --time-scale N    divide the simulator's waits by N (default: TIME_SCALE, or 1)
  --help            this text

A service whose address is in the environment is used as it is and never stopped: DATABASE_URL, REDIS_URL,
TEMPORAL_ADDRESS, PUBSUB_EMULATOR_HOST, CONDUIT_BASE_URL (with CONDUIT_API_KEY).
`;

async function main(): Promise<number> {
  const values = readOptions();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }

  const startedAt = performance.now();
  const timeScale = Number(values['time-scale'] ?? process.env['TIME_SCALE'] ?? 1);
  if (!(timeScale >= 1)) throw new SetupError('the time scale is a number of 1 or more');
  const asked = untilAskedToStop();
  const crashed = Promise.withResolvers<number>();
  const onCrash = (report: string): void => {
    process.stderr.write(`\n${report}\n`);
    crashed.resolve(1);
  };

  const services = await Promise.race([asked, bringUp({ fresh: values.fresh ?? false, timeScale, onCrash })]);
  // Asked to stop during the start: what is half up is ended by the keeper as soon as we are gone.
  if (typeof services === 'number') process.exit(services);
  printTable(services, startedAt);
  const exitCode = await Promise.race([asked, crashed.promise]);
  await takeDown(services);
  return exitCode;
}

function readOptions() {
  try {
    return parseArgs({
      options: { fresh: { type: 'boolean' }, 'time-scale': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n\n${HELP}`, { cause: error });
  }
}

type BringUp = { fresh: boolean; timeScale: number; onCrash: (report: string) => void };

async function bringUp({ fresh, timeScale, onCrash }: BringUp): Promise<Services> {
  const services = await startServices({ fresh, timeScale, onCrash });
  try {
    const secret = await webhookSecret(services);
    writeEnvFile(STACK_ENV_FILE, {
      ...services.env,
      ...secret,
      API_PORT: apiPort(),
      ...(timeScale === 1 ? {} : { TIME_SCALE: String(timeScale) }),
    });
    return services;
  } catch (error) {
    await services.stop();
    throw error;
  }
}

function apiPort(): string {
  return process.env['API_PORT'] ?? '8080';
}

/** Only the simulator may call back to this machine; at another Conduit the webhook is registered by its operator. */
async function webhookSecret(services: Services): Promise<Record<string, string>> {
  if (!services.isOurs('simulator')) return {};
  const { CONDUIT_BASE_URL: baseUrl = '', CONDUIT_API_KEY: apiKey = '' } = services.env;
  const url = `http://127.0.0.1:${apiPort()}/webhooks/conduit`;
  const register = () => ensureWebhookEndpoint({ baseUrl, apiKey }, url, join(DATA_DIR, 'webhook-endpoint.json'));
  const { secret } = await createProgress().step('Webhook endpoint', register, () => url);
  return { CONDUIT_WEBHOOK_SECRET: secret };
}

function printTable(services: Services, startedAt: number): void {
  const rows = services.list.map(({ title, address, child }) => [title, address, child ? `pid ${child.pid}` : 'given']);
  const ui = services.env['TEMPORAL_UI_URL'];
  if (ui) rows.push(['Temporal Web UI', ui, '']);
  const table = rows.map(
    ([title = '', address = '', note = '']) => `  ${title.padEnd(30)} ${address.padEnd(24)} ${note}`,
  );
  process.stdout.write(`
${table.join('\n')}

Up in ${seconds(startedAt)}. Settings for the processes: ${relative(ROOT, STACK_ENV_FILE)}; logs: ${relative(ROOT, LOGS_DIR)}/
  npm run db:migrate, then npm run api, npm run bridge, npm run worker
  or anything else with them: node --env-file=${relative(ROOT, STACK_ENV_FILE)} …
Ctrl-C stops it all.
`);
}

async function takeDown(services: Services): Promise<void> {
  const startedAt = performance.now();
  process.stdout.write('\nStopping …\n');
  rmSync(STACK_ENV_FILE, { force: true }); // Addresses that lead nowhere would only mislead.
  await services.stop();
  process.stdout.write(`Stopped in ${seconds(startedAt)}.\n`);
}

await runMain(main);
