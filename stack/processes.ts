import { resolve } from 'node:path';
import { type Child, startServing } from './child.ts';
import { ROOT } from './paths.ts';
import { answersHttp } from './wait.ts';

export type ProcessSpec = {
  readonly name: string;
  /** Relative to the checkout: `src/main/worker.ts`. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Added to our own environment; a variable that is `undefined` here is taken away from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** Polled until it answers 2xx: `http://127.0.0.1:9466/health/ready`. */
  readonly readyUrl: string;
  readonly deadlineMs?: number;
  readonly stopDeadlineMs?: number;
};

// A worker bundles its workflows before it is ready: about 3 s alone, several times that beside busy neighbours.
const READY_DEADLINE_MS = 60_000;

// A worker may take 25 s to finish the activities that it is in.
const STOP_DEADLINE_MS = 30_000;

/**
 * Runs one of our processes (api, bridge, worker, a simulator) and waits until it calls itself ready. Throws a `SetupError`
 * with the end of its log when it ends before that or the deadline comes; nothing is left running then.
 */
export function startProcess(spec: ProcessSpec): Promise<Child> {
  return startServing(
    {
      name: spec.name,
      command: process.execPath,
      args: [resolve(ROOT, spec.script), ...(spec.args ?? [])],
      env: { ...process.env, ...spec.env },
      cwd: ROOT,
      logFile: spec.logFile,
      stopDeadlineMs: spec.stopDeadlineMs ?? STOP_DEADLINE_MS,
    },
    () => answersHttp(spec.readyUrl),
    spec.deadlineMs ?? READY_DEADLINE_MS,
  );
}
