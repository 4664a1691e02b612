// `npm run demo`: everything from nothing, then the product's main job in front of the reader.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createSimulatorControl } from '../simulator/control.ts';
import type { Child } from './child.ts';
import { createApiClient } from './demo/client.ts';
import { play } from './demo/scenes.ts';
import { DATA_DIR } from './paths.ts';
import { choosePort } from './ports.ts';
import { runProductCommand, startProduct } from './product.ts';
import { createProgress, type Progress, seconds } from './progress.ts';
import { type Services, startServices } from './services.ts';
import { runMain, untilAskedToStop } from './shutdown.ts';
import { ensureWebhookEndpoint } from './webhook-endpoint.ts';

const HELP = `npm run demo [-- --exit] [--fresh]

Brings up everything on this machine and plays five conditional transfers: one waits for its rate and executes, one is
cancelled, one expires, one fires when a rate falls, one is placed twice with one key. Each is checked against Conduit's ledger.

  --exit    stop everything afterwards; exit code 0 when every check holds
  --fresh   wipe the data of earlier runs first
`;

const USER_ID = 'f8a3e3a9-5678-41e9-8123-abcdef987654';
const ACCOUNTS = {
  'USDT:ethereum': 'wlt_demoUSDT00000000000001',
  'USDC:ethereum': 'wlt_demoUSDC00000000000001',
  USD: 'vac_demoUSD000000000000001',
  EUR: 'vac_demoEUR000000000000001',
};

/** The simulator and the protocol's waits run ten times as fast; the margins shrink with the HTTP deadline they cover. */
const SETTINGS = {
  TIME_SCALE: '10',
  RATE_REFRESH_SECONDS: '1',
  SEND_MARGIN_SECONDS: '6',
  MIN_EXPIRY_SECONDS: '10',
  CONDUIT_CALLS_PER_SECOND: '50',
  LOG_LEVEL: 'info',
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { exit: { type: 'boolean' }, fresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const startedAt = performance.now();
  const asked = untilAskedToStop();
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const played = await Promise.race([asked, run(startedAt, values.fresh ?? false, stops)]);
    if (typeof played === 'number') return played;
    if (!values.exit) {
      say('Everything stays up. Ctrl-C stops it all.');
      say(played.lastLine);
      await asked;
    }
    await stopAll(stops);
    if (values.exit) say(played.lastLine);
    return played.holds ? 0 : 1;
  } finally {
    await stopAll(stops);
  }
}

async function run(startedAt: number, fresh: boolean, stops: (() => Promise<unknown>)[]) {
  const progress = createProgress();
  const services = await startServices({ fresh, timeScale: Number(SETTINGS.TIME_SCALE) });
  stops.unshift(() => services.stop());
  const apiPort = await choosePort('the API', 8080, 'default', progress);
  const env = { ...services.env, ...SETTINGS, ...(await webhookSecret(services, apiPort, progress)) };
  await progress.step('Migrations', () => runProductCommand('migrate', [], env));
  const product = await startProduct({ env, apiPort, ports: 'default', progress });
  for (const child of Object.values(product) as Child[]) stops.unshift(() => child.stop());
  const apiKey = await progress.step('Demo user and API key', () => demoUser(env));

  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const uiUrl = services.env['TEMPORAL_UI_URL'] ?? '';
  const linkOf = (orderId: string) => (uiUrl ? `${uiUrl}/namespaces/default/workflows/order-${orderId}` : '');
  say(`\nUp in ${seconds(startedAt)}.`);
  const simulator = createSimulatorControl(services.env['CONDUIT_BASE_URL'] ?? '');
  const api = createApiClient(apiUrl, apiKey);
  const runId = Date.now().toString(36);
  const { main: order, checks } = await play({ api, simulator, userId: USER_ID, runId, say, linkOf });

  say("\nHeld against Conduit's ledger:");
  for (const { text, holds } of checks) say(`  ${holds ? '✓' : '✗'} ${text}`);
  say(`\nTemporal Web UI  ${uiUrl}\nAPI              ${apiUrl}`);
  say(`Try it           curl -s -H 'Authorization: Bearer ${apiKey}' ${apiUrl}/orders/${order.order_id}`);
  say(`Done in ${seconds(startedAt)}.`);
  const { order_id, status, conduit_order_id, all_in_rate, target_rate } = order;
  return {
    holds: checks.every(({ holds }) => holds),
    lastLine: JSON.stringify({ order_id, status, conduit_order_id, all_in_rate, target_rate }),
  };
}

/** The last thing that was started is stopped first. */
async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (let stop = stops.shift(); stop; stop = stops.shift()) await stop();
}

async function webhookSecret(services: Services, apiPort: number, progress: Progress): Promise<Record<string, string>> {
  if (!services.isOurs('simulator')) return {};
  const { CONDUIT_BASE_URL: baseUrl = '', CONDUIT_API_KEY: apiKey = '' } = services.env;
  const url = `http://127.0.0.1:${apiPort}/webhooks/conduit`;
  const register = () => ensureWebhookEndpoint({ baseUrl, apiKey }, url, join(DATA_DIR, 'webhook-endpoint.json'));
  const { secret } = await progress.step('Webhook endpoint', register, () => url);
  return { CONDUIT_WEBHOOK_SECRET: secret };
}

async function demoUser(env: Readonly<Record<string, string>>): Promise<string> {
  const accounts = Object.entries(ACCOUNTS).flatMap(([asset, id]) => ['--account', `${asset}=${id}`]);
  await runProductCommand('admin', ['user', 'add', '--id', USER_ID, ...accounts], env);
  return runProductCommand('admin', ['key', 'add', '--user', USER_ID], env);
}

await runMain(main);
