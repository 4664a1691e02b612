// The last to leave: ends the registered processes when the process that started them is gone, however it went. It learns
// that from its standard input, a pipe whose other end closes even on kill -9. Started by child.ts, never by hand.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './is-alive.ts';

// Long enough for PostgreSQL's fast shutdown and a workflow worker's drain of idle pollers.
const STOP_DEADLINE_MS = 8_000;

/** Sends a signal to a process, or to a group where the number is negative; gone is as good. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Nobody there any more.
  }
}

// A Ctrl-C that reaches us is meant for the process that we watch over: it has its own way of stopping.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const guarded = new Map<number, NodeJS.Signals>();
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, pid, signal] = line.split(' ');
  if (verb === 'guard') guarded.set(Number(pid), signal as NodeJS.Signals);
  else guarded.delete(Number(pid));
}

for (const [pid, signal] of guarded) {
  send(pid, 'SIGCONT'); // A stopped process would not see any other signal.
  send(pid, signal);
}
const giveUpAt = performance.now() + STOP_DEADLINE_MS;
while (performance.now() < giveUpAt && [...guarded.keys()].some(isAlive)) await sleep(50);
for (const pid of guarded.keys()) {
  if (isAlive(pid)) send(-pid, 'SIGKILL'); // The whole group, since each child leads one.
}
