import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const held = existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').map(Number) : [];
  const [owner = 0, keeper = 0] = held;
  if (isAlive(owner)) {
    throw new SetupError(
      `${dataDir} is in use by process ${owner}. Stop that one, or use its services: node --env-file=.local/stack.env … (if ${owner} is no stack, delete ${file})`,
    );
  }
  await waitUntil(async () => !isAlive(keeper), {
    deadlineMs: 12_000,
    orElse: `process ${keeper} is still stopping the services of an earlier run; wait, or delete ${file}`,
  });
  rmSync(file, { force: true });
  writeFileSync(file, `${process.pid} ${keeperPid()}\n`, { flag: 'wx' });
  return () => rmSync(file, { force: true });
}

/** The process that holds the lock, if it still runs. */
export function lockHolder(dataDir: string): number | undefined {
  const file = `${dataDir}.lock`;
  const owner = existsSync(file) ? Number(readFileSync(file, 'utf8').trim().split(' ')[0]) : 0;
  return isAlive(owner) ? owner : undefined;
}
