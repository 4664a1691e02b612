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
import { createFleet, type Fleet, kindOf, PROCESSES, type ProcessName } from './fleet.ts';
import { type Network, startNetwork } from './network.ts';

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
    CONDUIT_CALLS_PER_SECOND: timeScale === 1 ? '20' : '50',
    ORPHAN_WATCH_SECONDS: '150',
    TEMPORAL_METRICS_PORT: '0',
    LOG_LEVEL: 'info',
  };
}

/**
 * The whole system on this machine, for one run: every service and process a child of ours, every connection between them through
 * its own proxy.
 */
export async function startSystem({ dir, toxiproxy, faketime, timeScale, build }: SystemOptions): Promise<System> {
  let listener: Tell = () => {};
  const tell: Tell = (what, detail) => listener(what, detail);
  const logDir = join(dir, 'logs');
  const dataDir = join(dir, 'data');
  mkdirSync(logDir, { recursive: true });
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    // One that cannot be stopped keeps none of the others up.
    for (let end = stops.pop(); end; end = stops.pop()) await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'the system could not be stopped in good order');
  };
  try {
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
    stops.push(async () => {
      await services.stop();
      wipe(dataDir);
    });
    const network = await startNetwork(toxiproxy, logDir);
    stops.push(() => network.stop());
    const desk = await openDesk();
    stops.push(() => desk.close());

    const settings = settingsFor(timeScale);
    const apiPort = await choosePort('api', 0, 'free', quiet);
    const apiUrl = `http://${await network.connect('client>api', `127.0.0.1:${apiPort}`)}`;
    const hooks = `http://${await network.connect('conduit>api', `127.0.0.1:${apiPort}`)}/webhooks/conduit`;
    const conduit = {
      baseUrl: services.env['CONDUIT_BASE_URL'] ?? '',
      apiKey: services.env['CONDUIT_API_KEY'] ?? '',
    };
    const webhook = await ensureWebhookEndpoint(conduit, hooks, join(dataDir, 'webhook.json'));
    const env: Record<string, string> = {
      ...services.env,
      ...settings,
      CONDUIT_WEBHOOK_SECRET: webhook.secret,
      API_PORT: String(apiPort),
      PUBSUB_PROJECT_ID: `chaos-${randomUUID().slice(0, 8)}`,
    };
    await runProductCommand('migrate', [], env);
    const db = connectDatabase({ url: env['DATABASE_URL'] ?? '', applicationName: 'chaos', maxConnections: 4 });
    stops.push(() => db.end({ timeout: 2 }));
    const temporal = connectTemporal(loadTemporalSettings({ ...env }));
    stops.push(() => temporal.close());
    const simulator = createSimulatorControl(env['CONDUIT_BASE_URL'] ?? '');
    await simulator.setKnobs({ unknownAccounts: 'refuse' });
    const customers: Customer[] = [];
    for (let index = 0; index < CUSTOMERS; index += 1) customers.push(await addCustomer(env, simulator));

    const secrets = [env['CONDUIT_API_KEY'] ?? '', webhook.secret, ...customers.map(({ apiKey }) => apiKey)];

    const bundle = await bundleWorkflows(dir);
    const metricsPorts = Object.fromEntries(
      await Promise.all(PROCESSES.map(async (name) => [name, await choosePort(name, 0, 'free', quiet)])),
    ) as Record<ProcessName, number>;
    const linkEnvs = Object.fromEntries(
      await Promise.all(PROCESSES.map(async (name) => [name, await linkedEnv(network, name, env)])),
    ) as Record<ProcessName, Record<string, string>>;
    const own = new Map<ProcessName, Readonly<Record<string, string>>>();
    const startedWith = new Map<ProcessName, Readonly<Record<string, string>> | undefined>();
    const fleet = createFleet({
      metricsPorts,
      logDir,
      tell: (what, name, detail) => tell(`process.${what}`, { name, ...detail }),
      envOf(name) {
        startedWith.set(name, own.get(name));
        return {
          ...env,
          ...linkEnvs[name],
          CHAOS_DESK: desk.url,
          CHAOS_WORKFLOW_BUNDLE: bundle,
          ...(build === undefined ? {} : { CHAOS_BUILD: build }),
          ...own.get(name),
        };
      },
    });
    stops.push(() => fleet.stop());
    for (const name of PROCESSES) await fleet.start(name);
    await fleet.untilReady();
    return {
      services,
      network,
      desk,
      fleet,
      simulator,
      db,
      temporal,
      customers,
      apiUrl,
      settings,
      env,
      async rotateWebhookSecret() {
        const next = await rotateWebhookSecret(conduit, webhook.id);
        const [former = ''] = (env['CONDUIT_WEBHOOK_SECRET'] ?? '').split(',');
        env['CONDUIT_WEBHOOK_SECRET'] = `${next},${former}`;
        secrets.push(next);
      },
      dir,
      logDir,
      bundle,
      faketime: faketime ?? null,
      tell,
      onStop: (end) => void stops.push(end),
      listen(newest) {
        listener = newest;
      },
      secrets,
      configure: (name, other) => void (other ? own.set(name, other) : own.delete(name)),
      configured: () => PROCESSES.filter((name) => own.has(name) || startedWith.get(name) !== undefined),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The addresses of what a process connects to, each through a proxy of its own. */
async function linkedEnv(
  network: Network,
  name: ProcessName,
  env: Record<string, string>,
): Promise<Record<string, string>> {
  const through = async (to: string, address: string) => network.connect(`${name}>${to}`, address);
  const url = async (to: string, text = '') => {
    const target = new URL(text);
    target.host = await through(to, target.host);
    return target.href;
  };
  // An attempt belongs to the base URL it was made for, so that all workers share one way to Conduit.
  const conduit = new URL(env['CONDUIT_BASE_URL'] ?? '');
  const toConduit = kindOf(name) === 'api' ? 'api>conduit' : 'workers>conduit';
  conduit.host = await network.connect(toConduit, conduit.host);
  return {
    DATABASE_URL: await url('postgres', env['DATABASE_URL']),
    REDIS_URL: await url('redis', env['REDIS_URL']),
    TEMPORAL_ADDRESS: await through('temporal', env['TEMPORAL_ADDRESS'] ?? ''),
    PUBSUB_EMULATOR_HOST: await through('pubsub', env['PUBSUB_EMULATOR_HOST'] ?? ''),
    CONDUIT_BASE_URL: conduit.href,
  };
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
