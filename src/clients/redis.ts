import { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/**
 * Redis that may be away. It holds no law, so nobody waits for it and nobody fails with it: a command that does not answer in
 * time, or cannot be sent, gives the caller's fallback instead.
 */
export interface GuardedRedis {
  run<Reply, Fallback>(fallback: Fallback, command: (redis: Redis) => Promise<Reply>): Promise<Reply | Fallback>;
  close(): void;
}

/** A healthy Redis answers in about a millisecond; ten times ten of them is a Redis that hangs. */
const COMMAND_TIMEOUT_MS = 100;
const CONNECT_TIMEOUT_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 2_000;
/** After this many failures in a row Redis is left alone for a while, so that one that hangs costs a request at most a few time-outs. */
const FAILURES_TO_OPEN = 3;
const OPEN_MS = 1_000;

/** Connects in the background; the first commands may find it not there yet. */
export function connectRedis(url: string, log: Logger): GuardedRedis {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A command for a Redis that is away must fail now, not wait for its return.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_DELAY_MS),
  });
  // Without a listener ioredis prints each lost connection itself; `run` says it once, where it matters.
  redis.on('error', () => {});
  return guardRedis(redis, log);
}

function guardRedis(redis: Redis, log: Logger): GuardedRedis {
  let failuresInARow = 0;
  let closedUntil = 0;

  return {
    async run(fallback, command) {
      if (performance.now() < closedUntil) return fallback;
      try {
        const reply = await command(redis);
        if (failuresInARow > 0) log.info({ event: 'dependency_recovered', dependency: 'redis' }, 'Redis answers again');
        failuresInARow = 0;
        return reply;
      } catch (err) {
        failuresInARow += 1;
        if (failuresInARow >= FAILURES_TO_OPEN) closedUntil = performance.now() + OPEN_MS;
        if (failuresInARow === 1) {
          log.warn(
            { event: 'dependency_unavailable', dependency: 'redis', err },
            'Redis does not answer; going on without',
          );
        }
        return fallback;
      }
    },
    close() {
      redis.disconnect();
    },
  };
}
