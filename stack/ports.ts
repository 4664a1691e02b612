import getPort, { portNumbers } from 'get-port';
import type { Progress } from './progress.ts';

/** `default`: the well-known port, or the next free one, said so. `free`: any, for runs side by side. */
export type PortMode = 'default' | 'free';

// Below the range that Linux and macOS hand out to outgoing connections: a port that is free now is not taken by one of
// those before the service binds it.
const FREE_RANGE_START = 20_000;
const FREE_RANGE_SIZE = 10_000;
const TRIES = 300;

export async function choosePort(title: string, wanted: number, mode: PortMode, progress: Progress): Promise<number> {
  const host = '127.0.0.1';
  if (mode === 'free') {
    const from = FREE_RANGE_START + Math.floor(Math.random() * (FREE_RANGE_SIZE - TRIES));
    return getPort({ host, port: portNumbers(from, from + TRIES) });
  }
  const port = await getPort({ host, port: portNumbers(wanted, wanted + TRIES) });
  if (port !== wanted) progress.line(`  ! port ${wanted} is taken: ${title} gets ${port}`);
  return port;
}
