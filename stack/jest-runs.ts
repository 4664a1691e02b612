import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './paths.ts';

export type JestRun = { readonly name: string; readonly args: readonly string[] };

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

/**
 * Tests that need nothing but a core share both cores. So do those that mostly wait: the integration tests, each file with a
 * database of its own, and the end-to-end ones, each with a whole system. The others watch clocks and processes closely: side by
 * side they would only make each other's deadlines tight.
 */
export const ALL_RUNS: readonly JestRun[] = [
  { name: 'unit and simulator', args: ['--selectProjects', 'unit', 'simulator', '--maxWorkers=2'] },
  { name: 'stack', args: ['--selectProjects', 'stack', '--runInBand'] },
  { name: 'integration', args: ['--selectProjects', 'integration', '--maxWorkers=2'] },
  { name: 'workflow', args: ['--selectProjects', 'workflow', '--runInBand'] },
  { name: 'e2e', args: ['--selectProjects', 'e2e', '--maxWorkers=2'] },
];

/**
 * Runs jest and counts. A run that failed without a failed test (no test found, a file that does not load, a crash) counts
 * one failure, so that the sum never looks green when the exit code is not.
 */
export async function runJest(
  run: JestRun,
  options: { env: NodeJS.ProcessEnv; resultFile: string; signal: AbortSignal },
): Promise<Counts> {
  mkdirSync(dirname(options.resultFile), { recursive: true });
  rmSync(options.resultFile, { force: true });
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        jest,
        '--json',
        '--outputFile',
        options.resultFile,
        ...run.args,
      ],
      { cwd: ROOT, stdio: 'inherit', env: options.env },
    );
    const stop = (): boolean => child.kill('SIGTERM');
    if (options.signal.aborted) stop();
    options.signal.addEventListener('abort', stop, { once: true });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
  const counts = readCounts(options.resultFile);
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** Counts of jest's own report; a file that could not be run at all is a failure. */
function readCounts(resultFile: string): Counts {
  if (!existsSync(resultFile)) return { passed: 0, failed: 0, skipped: 0 };
  const result = JSON.parse(readFileSync(resultFile, 'utf8')) as Record<string, number>;
  return {
    passed: result['numPassedTests'] ?? 0,
    failed: (result['numFailedTests'] ?? 0) + (result['numRuntimeErrorTestSuites'] ?? 0),
    skipped: (result['numPendingTests'] ?? 0) + (result['numTodoTests'] ?? 0),
  };
}

export function sumCounts(all: readonly Counts[]): Counts {
  const sum = (key: keyof Counts): number => all.reduce((total, counts) => total + counts[key], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** `12 passed, 0 failed`, with the skipped ones only where there are any. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
