import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SetupError } from './errors.ts';
import { waitUntil } from './wait.ts';

export type ChildExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Child = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<ChildExit>;
  isRunning(): boolean;
  /** True once `kill` or `stop` was called: an exit after that is no crash. */
  wasAskedToStop(): boolean;
  kill(signal: NodeJS.Signals): void;
  /** Asks, waits, and at the deadline kills the process and its group. Calling it again is harmless. */
  stop(): Promise<ChildExit>;
};

export type ChildSpec = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly stopSignal?: NodeJS.Signals;
  readonly stopDeadlineMs?: number;
};

const LOG_TAIL_LINES = 15;

/** Starts a process whose output goes to its log file and which does not outlive us. Throws when it cannot be started. */
export async function startChild(spec: ChildSpec): Promise<Child> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'w');
  const stopSignal = spec.stopSignal ?? 'SIGTERM';
  const process_ = spawn(spec.command, spec.args, {
    env: spec.env,
    cwd: spec.cwd,
    uid: spec.uid,
    gid: spec.gid,
    stdio: ['ignore', log, log],
    // A group of its own: Ctrl-C in the terminal must reach us alone, who stop the children in order.
    detached: true,
  });
  closeSync(log);
  const pid = await startedPid(process_, spec.name);
  guard(pid, stopSignal);

  let asked = false;
  let running = true;
  const exited = new Promise<ChildExit>((resolve) => {
    process_.once('exit', (code, signal) => {
      running = false;
      unguard(pid);
      resolve({ code, signal });
    });
  });

  const kill = (signal: NodeJS.Signals): void => {
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') asked = true;
    if (running) process_.kill(signal);
  };
  return {
    name: spec.name,
    pid,
    logFile: spec.logFile,
    exited,
    isRunning: () => running,
    wasAskedToStop: () => asked,
    kill,
    async stop() {
      kill('SIGCONT'); // A stopped process would not see the other signal.
      kill(stopSignal);
      const force = setTimeout(() => running && killGroup(pid), spec.stopDeadlineMs ?? 10_000);
      const exit = await exited;
      clearTimeout(force);
      return exit;
    },
  };
}

/**
 * Starts a process and waits until the probe says that it serves. When the process ends or the deadline comes first, it
 * is stopped and the error carries the tail of its log.
 */
export async function startServing(spec: ChildSpec, probe: () => Promise<boolean>, deadlineMs: number): Promise<Child> {
  const child = await startChild(spec);
  const gone = new AbortController();
  void child.exited.then(() => gone.abort());
  try {
    await waitUntil(probe, { deadlineMs, signal: gone.signal, orElse: `look into ${spec.logFile}` });
    if (child.isRunning()) return child;
  } catch (error) {
    if (child.isRunning()) {
      await child.stop();
      const reason = error instanceof Error ? error.message : String(error);
      throw new SetupError(`${spec.name}: ${reason}. It ends with:\n${logTail(spec.logFile)}`, { cause: error });
    }
  }
  throw new SetupError(describeExit(child, await child.exited));
}

/** "redis ended (signal SIGKILL)" and the last lines it wrote. */
function describeExit(child: Child, exit: ChildExit): string {
  const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
  return `${child.name} ended (${how}). The end of ${child.logFile}:\n${logTail(child.logFile)}`;
}

/** Tells when the process ends without having been asked to. */
export function watchForCrash(child: Child, tell: (report: string) => void): void {
  void child.exited.then((exit) => child.wasAskedToStop() || tell(describeExit(child, exit)));
}

function logTail(file: string): string {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES);
  return lines.map((line) => `    | ${line}`).join('\n');
}

function startedPid(process_: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    process_.once('spawn', () => resolve(process_.pid ?? 0));
    process_.once('error', (error) => reject(new SetupError(`${name} could not be started: ${error.message}`)));
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone meanwhile.
  }
}

// One keeper watches over all children of this process; without children there is none, so that a test run can end.
type Keeper = { pid: number; input: Writable; pids: Set<number> };
let keeper: Keeper | undefined;

function guard(pid: number, signal: NodeJS.Signals): void {
  keeper ??= startKeeper();
  keeper.pids.add(pid);
  keeper.input.write(`guard ${pid} ${signal}\n`);
}

function unguard(pid: number): void {
  if (!keeper?.pids.delete(pid)) return;
  if (keeper.pids.size > 0) {
    keeper.input.write(`forget ${pid}\n`);
    return;
  }
  keeper.input.end(`forget ${pid}\n`);
  keeper = undefined;
}

/** The process that ends our children after us; it is there even before the first child. */
export function keeperPid(): number {
  keeper ??= startKeeper();
  return keeper.pid;
}

function startKeeper(): Keeper {
  const script = fileURLToPath(new URL('./keeper.ts', import.meta.url));
  const process_ = spawn(process.execPath, [script], { stdio: ['pipe', 'ignore', 'inherit'], detached: true });
  process_.unref();
  process_.stdin.on('error', () => {}); // A keeper that was killed guards nothing any more; that must not end us.
  // The pipe alone must not keep this process alive either.
  (process_.stdin as Writable & { unref?: () => void }).unref?.();
  return { pid: process_.pid ?? 0, input: process_.stdin, pids: new Set() };
}
