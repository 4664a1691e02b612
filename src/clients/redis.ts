import { Redis, ReplyError } from 'ioredis';
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
/** After this many failures Redis is left alone for a while, so that one that hangs costs a request at most a few time-outs. */
const FAILURES_TO_OPEN = 3;
const OPEN_MS = 1_000;
/** Failures are forgotten after so long without one, and not by a success: a Redis that is full or read-only still answers reads. */
const QUIET_MS = 10_000;

/** Connects in the background; the first commands may find it not there yet. */
export function connectRedis(url: string, log: Logger, quietMs = QUIET_MS): GuardedRedis {
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
  return guardRedis(redis, log, quietMs);
}

function guardRedis(redis: Redis, log: Logger, quietMs: number): GuardedRedis {
  let failures = 0;
  let lastFailureAt = 0;
  let closedUntil = 0;

  return {
    async run(fallback, command) {
      if (performance.now() < closedUntil) return fallback;
      try {
        const reply = await command(redis);
        if (failures > 0 && performance.now() - lastFailureAt >= quietMs) {
          log.info({ event: 'dependency_recovered', dependency: 'redis' }, 'Redis does what it is asked again');
          failures = 0;
        }
        return reply;
      } catch (error) {
        failures += 1;
        lastFailureAt = performance.now();
        if (failures >= FAILURES_TO_OPEN) closedUntil = lastFailureAt + OPEN_MS;
        if (failures === 1) {
          const fields = { event: 'dependency_unavailable', dependency: 'redis', ...shownOf(error) };
          log.warn(fields, 'Redis does not do what it is asked; going on without');
        }
        return fallback;
      }
    },
    close() {
      redis.disconnect();
    },
  };
}

/** An error of Redis carries the whole command, and with it an order: only its name is for the log. */
function shownOf(error: unknown): { error: string; command?: string } {
  if (!(error instanceof Error)) return { error: 'not an error' };
  const { command } = error as { command?: { name?: unknown } };
  // Redis repeats the beginning of a command that it does not know.
  const message = error.message.replace(/,? with args beginning with:.*/s, '');
  return {
    error: `${error.name}: ${message}`,
    ...(error instanceof ReplyError && typeof command?.name === 'string' ? { command: command.name } : {}),
  };
}
