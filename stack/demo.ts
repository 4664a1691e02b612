// `npm run demo`: everything from nothing, then the product's main job in front of the reader.
import { createSimulatorControl } from '../simulator/control.ts';
import { createApiClient } from './demo/client.ts';
import { addCustomer, USER_ID } from './demo/customer.ts';
import { play } from './demo/scenes.ts';
import { lendEnvFile } from './env-file.ts';
import { SetupError } from './errors.ts';
import { readOptions } from './options.ts';
import { STACK_ENV_FILE } from './paths.ts';
import { choosePort } from './ports.ts';
import { runProductCommand, startProduct } from './product.ts';
import { calledAt, createProgress, seconds } from './progress.ts';
import { isGiven } from './services/given.ts';
import { startServices } from './services.ts';
import { runMain, untilAskedToStop } from './shutdown.ts';
import { webhookSecret } from './webhook-endpoint.ts';

const HELP = `npm run demo [-- --exit --fresh]

Brings up everything on this machine and plays five conditional transfers: one waits for its rate and executes, one is
cancelled, one expires, one fires when a rate falls, one is placed twice with one key. Each is checked against Conduit's ledger.

  --exit    stop everything afterwards; exit code 0 when every check holds
  --fresh   wipe the data of earlier runs first
  --help    this text
`;

/** The simulator and the protocol's waits run ten times as fast; the margins shrink with the HTTP deadline they cover. */
const SETTINGS = {
  TIME_SCALE: '10',
  RATE_REFRESH_SECONDS: '1',
  SEND_MARGIN_SECONDS: '6',
  MIN_EXPIRY_SECONDS: '10',
  CONDUIT_CALLS_PER_SECOND: '50',
  LOG_LEVEL: 'info',
};

type Options = { readonly exit: boolean; readonly fresh: boolean };

/** What ends what was started, the last thing first. */
type Stops = (() => unknown)[];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const {
    help,
    exit = false,
    fresh = false,
  } = readOptions(
    { exit: { type: 'boolean' }, fresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    HELP,
  );
  if (help) {
    say(HELP);
    return 0;
  }
  if (isGiven('simulator'))
    throw new SetupError(
      'the demo moves the rates of the Conduit simulator and reads its ledger: unset CONDUIT_BASE_URL',
    );

  const asked = untilAskedToStop();
  const stops: Stops = [];
  try {
    const played = await Promise.race([asked, run({ exit, fresh }, stops)]);
    if (typeof played === 'number') {
      say('\nStopping …');
      await stopAll(stops);
      // What is half up is in no list yet, and the start would go on: the keeper ends it as soon as we are gone.
      process.exit(played);
    }
    if (!exit) {
      say('Everything stays up. Ctrl-C stops it all.');
      say(played.lastLine);
      await asked;
    }
    const stoppingAt = performance.now();
    say('\nStopping …');
    await stopAll(stops);
    say(`Stopped in ${seconds(stoppingAt)}.`);
    if (exit) say(played.lastLine);
    return played.holds ? 0 : 1;
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

async function run({ exit, fresh }: Options, stops: Stops) {
  const progress = createProgress();
  const services = await startServices({ fresh, timeScale: Number(SETTINGS.TIME_SCALE) });
  stops.unshift(() => services.stop());
  const apiPort = await choosePort('the API', 8080, 'default', progress);
  const env = {
    ...services.env,
    ...SETTINGS,
    ...(await webhookSecret(services, String(apiPort), progress)),
    API_PORT: String(apiPort),
  };
  // For `npm run admin` beside it.
  stops.unshift(lendEnvFile(STACK_ENV_FILE, env));
  await progress.step('Migrations', () => runProductCommand('migrate', [], env));
  const { api: apiProcess, bridge, worker } = await startProduct({ env, ports: 'default', progress });
  for (const child of [apiProcess, bridge, worker]) stops.unshift(() => child.stop());
  const apiKey = await progress.step('Demo user and API key', () => addCustomer(env));

  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const uiUrl = services.env['TEMPORAL_UI_URL'] ?? '';
  const linkOf = (orderId: string) => (uiUrl ? `${uiUrl}/namespaces/default/workflows/order-${orderId}` : '');
  say(`\nUp in ${seconds(calledAt())}.`);
  const simulator = createSimulatorControl(services.env['CONDUIT_BASE_URL'] ?? '');
  const api = createApiClient(apiUrl, apiKey);
  const runId = Date.now().toString(36);
  const { main: order, checks } = await play({ api, simulator, userId: USER_ID, runId, say, linkOf });

  say("\nHeld against Conduit's ledger:");
  for (const check of checks) say(`  ${check.holds ? '✓' : '✗'} ${check.text}`);
  const holds = checks.every((check) => check.holds);
  if (!holds)
    say(
      'Logs: .local/logs/. A worker left over from `npm run worker` would take these orders too, with settings of its own.',
    );
  say(exit ? '\nThese live only while the demo is up, which without --exit is until Ctrl-C:' : '');
  say(`Temporal Web UI  ${uiUrl}\nAPI              ${apiUrl}`);
  say(`Try it           curl -s -H 'Authorization: Bearer ${apiKey}' ${apiUrl}/orders/${order.order_id}`);
  say(`Done in ${seconds(calledAt())}.`);
  const { order_id, status, conduit_order_id, all_in_rate, target_rate } = order;
  return {
    holds,
    lastLine: JSON.stringify({ order_id, status, conduit_order_id, all_in_rate, target_rate }),
  };
}

async function stopAll(stops: Stops): Promise<void> {
  for (let stop = stops.shift(); stop; stop = stops.shift()) await stop();
}

await runMain(main);
