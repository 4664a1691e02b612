// What was found so far, a line a result, so that a run that was interrupted goes on after the last of them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../../stack/errors.ts';
import { ROOT } from '../../stack/paths.ts';
import type { Result } from '../experiments/run-experiment.ts';
import type { Options } from '../options.ts';

/** What two results must have in common to be told together: what was run, and how. */
export interface Basis {
  /** A hash of everything that a run executes. */
  readonly sources: string;
  readonly timeScale: number;
  /** Null where each experiment has its own number. */
  readonly orders: number | null;
  /** A quick run has less of everything, and a mix is as long as was asked for. */
  readonly size: string;
  /** A broken build's results are nobody else's. */
  readonly build: string | null;
}

export interface KeptResult extends Result {
  readonly basis: Basis;
}

const EXECUTED = [
  'chaos',
  'migrations',
  'package-lock.json',
  'package.json',
  'patches',
  'simulator',
  'src',
  'stack',
  'test/replay/histories',
];

export function basisOf({
  mode,
  minutes,
  timeScale,
  orders,
  build,
}: Pick<Options, 'mode' | 'minutes' | 'timeScale' | 'orders' | 'build'>): Basis {
  const size = mode === 'minutes' ? `${minutes} min` : mode === 'quick' ? 'quick' : 'full';
  return { sources: hashOf(EXECUTED), timeScale, orders: orders ?? null, size, build: build ?? null };
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

/** What a page says of where its results come from. */
export function stampOf(sources: string): string {
  return `commit ${commit() ?? 'unknown'}, sources \`${sources}\`, ${new Date().toISOString().slice(0, 10)}`;
}

/** The commit that is checked out, or null outside of a repository. */
function commit(): string | null {
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

/** Takes over what is not among ours yet, so that the next run knows of it, too. */
export function adopt(file: string, ours: readonly KeptResult[], theirs: readonly KeptResult[]): KeptResult[] {
  const fact = ({ dir: _dir, ...result }: KeptResult) => JSON.stringify(result, Object.keys(result).toSorted());
  const known = new Set(ours.map(fact));
  const adopted = theirs.filter((result) => !known.has(fact(result)));
  for (const result of adopted) keepResult(file, result);
  return [...ours, ...adopted];
}

/** Evidence that was judged is never overwritten, nor that of a result that is kept: a second try gets a folder beside it. */
export function emptyFolder(base: string, kept: readonly KeptResult[], tries = 1): string {
  const dir = tries === 1 ? base : `${base}.${tries}`;
  if (existsSync(join(dir, 'verdict.json')) || kept.some((result) => result.dir === dir))
    return emptyFolder(base, kept, tries + 1);
  rmSync(dir, { recursive: true, force: true });
  return dir;
}

export const hasPassed = ({ violations, rested }: Result): boolean => violations.length === 0 && rested;

export function keepResult(file: string, result: KeptResult): void {
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}

function isSame(a: Basis | undefined, b: Basis): boolean {
  if (a === undefined) return false;
  return (['sources', 'timeScale', 'orders', 'size', 'build'] as const).every((name) => a[name] === b[name]);
}
