import { join, resolve } from 'node:path';
import { type Child, watchForCrash } from './child.ts';
import { LOGS_DIR, ROOT } from './paths.ts';
import { choosePort, type PortMode } from './ports.ts';
import { startProcess } from './processes.ts';
import type { Progress } from './progress.ts';
import { runCommand } from './run-command.ts';

export type ProcessName = 'api' | 'bridge' | 'worker';

const METRICS_PORTS: Record<ProcessName, number> = { api: 9464, bridge: 9465, worker: 9466 };
const TEMPORAL_METRICS_PORT = 9467;

export type ProductOptions = {
  /** Addresses and settings of all three, the api's port among them. */
  readonly env: Readonly<Record<string, string>>;
  readonly ports: PortMode;
  readonly progress: Progress;
  readonly logDir?: string;
};

/**
 * The three processes of the product as children, each waited for until it calls itself ready. One that ends later, unasked, is
 * reported on standard error.
 */
export async function startProduct(options: ProductOptions): Promise<Record<ProcessName, Child>> {
  const { progress, ports } = options;
  const metricsPorts = {
    api: await choosePort('metrics of api', METRICS_PORTS.api, ports, progress),
    bridge: await choosePort('metrics of bridge', METRICS_PORTS.bridge, ports, progress),
    worker: await choosePort('metrics of worker', METRICS_PORTS.worker, ports, progress),
  };
  const temporalMetricsPort = await choosePort("Temporal core's metrics", TEMPORAL_METRICS_PORT, ports, progress);
  const start = (name: ProcessName): Promise<Child> =>
    progress.step(name, () =>
      startProcess({
        name,
        script: `src/main/${name}.ts`,
        env: {
          ...options.env,
          METRICS_PORT: String(metricsPorts[name]),
          TEMPORAL_METRICS_PORT: String(temporalMetricsPort),
        },
        logFile: join(options.logDir ?? LOGS_DIR, `${name}.log`),
        readyUrl: `http://127.0.0.1:${metricsPorts[name]}/health/ready`,
      }),
    );
  const started = await Promise.allSettled([start('api'), start('bridge'), start('worker')]);
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all(started.map(async (result) => result.status === 'fulfilled' && result.value.stop()));
    throw failed.reason;
  }
  const [api, bridge, worker] = started.map((result) => (result as PromiseFulfilledResult<Child>).value);
  if (!api || !bridge || !worker) throw new Error('three processes were started and not all are there');
  for (const child of [api, bridge, worker]) watchForCrash(child, (report) => process.stderr.write(`\n${report}\n`));
  return { api, bridge, worker };
}

/** Runs one of the product's commands to its end and returns what it printed on standard output. */
export async function runProductCommand(
  script: 'migrate' | 'admin',
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const { stdout } = await runCommand(process.execPath, [resolve(ROOT, 'src/main', `${script}.ts`), ...args], {
    env: { ...process.env, ...env },
    timeoutMs: 30_000,
  });
  return stdout.trim();
}
