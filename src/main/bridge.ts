import { connectPubsub } from '../clients/pubsub.ts';
import { connectTemporal, loadTemporalSettings } from '../clients/temporal.ts';
import { loadKeylessConfig } from '../config.ts';
import { connectDatabase } from '../db/client.ts';
import { createBridge } from '../pubsub-bridge/bridge.ts';
import { runProcess } from './process.ts';

/** A little more than a bridge gives itself to drain. */
const STOP_DEADLINE_MS = 30_000;

const BRIDGE = {
  name: 'bridge',
  load: loadKeylessConfig,
  defaultMetricsPort: 9465,
  stopDeadlineMs: STOP_DEADLINE_MS,
} as const;

await runProcess(BRIDGE, async ({ config, log, metrics }) => {
  const db = connectDatabase({
    url: config.DATABASE_URL,
    applicationName: 'conduitpay-bridge',
    maxConnections: config.DATABASE_MAX_CONNECTIONS,
  });
  const pubsub = connectPubsub({ projectId: config.PUBSUB_PROJECT_ID, emulatorHost: config.PUBSUB_EMULATOR_HOST });
  const temporal = connectTemporal(loadTemporalSettings(process.env));
  const { timing, rateRefreshMs } = config;
  const bridge = createBridge({ db, pubsub, temporal, log, metrics, timing, rateRefreshMs });
  bridge.start();
  return {
    checks: bridge.checks,
    collect: bridge.collect,
    async stop() {
      await bridge.stop();
      await Promise.allSettled([pubsub.close(), temporal.close(), db.end({ timeout: 2 })]);
    },
  };
});
