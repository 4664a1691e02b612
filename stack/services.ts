import { mkdirSync, rmSync } from 'node:fs';
import { type Child, watchForCrash } from './child.ts';
import { lockDataDir } from './data-lock.ts';
import { SetupError } from './errors.ts';
import { DATA_DIR, LOGS_DIR } from './paths.ts';
import type { PortMode } from './ports.ts';
import { createProgress } from './progress.ts';
import { prepareTools, type Tools } from './service-tools.ts';
import { isGiven, useGiven } from './services/given.ts';
import { startPostgres } from './services/postgres.ts';
import { movedPostgresDir } from './services/postgres-home.ts';
import { startPubsub } from './services/pubsub.ts';
import { startRedis } from './services/redis.ts';
import type { Service, ServiceContext, ServiceName } from './services/service.ts';
import { startSimulator } from './services/simulator.ts';
import { startTemporal } from './services/temporal.ts';

export type { Service, ServiceName } from './services/service.ts';

/** Listed in this order and stopped backwards: the simulator sends, PostgreSQL keeps. */
const ALL_SERVICES: readonly ServiceName[] = ['postgres', 'redis', 'temporal', 'pubsub', 'simulator'];

export type ServicesOptions = {
  /** Default: `.local/data`. One running set of services per folder. */
  readonly dataDir?: string;
  readonly logDir?: string;
  /** Wipes the data before the start. */
  readonly fresh?: boolean;
  /** Default: all of them. */
  readonly only?: readonly ServiceName[];
  readonly ports?: PortMode;
  /** No progress lines. */
  readonly quiet?: boolean;
  /** Divides the simulator's own times. */
  readonly timeScale?: number;
  /** Data that nobody wants after the run: written without fsync, removed by `stop`. */
  readonly throwAway?: boolean;
  /** Start even what the environment gives an address of: for tests that break a service of their own. */
  readonly ignoreGiven?: boolean;
  /** Also bring in Temporal's time-skipping test server, and name it in TEMPORAL_TEST_SERVER_PATH. */
  readonly testServer?: boolean;
  /** Told when a service ends that nobody asked to; default: the report goes to standard error. */
  readonly onCrash?: (report: string, name: ServiceName) => void;
};

export type Services = {
  /** The configuration of api, bridge and worker that follows from the services. */
  readonly env: Readonly<Record<string, string>>;
  readonly list: readonly Service[];
  /** Whether it was started here, and not given in the environment. */
  isOurs(name: ServiceName): boolean;
  /** Whether the service, which was started here, has a process. */
  isRunning(name: ServiceName): boolean;
  pidOf(name: ServiceName): number;
  /** Resolves when the process of a service that was started here is gone. */
  untilEnded(name: ServiceName): Promise<void>;
  /** Sends a signal to a service that was started here; its end is then no crash. */
  kill(name: ServiceName, signal: NodeJS.Signals): Promise<void>;
  /** Stops the service if it runs and starts it on the same port and data. */
  restart(name: ServiceName): Promise<void>;
  /** Stops what was started here, last one first, and nothing else. Calling it again waits for the same end. */
  stop(): Promise<void>;
};

/**
 * Brings up the services that the processes need, each from the address in the environment or else from its pinned
 * package, side by side. Throws a `SetupError` that says what to do, with nothing left running.
 */
