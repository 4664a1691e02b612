import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../../stack/child.ts';
import { ROOT } from '../../stack/paths.ts';
import { waitUntil } from '../../stack/wait.ts';

export const BRIDGES = ['bridge1', 'bridge2'] as const;
export const WORKERS = ['worker1', 'worker2'] as const;
export const PROCESSES = ['api', ...BRIDGES, ...WORKERS] as const;
export type ProcessName = (typeof PROCESSES)[number];
export type Kind = 'api' | 'bridge' | 'worker';

export const kindOf = (name: ProcessName) => name.replace(/\d$/, '') as Kind;

export interface FleetOptions {
  /** The settings of a process, asked anew at each of its starts. */
  readonly envOf: (name: ProcessName) => Readonly<Record<string, string>>;
  readonly metricsPorts: Readonly<Record<ProcessName, number>>;
  readonly logDir: string;
  /** Told of each start and end, and when a process was ready for the first time. */
  readonly tell: (what: 'started' | 'ready' | 'ended', name: ProcessName, detail: Record<string, unknown>) => void;
}

/** The product's processes, each kept running as an orchestrator would: one that ends by itself is started again. */
export interface Fleet {
  start(name: ProcessName): Promise<void>;
  /** SIGKILL; down until `start`. */
  kill(name: ProcessName): Promise<void>;
  /** SIGKILL, and up again after `downMs`. */
  crash(name: ProcessName, downMs: number): Promise<void>;
  /** SIGTERM, waits for the end; down until `start`. Returns how long it took. */
  terminate(name: ProcessName): Promise<{ code: number | null; signal: string | null; ms: number }>;
  freeze(name: ProcessName): void;
  thaw(name: ProcessName): void;
  isFrozen(name: ProcessName): boolean;
  pidOf(name: ProcessName): number | null;
  /** What `/health/ready` says: an empty list when it is green, `null` when it does not answer. */
  unready(name: ProcessName): Promise<readonly string[] | null>;
  untilReady(names?: readonly ProcessName[], deadlineMs?: number): Promise<void>;
  metrics(name: ProcessName): Promise<string>;
  readonly logFiles: readonly string[];
  stop(): Promise<void>;
}

/** A worker may take 40 s to end in good order. */
const STOP_DEADLINE_MS = 45_000;
const RESTART_MS = 500;
const READY_EVERY_MS = 250;
const READY_DEADLINE_MS = 90_000;

const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ'];

function inherited(): Record<string, string> {
  return Object.fromEntries(
    INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

export function createFleet({ envOf, metricsPorts, logDir, tell }: FleetOptions): Fleet {
  const children = new Map<ProcessName, Child>();
  const logFiles: string[] = [];
  const wanted = new Set<ProcessName>();
  const frozen = new Set<ProcessName>();
  let starts = 0;
  let isStopped = false;

  async function start(name: ProcessName): Promise<void> {
    // What is still under way when the system ends shall bring nothing up again.
    if (isStopped) return;
    wanted.add(name);
    if (children.get(name)?.isRunning()) return;
    starts += 1;
    const logFile = join(logDir, `${name}-${starts}.log`);
    logFiles.push(logFile);
    const child = await startChild({
      name,
      command: process.execPath,
      args: [join(ROOT, 'chaos', 'processes', `${kindOf(name)}.ts`)],
      // Of ours only what any program needs: a setting that somebody has exported would be one that nobody wrote down.
      env: { ...inherited(), ...envOf(name), CHAOS_PROCESS: name, METRICS_PORT: String(metricsPorts[name]) },
      cwd: ROOT,
      logFile,
      stopDeadlineMs: STOP_DEADLINE_MS,
    });
    children.set(name, child);
    frozen.delete(name);
    tell('started', name, { pid: child.pid });
    void tellReady(name, child);
    void child.exited.then(async (exit) => {
      const isWanted = () => wanted.has(name) && children.get(name) === child;
      tell('ended', name, { pid: child.pid, ...exit, isAsked: !isWanted() });
      await sleep(RESTART_MS);
      if (isWanted())
        await start(name).catch((error: unknown) => tell('ended', name, { error: String(error), isAsked: false }));
    });
  }

  async function tellReady(name: ProcessName, child: Child): Promise<void> {
    while (child.isRunning() && children.get(name) === child) {
      if ((await unready(name))?.length === 0) return tell('ready', name, { pid: child.pid });
      await sleep(READY_EVERY_MS);
    }
  }

  async function down(
    name: ProcessName,
    signal: 'SIGKILL' | 'SIGTERM',
  ): Promise<{ code: number | null; signal: string | null }> {
    wanted.delete(name);
    const child = children.get(name);
    if (!child) return { code: null, signal: null };
    if (signal === 'SIGTERM') return child.stop();
    child.kill('SIGKILL');
    return child.exited;
  }

  async function unready(name: ProcessName): Promise<readonly string[] | null> {
    try {
      const reply = await fetch(`http://127.0.0.1:${metricsPorts[name]}/health/ready`, {
        signal: AbortSignal.timeout(3_000),
      });
      const { failed = [] } = (await reply.json()) as { failed?: string[] };
      return reply.ok ? [] : failed;
    } catch {
      return null;
    }
  }

  return {
    start,
    kill: async (name) => void (await down(name, 'SIGKILL')),
    async crash(name, downMs) {
      await down(name, 'SIGKILL');
      await sleep(downMs);
      await start(name);
    },
    async terminate(name) {
      const beganAt = performance.now();
      const { code, signal } = await down(name, 'SIGTERM');
      return { code, signal, ms: Math.round(performance.now() - beganAt) };
    },
    freeze(name) {
      frozen.add(name);
      children.get(name)?.kill('SIGSTOP');
    },
    thaw(name) {
      frozen.delete(name);
      children.get(name)?.kill('SIGCONT');
    },
    isFrozen: (name) => frozen.has(name),
    pidOf: (name) => (children.get(name)?.isRunning() ? (children.get(name)?.pid ?? null) : null),
    unready,
    async untilReady(names = PROCESSES, deadlineMs = READY_DEADLINE_MS) {
      const isReady = async (name: ProcessName) => (await unready(name))?.length === 0;
      await Promise.all(
        names.map((name) =>
          waitUntil(() => isReady(name), { deadlineMs, everyMs: 200, orElse: `${name} is not ready; see ${logDir}` }),
        ),
      );
    },
    async metrics(name) {
      const reply = await fetch(`http://127.0.0.1:${metricsPorts[name]}/metrics`, {
        signal: AbortSignal.timeout(5_000),
      });
      return reply.text();
    },
    logFiles,
    async stop() {
      isStopped = true;
      wanted.clear();
      await Promise.all([...children.values()].map((child) => child.stop()));
    },
  };
}
