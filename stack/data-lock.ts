import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { keeperPid } from './child.ts';
import { SetupError } from './errors.ts';
import { isAlive } from './is-alive.ts';
import { waitUntil } from './wait.ts';

/**
 * Claims a data folder for this process, and returns what gives it back: two servers on one set of files would ruin it.
 * The lock of a process that is gone is void, once the keeper that cleans up after it is gone too.
 */
export async function lockDataDir(dataDir: string): Promise<() => void> {
  const file = `${dataDir}.lock`;
  while (!created(file, `${process.pid} ${keeperPid()}\n`)) {
    const held = read(file);
    const [owner, keeper] = pidsOf(held);
    if (isAlive(owner)) {
      throw new SetupError(
        `${dataDir} is in use by process ${owner}. Stop that one, or use its services: node --env-file=.local/stack.env … (if ${owner} is no stack, delete ${file})`,
      );
    }
    await waitUntil(async () => !isAlive(keeper), {
      deadlineMs: 12_000,
      orElse: `process ${keeper} is still stopping the services of an earlier run; wait, or delete ${file}`,
    });
    discard(file, held);
  }
  return () => rmSync(file, { force: true });
}

/** The process that holds the lock, if it still runs. */
export function lockHolder(dataDir: string): number | undefined {
  const [owner] = pidsOf(read(`${dataDir}.lock`));
  return isAlive(owner) ? owner : undefined;
}

/** Makes the file where there is none. It appears with its content: nobody reads a lock that says nothing yet. */
function created(file: string, content: string): boolean {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, content);
  try {
    return done(() => linkSync(unfinished, file), 'EEXIST'); // Unlike a rename, a link never replaces what is there.
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/**
 * Takes a void lock away, and never one that somebody else has put in its place since it was read: the file is moved aside, read
 * again, and put back where it is not the one that was meant.
 */
function discard(file: string, meant: string): void {
  const aside = `${file}.${process.pid}`;
  if (!done(() => renameSync(file, aside), 'ENOENT')) return;
  if (read(aside) !== meant) done(() => linkSync(aside, file), 'EEXIST');
  rmSync(aside, { force: true });
}

function read(file: string): string {
  let content = '';
  done(() => {
    content = readFileSync(file, 'utf8');
  }, 'ENOENT');
  return content;
}

/** Does it, and tells whether it was done, or refused for the one reason that is expected. */
function done(work: () => void, refusal: 'EEXIST' | 'ENOENT'): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === refusal) return false;
    throw error;
  }
}

function pidsOf(lock: string): [owner: number, keeper: number] {
  const [owner = 0, keeper = 0] = lock.trim().split(' ').map(Number);
  return [owner, keeper];
}
