import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createSimulatorControl, type SimulatorControl } from '../../simulator/control.ts';
import { connectTemporal, type Temporal } from '../../src/clients/temporal.ts';
import { connectDatabase, type Database } from '../../src/db/client.ts';
import { loadTemporalSettings } from '../../src/main/temporal-settings.ts';
import { choosePort } from '../../stack/ports.ts';
import { runProductCommand } from '../../stack/product.ts';
import { createProgress } from '../../stack/progress.ts';
import { type Services, startServices, wipe } from '../../stack/services.ts';
import { ensureWebhookEndpoint, rotateWebhookSecret } from '../../stack/webhook-endpoint.ts';
import { bundleWorkflows } from './bundle.ts';
import { openDesk, type SeamDesk } from './desk.ts';
import type { Fleet, ProcessName } from './fleet.ts';
import { type Network, startNetwork } from './network.ts';
import { startProcesses } from './processes.ts';

/** A customer with a key and accounts of its own. */
export interface Customer {
  readonly userId: string;
  readonly apiKey: string;
  readonly accounts: Readonly<Record<string, string>>;
}

type Tell = (what: string, detail: Readonly<Record<string, unknown>>) => void;

export interface System {
  readonly services: Services;
  readonly network: Network;
  readonly desk: SeamDesk;
  readonly fleet: Fleet;
  readonly simulator: SimulatorControl;
  /** Straight to PostgreSQL, past every proxy: the supervisor's own eyes. */
  readonly db: Database;
  readonly temporal: Temporal;
  readonly customers: readonly Customer[];
  /** Through its proxy. */
  readonly apiUrl: string;
  /** What nobody may ever print. */
  readonly secrets: readonly string[];
  /** Adds some that were made later. */
  readonly keepSecret: (...more: readonly string[]) => void;
  readonly settings: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Conduit signs its webhooks with a new secret; the api knows it from its next start on, beside the former one. */
  rotateWebhookSecret(): Promise<void>;
  readonly dir: string;
  readonly logDir: string;
  /** The workflows, bundled. */
  readonly bundle: string;
  /** libfaketime, where this machine has it. */
  readonly faketime: string | null;
  /** Other settings for a process, from its next start on; none puts it back. */
  configure(name: ProcessName, env?: Readonly<Record<string, string>>): void;
  /** The processes that run, or would start next, with other settings than the product's. */
  configured(): ProcessName[];
  /** What happens by itself, such as a process that ends unasked, is told to the newest listener. */
  listen(listener: Tell): void;
  readonly tell: Tell;
  /** What an experiment would leave on the machine when it is interrupted: done before everything else is stopped. */
  onStop(end: () => Promise<void>): void;
  stop(): Promise<void>;
}

export interface SystemOptions {
  /** Where data and logs go. */
  readonly dir: string;
  readonly toxiproxy: string;
  readonly timeScale: number;
  /** libfaketime, for processes that are to see another time of day. */
  readonly faketime?: string;
  /** The name of a deliberately broken build; none is the product as it is. */
  readonly build?: string;
}

/** What each asset of an experiment is kept in. */
const ASSETS = { 'USDT:ethereum': 'wlt', 'USDC:ethereum': 'wlt', USD: 'vac', EUR: 'vac' } as const;
const CUSTOMERS = 3;
const quiet = createProgress({ quiet: true });

/** The settings of every process: the waits of the protocol divided, the margins as short as the divided deadlines allow. */
function settingsFor(timeScale: number): Record<string, string> {
  const httpDeadlineS = 10 / timeScale;
  return {
    TIME_SCALE: String(timeScale),
    RATE_REFRESH_SECONDS: timeScale === 1 ? '60' : String(Math.max(1, Math.round(10 / timeScale))),
    SEND_MARGIN_SECONDS: String(Math.ceil(2 + httpDeadlineS + 3)),
    MIN_EXPIRY_SECONDS: timeScale === 1 ? '120' : '10',
    CONDUIT_CALLS_PER_SECOND: timeScale === 1 ? '10' : '50',
    ORPHAN_WATCH_SECONDS: '150',
    QUOTE_MARGIN_SECONDS: '30',
    MAX_ATTEMPTS_PER_HOUR: '5',
    MAX_STOP_GAP_BPS: '500',
    TEMPORAL_METRICS_PORT: '0',
    LOG_LEVEL: 'info',
  };
}

