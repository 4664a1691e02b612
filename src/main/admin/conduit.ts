import { setTimeout as delay } from 'node:timers/promises';
import type { Bell } from '../../activities/bell.ts';
import type { TransferDeps } from '../../activities/transfers.ts';
import { createConduitClient } from '../../clients/conduit/client.ts';
import type { RedisHints } from '../../clients/redis-hints.ts';
import { type Config, loadConfig } from '../../config.ts';
import type { Database } from '../../db/client.ts';
import { createLogger } from '../../logger.ts';
import { CommandError, type CommandIo, withDatabase } from '../command.ts';

/** All the patience that one command has with Conduit's own wishes for it: more is for a person to wait. */
const MAX_PATIENCE_MS = 5 * 60_000;

/** An operator asks Conduit and the rows alone: after a restore what Redis remembers would be of another time. */
const NO_HINTS: RedisHints = {
  isThrottled: async () => false,
  throttleOrder: async () => {},
  lockOrder: async () => null,
  unlockOrder: async () => {},
  keepReply: async () => {},
  readReply: async () => null,
  keepRate: async () => {},
};

/** Gives a command the database and Conduit as the worker has them, and lets go of both at the end. */
export async function withConduit(io: CommandIo, work: (deps: TransferDeps) => Promise<void>): Promise<void> {
  const config = loadConfig(process.env);
  await withDatabase(async (db) => {
    const deps = depsOf(db, config, io);
    try {
      await work(deps);
    } finally {
      await deps.conduit.close();
    }
  });
}

function depsOf(db: Database, config: Config, io: CommandIo): TransferDeps {
  const { timing } = config;
  return {
    db,
    conduit: createConduitClient({
      baseUrl: config.CONDUIT_BASE_URL,
      apiKey: config.CONDUIT_API_KEY,
      timeoutMs: config.conduitTimeoutMs,
      connectTimeoutMs: config.CONDUIT_CONNECT_TIMEOUT_MS,
      maxConnections: 1,
      permitTtlMs: timing.permitTtlMs,
      log: { debug: () => {}, info: () => {} },
    }),
    timing,
    sanity: config.sanity,
    rateRefreshMs: config.rateRefreshMs,
    bell: bellOf(io),
    wait: (ms) => delay(ms),
    hints: NO_HINTS,
    baseUrl: config.CONDUIT_BASE_URL,
    organisation: config.CONDUIT_ORGANISATION,
    cacheOrder: async () => {},
  };
}

/** The person who would be called stands at the terminal. */
function bellOf(io: CommandIo): Bell {
  return {
    log: createLogger('admin', 'silent'),
    recorded: () => {},
    looked: () => {},
    page: (page, fields) => io.tell(`${page}: ${JSON.stringify(fields)}`),
    alert: (alert, fields) => io.tell(`${alert}: ${JSON.stringify(fields)}`),
  };
}

/** One read of a single order may fail for its own reason; as many in a row mean that Conduit is away. */
const MAX_FAILED_IN_A_ROW = 3;

export interface PatientAsk {
  /** Throws a {@link CommandError} that says how to go on when Conduit does not answer, or wants more patience than we have. */
  ask<Reply extends Kinded>(read: () => Promise<Reply>): Promise<Exclude<Reply, NoAnswer>>;
  /** The same, and null where this one could not be read although others can. */
  tryToAsk<Reply extends Kinded>(read: () => Promise<Reply>): Promise<Exclude<Reply, NoAnswer> | null>;
}

interface Kinded {
  readonly kind: string;
}

interface NoAnswer {
  readonly kind: 'unavailable' | 'rate_limited';
}

/** Asks Conduit, again after each `Retry-After`. `again` says how to go on where that is of no use. */
export function createPatientAsk(wait: (ms: number) => Promise<void>, io: CommandIo, again = AGAIN): PatientAsk {
  let leftMs = MAX_PATIENCE_MS;
  let failedInARow = 0;

  async function patiently<Reply extends Kinded>(read: () => Promise<Reply>): Promise<Reply> {
    for (;;) {
      const reply = await read();
      if (reply.kind !== 'rate_limited') return reply;
      const retryAfterMs = 'retryAfterMs' in reply ? Number(reply.retryAfterMs) : 0;
      const seconds = Math.ceil(retryAfterMs / 1_000);
      leftMs -= retryAfterMs;
      if (leftMs < 0) throw new CommandError(`Conduit asks to be left alone for ${seconds} s more. ${again}`);
      io.tell(`Conduit asks for patience: waiting ${seconds} s.`);
      await wait(retryAfterMs);
    }
  }

  async function ask<Reply extends Kinded>(read: () => Promise<Reply>): Promise<Exclude<Reply, NoAnswer>> {
    const reply = await patiently(read);
    if (reply.kind !== 'unavailable') return reply as Exclude<Reply, NoAnswer>;
    throw new CommandError(`Conduit could not be read${'code' in reply ? ` (${String(reply.code)})` : ''}. ${again}`);
  }

  return {
    ask,
    async tryToAsk(read) {
      const reply = await patiently(read);
      failedInARow = reply.kind === 'unavailable' ? failedInARow + 1 : 0;
      if (failedInARow === 0) return reply as Exclude<typeof reply, NoAnswer>;
      return failedInARow < MAX_FAILED_IN_A_ROW ? null : ask(async () => reply);
    },
  };
}

const AGAIN =
  'What is said above is done and stays done; nothing else was. Keep everything paused, and run the same command again later.';
