import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

/**
 * Runs a short command to its end and returns what it wrote. Throws with its error output, or when it takes too long. It does
 * not outlive us.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { timeoutMs: number; env?: NodeJS.ProcessEnv; uid?: number; gid?: number; cwd?: string },
): Promise<{ stdout: string; stderr: string }> {
  const { timeoutMs, ...rest } = options;
  const run = execFileAsync(command, args, {
    ...rest,
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 16 * 1024 * 1024,
  });
  const end = (): void => void run.child.kill();
  process.once('exit', end);
  try {
    return await run;
  } finally {
    process.off('exit', end);
  }
}

/** The line of a failed command's output that says why, for a one-line message. */
export function lastWords(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const lines = (stderr || message).trim().split('\n');
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? message;
}
