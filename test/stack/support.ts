import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { ROOT, TOOLS_DIR } from '../../stack/paths.ts';
import { runCommand } from '../../stack/run-command.ts';
import { waitUntil } from '../../stack/wait.ts';

/** A folder for one test file, removed by what is returned beside it. */
export function scratchDir(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'stack-test-'));
  chmodSync(dir, 0o755); // As root, PostgreSQL runs as a user who must be let in.
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export function freePort(): Promise<number> {
  return getPort({ host: '127.0.0.1' });
}

/**
 * A checkout with data, lock and addresses of its own, so that its commands meet nobody's running stack. The files of
 * `stack` take their place from where they are and are copied; the rest is linked.
 */
export function checkoutIn(dir: string): string {
  const root = join(dir, 'checkout');
  mkdirSync(join(root, '.local'), { recursive: true });
  mkdirSync(TOOLS_DIR, { recursive: true });
  symlinkSync(TOOLS_DIR, join(root, '.local', 'tools'));
  cpSync(join(ROOT, 'stack'), join(root, 'stack'), { recursive: true });
  for (const name of ['node_modules', 'simulator', 'src', 'package.json'])
    symlinkSync(join(ROOT, name), join(root, name));
  return root;
}

export type Command = {
  readonly process: ChildProcess;
  /** What it has written so far, on both streams. */
  readonly output: () => string;
  /** Waits until it has written that; throws when it ends before. */
  readonly says: (text: string) => Promise<void>;
  readonly exitCode: Promise<number | null>;
};

// Services that the test run has brought up are given to its tests; a command of its own brings up its own.
const GIVEN = /^(DATABASE|REDIS|TEMPORAL|PUBSUB|CONDUIT|API|TIME|STACK|npm)_/;

/** Starts a command of the stack as its script, without npm. */
export function startCommand(script: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Command {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !GIVEN.test(name)));
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  return {
    process: child,
    output: () => written,
    exitCode,
    says: (text) => {
      const gone = new AbortController();
      void exitCode.then(() => gone.abort());
      const said = async () => written.includes(text);
      return waitUntil(said, {
        deadlineMs: 60_000,
        signal: gone.signal,
        orElse: `"${text}" was not said:\n${written}`,
      });
    },
  };
}

type Running = { readonly parent: number; readonly command: string };

/** Every process of this machine. */
async function runningProcesses(): Promise<Map<number, Running>> {
  if (existsSync('/proc/self/stat')) return new Map(readdirSync('/proc').flatMap(readProc));
  const { stdout } = await runCommand('ps', ['-axww', '-o', 'pid=,ppid=,command='], { timeoutMs: 5_000 });
  const lines = [...stdout.matchAll(/^ *(\d+) +(\d+) +(.*)$/gm)];
  return new Map(lines.map(([, pid, parent, command = '']) => [Number(pid), { parent: Number(parent), command }]));
}

function readProc(name: string): [number, Running][] {
  try {
    const [, state, parent] = /\) (\w) (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
    const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return state === 'Z' ? [] : [[Number(name), { parent: Number(parent), command }]];
  } catch {
    return []; // No process, or gone meanwhile.
  }
}

/** What a command has started, and what that has. */
export async function descendantsOf(pid: number): Promise<number[]> {
  const all = await runningProcesses();
  const childrenOf = (parent: number): number[] =>
    [...all].filter(([, it]) => it.parent === parent).map(([child]) => child);
  const found = childrenOf(pid);
  for (const child of found) found.push(...childrenOf(child));
  return found;
}

/** Of these, and of all whose command line names the folder: those that run. */
export async function stillRunning(pids: readonly number[], folder: string): Promise<string[]> {
  const all = await runningProcesses();
  const left = [...all].filter(([pid, { command }]) => pids.includes(pid) || command.includes(folder));
  return left.map(([pid, { command }]) => `${pid} ${command}`);
}
