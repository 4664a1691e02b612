// What was found so far, a line a result, so that a run that was interrupted goes on after the last of them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../../stack/errors.ts';
import { ROOT } from '../../stack/paths.ts';
import type { Result } from '../experiments/run-experiment.ts';

/** What two results must have in common to be told together: what was run, and how. */
export interface Basis {
  /** A hash of everything that a run executes. */
  readonly sources: string;
  readonly timeScale: number;
  /** Null where each experiment has its own number. */
  readonly orders: number | null;
}

export interface KeptResult extends Result {
  readonly basis: Basis;
}

const EXECUTED = ['chaos', 'migrations', 'package-lock.json', 'patches', 'simulator', 'src', 'stack'];

export function basisOf({ timeScale, orders }: { timeScale: number; orders: number | undefined }): Basis {
  return { sources: hashOf(EXECUTED), timeScale, orders: orders ?? null };
}

function hashOf(names: readonly string[]): string {
  const hash = createHash('sha256');
  const add = (name: string): void => {
    const path = join(ROOT, name);
    if (statSync(path).isDirectory()) for (const inner of readdirSync(path).toSorted()) add(join(name, inner));
    else hash.update(`${name}\0`).update(readFileSync(path)).update('\0');
  };
  for (const name of names) add(name);
  return hash.digest('hex').slice(0, 12);
}

/** The commit that is checked out, or null outside of a repository. */
export function commit(): string | null {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim();
    const isChanged = git('status', '--porcelain', '--', ...EXECUTED) !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? ' with changes' : ''}`;
  } catch {
    return null;
  }
}

/** The results in a file of ours that rest on the same. Those that failed are among them: running again takes nothing back. */
export function resultsIn(file: string, basis: Basis): KeptResult[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as KeptResult).filter((it) => isSame(it.basis, basis));
}

/** Those of a published `results.json`, from another machine or another day. Throws a `SetupError` where there is none to be taken. */
export function publishedResults(file: string, basis: Basis): KeptResult[] {
  try {
    const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: KeptResult[] };
    const same = results.filter((it) => isSame(it.basis, basis));
    if (same.length > 0) return same;
  } catch (error) {
    throw new SetupError(`--with ${file}: not a file of results`, { cause: error });
  }
  throw new SetupError(
    `--with ${file}: its results are of other sources or settings than these, and prove nothing here`,
  );
}

export const hasPassed = ({ violations, rested }: Result): boolean => violations.length === 0 && rested;

export function keepResult(file: string, result: KeptResult): void {
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}

function isSame(a: Basis | undefined, b: Basis): boolean {
  return a?.sources === b.sources && a.timeScale === b.timeScale && a.orders === b.orders;
}
