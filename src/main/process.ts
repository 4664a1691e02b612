import { createServer, type Server } from 'node:http';
import closeWithGrace from 'close-with-grace';
import { type Config, ConfigError, type KeylessConfig } from '../config.ts';
import { createLogger, type Logger } from '../logger.ts';
import { createMetrics, type Metrics } from '../metrics.ts';

/** One thing that must hold before the process takes work; a false or a throw makes `/health/ready` answer 503 with its name. */
export type ReadinessCheck = () => Promise<boolean> | boolean;

/** What a process is made of, given to its wiring. */
export interface ProcessContext<Settings extends KeylessConfig = Config> {
  readonly config: Settings;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A process that runs: what to ask before it is called ready, and how it ends, losing nothing. */
export interface RunningProcess {
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  /** Brings gauges up to date when they are read. */
  readonly collect?: () => Promise<void>;
  stop(): Promise<void>;
}

export interface ProcessSettings<Settings> {
  readonly name: 'api' | 'bridge' | 'worker';
  readonly load: (environment: NodeJS.ProcessEnv) => Settings;
  readonly defaultMetricsPort: number;
  readonly stopDeadlineMs: number;
}

const CHECK_DEADLINE_MS = 2_000;

/** The process cannot start for a reason that its operator can mend: said in one line, without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * Runs one of the processes: settings, logger, metrics and health on a port of their own, then the process itself, and a
 * graceful end on SIGTERM or SIGINT. Bad settings end it with code 1 and every fault listed.
 */
export async function runProcess<Settings extends KeylessConfig>(
  { name, load, defaultMetricsPort, stopDeadlineMs }: ProcessSettings<Settings>,
  start: (context: ProcessContext<Settings>) => Promise<RunningProcess>,
): Promise<void> {
  const config = readConfig(load);
  const log = createLogger(name, config.LOG_LEVEL);
  // Whoever read our log may have gone; that is no reason to end, nor a reason not to end when asked.
  process.stdout.on('error', () => {});
  const metrics = createMetrics(name);
  let running: RunningProcess | null = null;
  let isStopping = false;
  const health = createHealthServer(metrics, log, { running: () => running, isStopping: () => isStopping });
  const port = config.METRICS_PORT ?? defaultMetricsPort;
  await listen(health, 'METRICS_PORT', port, config.HOST).catch(endOnStartError);
  closeWithGrace({ delay: stopDeadlineMs, logger: false }, async ({ signal, err }) => {
    if (err) log.fatal({ err, event: 'process_stopping' }, 'ending after an error nobody caught');
    else log.info({ event: 'process_stopping', signal }, 'stopping');
    isStopping = true;
    await running?.stop();
    health.close();
    log.info({ event: 'process_stopped' }, 'stopped');
  });
  running = await start({ config, log, metrics }).catch(endOnStartError);
  log.info({ event: 'process_started', metrics_port: portOf(health) }, `${name} is up`);
}

/** The settings, or an end of the process that names every fault. */
function readConfig<Settings>(load: ProcessSettings<Settings>['load']): Settings {
  try {
    return load(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(
      `The configuration is wrong:\n${error.message.replace(/^/gm, '  ')}\n.env.example explains each variable.\n`,
    );
    process.exit(1);
  }
}

interface ProcessState {
  readonly running: () => RunningProcess | null;
  /** What still answers takes no more work: it shall not be sent any. */
  readonly isStopping: () => boolean;
}

function createHealthServer({ registry }: Metrics, log: Logger, { running, isStopping }: ProcessState): Server {
  return createServer(async (req, res) => {
    const answer = (status: number, type: string, body: string) =>
      res.writeHead(status, { 'content-type': type }).end(body);
    try {
      if (req.url === '/health/live') return answer(200, 'application/json', '{"status":"live"}');
      if (req.url === '/health/ready') {
        const failed = isStopping() ? ['stopping'] : await failedChecks(running());
        return answer(
          failed.length ? 503 : 200,
          'application/json',
          JSON.stringify({ status: failed.length ? 'not_ready' : 'ready', failed }),
        );
      }
      if (req.url === '/metrics') {
        await collect(running()?.collect, log);
        return answer(200, registry.contentType, await registry.metrics());
      }
      return answer(404, 'application/json', '{"status":"no such page"}');
    } catch {
      return answer(503, 'application/json', '{"status":"unavailable"}');
    }
  });
}

/** What an outage keeps from being measured must not hide the other metrics, which are wanted most then. */
async function collect(measure: (() => Promise<void>) | undefined, log: Logger): Promise<void> {
  if (!measure || (await isHolding(async () => measure().then(() => true)))) return;
  log.warn({ event: 'dependency_unavailable' }, 'some gauges could not be brought up to date');
}

async function failedChecks(running: RunningProcess | null): Promise<string[]> {
  if (!running) return ['starting'];
  const results = await Promise.all(
    Object.entries(running.checks).map(async ([name, check]) => ((await isHolding(check)) ? null : name)),
  );
  return results.filter((name) => name !== null);
}

async function isHolding(check: ReadinessCheck): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, CHECK_DEADLINE_MS, false);
  });
  try {
    return await Promise.race([Promise.resolve(check()), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

const LISTEN_FAULTS: Record<string, string> = {
  EADDRINUSE: 'is taken by another process: stop that one, or choose another port (0 takes a free one)',
  EACCES: 'is not for this user: choose a port from 1024',
  EADDRNOTAVAIL: 'is not an address of this machine: correct HOST',
  ENOTFOUND: 'is not an address of this machine: correct HOST',
};

/** Listens on the port that the setting of this name gave. What its operator can mend ends the process with one line. */
export async function listen(server: Server, setting: string, port: number, host: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const fault = LISTEN_FAULTS[(error as NodeJS.ErrnoException).code ?? ''];
    if (fault === undefined) throw error;
    throw new StartError(`${setting}: ${host}:${port} ${fault}.`, { cause: error });
  }
}

function endOnStartError(error: unknown): never {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

function portOf(server: Server): number | null {
  const address = server.address();
  return address && typeof address === 'object' ? address.port : null;
}
