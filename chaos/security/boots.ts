// Starts a program of the product with settings that cannot be right, and judges how it ends.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Boot {
  readonly what: string;
  readonly program: 'api' | 'bridge' | 'worker' | 'migrate' | 'admin';
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The settings that its standard error must begin a line with: these and no others. */
  readonly names: readonly string[];
  /** What it must also say. */
  readonly says?: string;
}

export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** It had not ended by its deadline, and was killed. */
  readonly isLate: boolean;
}

const DEADLINE_MS = 10_000;

/** Runs it to its end. `root` is the checkout that its source is taken from; it sees no variable but those given. */
export async function boot({ program, args = [], env }: Boot, root: string, cacheDir: string): Promise<Ending> {
  const beganAt = performance.now();
  // What one start has compiled, the next need not.
  const child = spawn(process.execPath, [join(root, 'src', 'main', `${program}.ts`), ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_COMPILE_CACHE: cacheDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  let isLate = false;
  const end = (): void => void child.kill('SIGKILL');
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, DEADLINE_MS);
  process.once('exit', end);
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null)).once('close', resolve);
  });
  clearTimeout(timer);
  process.off('exit', end);
  return { code, stdout, stderr, ms: Math.round(performance.now() - beganAt), isLate };
}

const NAMED = /^ *([A-Z][A-Z0-9_]{2,}):/gm;

export interface Fault {
  readonly invariant: 'I14' | 'I15';
  readonly text: string;
}

/** What is wrong with how it ended. `secrets` are the values that nobody may read in what it says. */
export function judgeEnding({ what, program, names, says }: Boot, ending: Ending, secrets: readonly string[]): Fault[] {
  const { code, stdout, stderr, isLate } = ending;
  const texts: string[] = [];
  const lines = [...stderr.matchAll(NAMED)].map(([, name = '']) => name);
  const told = new Set(lines);
  const unnamed = names.filter((name) => !told.has(name));
  const innocent = [...told].filter((name) => !names.includes(name));
  if (isLate) texts.push(`had not ended after ${DEADLINE_MS / 1_000} s`);
  else if (code === 0 || code === null) texts.push(`ended with code ${code}`);
  if (unnamed.length > 0) texts.push(`does not name ${unnamed.join(', ')}`);
  if (innocent.length > 0) texts.push(`names ${innocent.join(', ')}, which is right`);
  if (says !== undefined && !stderr.includes(says)) texts.push(`does not say "${says}"`);
  const repeated = stderr.split('\n').find((line, index, all) => line !== '' && all.indexOf(line) !== index);
  if (repeated !== undefined) texts.push(`says twice: ${repeated}`);
  if (/^ +at .+:\d+\)?$/m.test(stderr)) texts.push('shows a stack');
  const shown = secrets.filter((secret) => stdout.includes(secret) || stderr.includes(secret));
  return [
    ...texts.map((text) => ({ invariant: 'I14' as const, text: `${program} ${text}; started with ${what}` })),
    ...shown.map((secret) => ({
      invariant: 'I15' as const,
      text: `${program} shows ${secret.slice(0, 10)}…, which is secret; started with ${what}`,
    })),
  ];
}