/**
 * The whole system on this machine, for one run: every service and process a child of ours, every connection between them through
 * its own proxy.
 */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { dir, timeScale } = options;
  let listener: Tell = () => {};
  const tell: Tell = (what, detail) => listener(what, detail);
  const logDir = join(dir, 'logs');
  mkdirSync(logDir, { recursive: true });
  const stops: (() => Promise<unknown>)[] = [];
  const onStop = (end: () => Promise<unknown>) => void stops.push(end);
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    // One that cannot be stopped keeps none of the others up.
    for (let end = stops.pop(); end; end = stops.pop()) await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'the system could not be stopped in good order');
  };
  try {
    const ground = await layGround(options, { logDir, tell, onStop });
    const settings = settingsFor(timeScale);
    const product = await prepareProduct(ground, settings, onStop);
    const bundle = await bundleWorkflows(dir);
    const processes = await startProcesses({
      ...ground,
      ...product,
      bundle,
      logDir,
      tell,
      onStop,
      build: options.build,
    });
    return {
      ...ground,
      ...product,
      ...processes,
      settings,
      dir,
      logDir,
      bundle,
      faketime: options.faketime ?? null,
      tell,
      onStop,
      listen(newest) {
        listener = newest;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where logs go, whom to tell, and how to say what must be ended. */
export interface Surroundings {
  readonly logDir: string;
  readonly tell: Tell;
  readonly onStop: System['onStop'];
}

/** What the product stands on, and what comes between them. */
async function layGround(
  { dir, toxiproxy, timeScale }: SystemOptions,
  { logDir, tell, onStop }: Surroundings,
): Promise<Pick<System, 'services' | 'network' | 'desk'> & { dataDir: string }> {
  const dataDir = join(dir, 'data');
  const services = await startServices({
    dataDir,
    logDir,
    ports: 'free',
    fresh: true,
    quiet: true,
    ignoreGiven: true,
    timeScale,
    onCrash: (report, name) => tell('service.crashed', { name, report }),
  });
  onStop(async () => {
    await services.stop();
    wipe(dataDir);
  });
  const network = await startNetwork(toxiproxy, logDir);
  onStop(() => network.stop());
  const desk = await openDesk();
  onStop(() => desk.close());
  return { services, network, desk, dataDir };
}

type Product = Pick<
  System,
  'env' | 'apiUrl' | 'db' | 'temporal' | 'simulator' | 'customers' | 'secrets' | 'keepSecret' | 'rotateWebhookSecret'
>;

/** A migrated database, an endpoint for the provider's webhooks, and customers: all that the processes need before they start. */
async function prepareProduct(
  { services, network, dataDir }: Awaited<ReturnType<typeof layGround>>,
  settings: Readonly<Record<string, string>>,
  onStop: System['onStop'],
): Promise<Product> {
  const apiPort = await choosePort('api', 0, 'free', quiet);
  const apiUrl = `http://${await network.connect('client>api', `127.0.0.1:${apiPort}`)}`;
  const hooks = `http://${await network.connect('conduit>api', `127.0.0.1:${apiPort}`)}/webhooks/conduit`;
  const { CONDUIT_BASE_URL: baseUrl = '', CONDUIT_API_KEY: apiKey = '' } = services.env;
  const webhook = await ensureWebhookEndpoint({ baseUrl, apiKey }, hooks, join(dataDir, 'webhook.json'));
  const env: Record<string, string> = {
    ...services.env,
    ...settings,
    CONDUIT_WEBHOOK_SECRET: webhook.secret,
    API_PORT: String(apiPort),
    PUBSUB_PROJECT_ID: `chaos-${randomUUID().slice(0, 8)}`,
  };
  await runProductCommand('migrate', [], env);
  const db = connectDatabase({ url: env['DATABASE_URL'] ?? '', applicationName: 'chaos', maxConnections: 4 });
  onStop(() => db.end({ timeout: 2 }));
  const temporal = connectTemporal(loadTemporalSettings({ ...env }));
  onStop(() => temporal.close());
  const simulator = createSimulatorControl(baseUrl);
  await simulator.setKnobs({ unknownAccounts: 'refuse' });
  const customers: Customer[] = [];
  for (let index = 0; index < CUSTOMERS; index += 1) customers.push(await addCustomer(env, simulator));
  const secrets = [apiKey, webhook.secret, ...customers.map((customer) => customer.apiKey)];
  const rotate = async () => {
    const next = await rotateWebhookSecret({ baseUrl, apiKey }, webhook.id);
    const [former = ''] = (env['CONDUIT_WEBHOOK_SECRET'] ?? '').split(',');
    env['CONDUIT_WEBHOOK_SECRET'] = `${next},${former}`;
    keepSecret(next);
  };
  const keepSecret = (...more: readonly string[]) => void secrets.push(...more);
  return { env, apiUrl, db, temporal, simulator, customers, secrets, keepSecret, rotateWebhookSecret: rotate };
}

async function addCustomer(env: Record<string, string>, simulator: SimulatorControl): Promise<Customer> {
  const userId = randomUUID();
  const accounts = Object.fromEntries(
    Object.entries(ASSETS).map(([asset, kind]) => [asset, `${kind}_${randomUUID().replaceAll('-', '').slice(0, 22)}`]),
  );
  for (const [asset, id] of Object.entries(accounts))
    await simulator.setAccount(id, { assets: [asset.replace(':', '.')] });
  const args = Object.entries(accounts).flatMap(([asset, id]) => ['--account', `${asset}=${id}`]);
  await runProductCommand('admin', ['user', 'add', '--id', userId, ...args], env);
  const apiKey = await runProductCommand('admin', ['key', 'add', '--user', userId], env);
  return { userId, apiKey, accounts };
}
