import { connectPubsub, type Pubsub } from '../clients/pubsub.ts';
import { connectTemporal, type Temporal, type TemporalSettings } from '../clients/temporal.ts';
import { type KeylessConfig, loadKeylessConfig } from '../config.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import { createBridge } from '../pubsub-bridge/bridge.ts';
import { watchMachineClock } from './machine-clock.ts';
import type { ProcessContext, RunningProcess } from './process.ts';
import { withTemporal } from './temporal-settings.ts';

/** A little more than a bridge gives itself to drain. */
const STOP_DEADLINE_MS = 30_000;

export const BRIDGE_PROCESS = {
  name: 'bridge',
  load: withTemporal(loadKeylessConfig),
  defaultMetricsPort: 9465,
  stopDeadlineMs: STOP_DEADLINE_MS,
} as const;

/** What a program that watches the bridge may put between it and the outside. */
export interface BridgeOverrides {
  readonly db?: (db: Database) => Database;
  readonly pubsub?: (pubsub: Pubsub) => Pubsub;
  readonly temporal?: (temporal: Temporal) => Temporal;
}

/** Wires the bridge: PostgreSQL's outbox to Pub/Sub, and Pub/Sub to Temporal. */
export async function startBridge(
  { config, log, metrics }: ProcessContext<KeylessConfig & { readonly temporal: TemporalSettings }>,
  overrides: BridgeOverrides = {},
): Promise<RunningProcess> {
  const pool = connectDatabase({
    url: config.DATABASE_URL,
    applicationName: 'conduitpay-bridge',
    maxConnections: config.DATABASE_MAX_CONNECTIONS,
  });
  const queue = connectPubsub({ projectId: config.PUBSUB_PROJECT_ID, emulatorHost: config.PUBSUB_EMULATOR_HOST });
  const engine = connectTemporal(config.temporal);
  const bridge = createBridge({
    db: overrides.db?.(pool) ?? pool,
    pubsub: overrides.pubsub?.(queue) ?? queue,
    temporal: overrides.temporal?.(engine) ?? engine,
    log,
    metrics,
    timing: config.timing,
    rateRefreshMs: config.rateRefreshMs,
  });
  bridge.start();
  const unwatchClock = watchMachineClock({ db: pool, metrics, log });
  return {
    checks: bridge.checks,
    collect: bridge.collect,
    async stop() {
      unwatchClock();
      await bridge.stop();
      await Promise.allSettled([queue.close(), engine.close(), pool.end({ timeout: 2 })]);
    },
  };
}
