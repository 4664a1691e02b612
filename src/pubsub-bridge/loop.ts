import type { Logger } from '../logger.ts';

export interface LoopOptions {
  /** For the log. */
  readonly name: string;
  readonly log: Logger;
  /** One pass; returns after how many milliseconds the next one begins. */
  readonly work: () => Promise<number>;
  readonly firstDelayMs?: number;
  /** The wait after a failed pass doubles from 200 ms up to this. */
  readonly maxBackoffMs?: number;
}

export interface Loop {
  /** Begins the next pass now, or right after the one that runs. */
  wake(): void;
  /** Lets the running pass end, begins no other. */
  stop(): Promise<void>;
}

const MIN_BACKOFF_MS = 200;

/** Does `work` again and again, never twice at once, whatever it throws. */
export function startLoop({ name, log, work, firstDelayMs = 0, maxBackoffMs = 5_000 }: LoopOptions): Loop {
  let isStopped = false;
  let isWoken = false;
  let failures = 0;
  let endPause = () => {};

  function pause(ms: number): Promise<void> {
    if (isStopped || isWoken) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  async function pass(): Promise<number> {
    try {
      const delayMs = await work();
      failures = 0;
      return delayMs;
    } catch (error) {
      failures += 1;
      // The first of an outage, then ever rarer: the reader needs to know, not to be flooded.
      if (Number.isInteger(Math.log2(failures)))
        log.warn({ event: 'dependency_unavailable', err: error, loop: name, failures }, `${name} failed`);
      return Math.min(maxBackoffMs, MIN_BACKOFF_MS * 2 ** (failures - 1));
    }
  }
  async function run(): Promise<void> {
    await pause(firstDelayMs);
    while (!isStopped) {
      isWoken = false;
      await pause(await pass());
    }
  }
  const ended = run();
  return {
    wake() {
      isWoken = true;
      endPause();
    },
    async stop() {
      isStopped = true;
      endPause();
      await ended;
    },
  };
}
