import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './errors.ts';

export type WaitOptions = {
  readonly deadlineMs: number;
  readonly everyMs?: number;
  /** What the reader should know and do when the deadline is over. */
  readonly orElse: string;
  /** Gives up at once when it is aborted. */
  readonly signal?: AbortSignal;
};

/**
 * Asks until the probe answers `true`, or throws a `SetupError` with `orElse` and the last failure. A probe that throws
 * counts as "not yet"; it must be bounded in time by itself.
 */
export async function waitUntil(probe: () => Promise<boolean>, options: WaitOptions): Promise<void> {
  const giveUpAt = performance.now() + options.deadlineMs;
  let lastFailure = '';
  for (;;) {
    try {
      if (await probe()) return;
    } catch (error) {
      lastFailure = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    if (options.signal?.aborted || performance.now() >= giveUpAt) {
      throw new SetupError(
        `no answer within ${Math.round(options.deadlineMs / 1_000)} s${lastFailure}: ${options.orElse}`,
      );
    }
    await sleep(options.everyMs ?? 40);
  }
}

/** Whether an HTTP GET of the address is answered with a 2xx in time. */
export async function answersHttp(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer(); // Unread bodies would keep the connection.
  return response.ok;
}

/** Whether something accepts TCP connections there. Resolves within two seconds and never throws. */
export function acceptsTcp(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
