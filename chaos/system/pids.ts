import { readFileSync } from 'node:fs';
import type { ServiceName, Services } from '../../stack/services.ts';

/** A process and all that it started, itself first. */
function pidsUnder(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    return [pid, ...children.map(Number).flatMap(pidsUnder)];
  } catch {
    return [pid]; // It has gone meanwhile, or this is no Linux.
  }
}

/**
 * Sends a signal to a service and to all that it started: PostgreSQL's processes are in groups of their own, and the emulator is a script
 * around its Java.
 */
export async function signalService(services: Services, name: ServiceName, signal: NodeJS.Signals): Promise<void> {
  const [, ...children] = pidsUnder(services.pidOf(name));
  const done = services.kill(name, signal);
  for (const pid of children) {
    try {
      process.kill(pid, signal);
    } catch {
      // It went with its parent.
    }
  }
  await done;
}
