import { readFileSync } from 'node:fs';

/** A process and all that it started, itself first. */
export function pidsUnder(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return [pid, ...children.flatMap(pidsUnder)];
  } catch {
    return [pid]; // It has gone meanwhile, or this is no Linux.
  }
}