export async function startServices(options: ServicesOptions = {}): Promise<Services> {
  const names = ALL_SERVICES.filter((name) => options.only?.includes(name) ?? true);
  const given = new Set(options.ignoreGiven ? [] : names.filter(isGiven));
  const ours = new Set(names.filter((name) => !given.has(name)));
  const progress = createProgress({ quiet: options.quiet ?? false });
  const dataDir = options.dataDir ?? DATA_DIR;
  const tools = await prepareTools(ours, { testServer: options.testServer ?? false, progress });

  mkdirSync(dataDir, { recursive: true });
  const unlock = await lockDataDir(dataDir);
  if (options.fresh) wipe(dataDir);
  const context: ServiceContext = {
    dataDir,
    logDir: options.logDir ?? LOGS_DIR,
    ports: options.ports ?? 'default',
    progress,
    timeScale: options.timeScale ?? 1,
    throwAway: options.throwAway ?? false,
  };
  const starts = await Promise.allSettled(
    names.map((name) => {
      const bringUp = () => (given.has(name) ? useGiven(name) : start(name, context, tools));
      return progress.step(TITLES[name], bringUp, (it) => (given.has(name) ? `${it.address} (given)` : it.address));
    }),
  );
  const list = starts.filter((it) => it.status === 'fulfilled').map((it) => it.value);
  const services = runningServices(list, tools, options.onCrash, () => {
    if (options.throwAway) wipe(dataDir);
    unlock();
  });

  const failures = starts.filter((it) => it.status === 'rejected').map((it) => it.reason as unknown);
  if (failures.length === 0) return services;
  await services.stop();
  if (failures.length === 1 || !failures.every((failure) => failure instanceof SetupError)) throw failures[0];
  throw new SetupError(failures.map((failure) => failure.message).join('\n'));
}

const TITLES: Record<ServiceName, string> = {
  postgres: 'PostgreSQL',
  redis: 'Redis',
  temporal: 'Temporal and its Web UI',
  pubsub: 'Pub/Sub emulator',
  simulator: 'Conduit simulator',
};

function start(name: ServiceName, context: ServiceContext, tools: Tools): Promise<Service> {
  const program = (path: string | undefined): string => {
    if (path === undefined) throw new Error(`${name} was started without its program`);
    return path;
  };
  switch (name) {
    case 'postgres':
      return startPostgres(context);
    case 'redis':
      return startRedis(context, program(tools.redis));
    case 'temporal':
      return startTemporal(context, program(tools.temporal));
    case 'pubsub':
      return startPubsub(context, program(tools.emulator));
    case 'simulator':
      return startSimulator(context);
  }
}

function runningServices(
  list: readonly Service[],
  tools: Tools,
  onCrash: ServicesOptions['onCrash'],
  afterStop: () => void,
): Services {
  const children = new Map<ServiceName, Child>();
  const tellCrash = onCrash ?? ((report) => process.stderr.write(`${report}\n`));
  const watch = (name: ServiceName, child: Child): void => {
    children.set(name, child);
    watchForCrash(child, (report) => tellCrash(report, name));
  };
  for (const { name, child } of list) if (child) watch(name, child);

  const childOf = (name: ServiceName): Child => {
    const child = children.get(name);
    if (!child) throw new Error(`${name} was not started here`);
    return child;
  };
  let stopping: Promise<void> | undefined;
  return {
    list,
    env: environmentOf(list, tools),
    isOurs: (name) => children.has(name),
    isRunning: (name) => childOf(name).isRunning(),
    pidOf: (name) => childOf(name).pid,
    untilEnded: async (name) => void (await childOf(name).exited),
    async kill(name, signal) {
      childOf(name).kill(signal);
      if (signal === 'SIGKILL') await childOf(name).exited;
    },
    async restart(name) {
      await childOf(name).stop();
      const launch = list.find((service) => service.name === name)?.launch;
      if (launch) watch(name, await launch());
    },
    stop() {
      stopping ??= (async () => {
        for (const name of ALL_SERVICES.toReversed()) await children.get(name)?.stop();
        afterStop();
      })();
      return stopping;
    },
  };
}

function environmentOf(list: readonly Service[], tools: Tools): Record<string, string> {
  const has = (name: ServiceName): boolean => list.some((service) => service.name === name);
  return {
    ...(has('pubsub') ? { PUBSUB_PROJECT_ID: 'conduitpay-local' } : {}),
    ...(has('temporal') ? { TEMPORAL_NAMESPACE: 'default' } : {}),
    ...(tools.temporal ? { TEMPORAL_CLI_PATH: tools.temporal } : {}),
    ...(tools.temporalTestServer ? { TEMPORAL_TEST_SERVER_PATH: tools.temporalTestServer } : {}),
    ...Object.assign({}, ...list.map((service) => service.env)),
  };
}

/** Removes the data folder, and PostgreSQL's where it had to move out of it. */
export function wipe(dataDir: string): void {
  for (const dir of [dataDir, movedPostgresDir(dataDir)]) rmSync(dir, { recursive: true, force: true });
}
