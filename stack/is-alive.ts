import { readFileSync } from 'node:fs';

/**
 * Whether the process runs. One that has ended and only waits for its parent to notice does not: in a container without an
 * init process that can be for ever.
 */
export function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // Alive, but not ours.
  }
  return stateOf(pid) !== 'Z';
}

/** Linux's one-letter state, which follows the command's name in brackets; empty on systems without /proc. */
function stateOf(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}
