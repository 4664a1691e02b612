import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { connectPubsub, type Pubsub } from '../../../src/clients/pubsub.ts';
import { connectTemporal, type TemporalSettings } from '../../../src/clients/temporal.ts';
import { loadConfig } from '../../../src/config.ts';
import { connectDatabase, type Database, inTransaction } from '../../../src/db/client.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { addMessage } from '../../../src/db/outbox.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { type Bridge, createBridge } from '../../../src/pubsub-bridge/bridge.ts';
import { createTestDatabase } from '../../support/database.ts';
import { createTestProject, emulatorHost, type TestProject } from '../../support/pubsub.ts';
import { createTestNamespace, type TestNamespace } from '../../support/temporal.ts';
import { insertAccepted } from '../../support/versions.ts';

export const PAIR = 'USDT.ethereum-USDC.ethereum';
const DAY_IN_MS = 24 * 3_600 * 1_000;

/** The waits and margins as they ship. */
export const { timing } = loadConfig({ CONDUIT_API_KEY: `ck_sandbox_${'0'.repeat(64)}` });

export interface LogLine {
  readonly event?: string;
  readonly [field: string]: unknown;
}

export interface StartOptions {
  readonly temporal?: TemporalSettings;
  readonly emulatorHost?: string;
  readonly rateRefreshMs?: number;
  readonly overdueEveryMs?: number;
  /** Something between the bridge and Pub/Sub, for a test that wants it to hang. */
  readonly wrapPubsub?: (real: Pubsub) => Pubsub;
}

export interface TestBridge {
  readonly bridge: Bridge;
  readonly lines: readonly LogLine[];
  /** How many messages of the topic came to this result. */
  readonly count: (topic: string, result: string) => Promise<number>;
  stop(): Promise<void>;
}

export interface Harness {
  readonly db: Database;
  readonly project: TestProject;
  readonly namespace: TestNamespace;
  readonly databaseUrl: string;
  /** A bridge with clients of its own, as a process has them. */
  start(options?: StartOptions): TestBridge;
  close(): Promise<void>;
}

/** A database, a Pub/Sub project and a Temporal namespace of the test's own, and bridges between them. */
export async function createHarness(host = emulatorHost(), namespaceOptions = {}): Promise<Harness> {
  const [database, namespace] = await Promise.all([createTestDatabase(), createTestNamespace(namespaceOptions)]);
  const db = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 6 });
  const project = createTestProject(host);
  const started: TestBridge[] = [];
  const harness: Harness = {
    db,
    project,
    namespace,
    databaseUrl: database.url,
    start(options = {}) {
      const bridge = startBridge({ databaseUrl: database.url, project, namespace }, { emulatorHost: host, ...options });
      started.push(bridge);
      return bridge;
    },
    async close() {
      await Promise.all(started.map((bridge) => bridge.stop()));
      await Promise.allSettled([project.close(), namespace.close(), db.end({ timeout: 2 })]);
      await database.drop();
    },
  };
  open.push(harness);
  return harness;
}

const open: Harness[] = [];

/** For `afterAll`: whatever became of the tests. */
export async function closeHarnesses(): Promise<void> {
  await Promise.all(open.splice(0).map((harness) => harness.close()));
}

function startBridge(
  { databaseUrl, project, namespace }: { databaseUrl: string; project: TestProject; namespace: TestNamespace },
  options: StartOptions,
): TestBridge {
  const lines: LogLine[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line) as LogLine) });
  const metrics = createMetrics('bridge');
  const db = connectDatabase({ url: databaseUrl, applicationName: 'bridge', maxConnections: 4 });
  const pubsub = connectPubsub({ projectId: project.projectId, emulatorHost: options.emulatorHost });
  const temporal = connectTemporal(options.temporal ?? namespace.settings);
  const { overdueEveryMs, rateRefreshMs = 60_000, wrapPubsub = (real: Pubsub) => real } = options;
  const bridge = createBridge({
    db,
    pubsub: wrapPubsub(pubsub),
    temporal,
    log,
    metrics,
    timing,
    rateRefreshMs,
    ...(overdueEveryMs === undefined ? {} : { overdueEveryMs }),
  });
  bridge.start();
  let stopped: Promise<void> | undefined;
  return {
    bridge,
    lines,
    async count(topic, result) {
      const { values } = await metrics.messages.get();
      return values.find(({ labels }) => labels.topic === topic && labels.result === result)?.value ?? 0;
    },
    stop() {
      stopped ??= (async () => {
        await bridge.stop();
        await Promise.allSettled([pubsub.close(), temporal.close(), db.end({ timeout: 2 })]);
      })();
      return stopped;
    },
  };
}

export interface OrderFields {
  readonly pair?: string;
  /** Counted from now; a past one needs an order that is older still. */
  readonly expiresInMs?: number;
  /** Whether its message is written too, as the api does it. */
  readonly announced?: boolean;
}

/** An accepted order of a user of its own, with its message in the outbox. */
export async function placeOrder(db: Database, fields: OrderFields = {}): Promise<OrderRow> {
  const { pair = PAIR, expiresInMs = DAY_IN_MS, announced = true } = fields;
  const [from = '', to = ''] = pair.split('-');
  const [fromCurrency = '', fromNetwork = null] = from.split('.');
  const [toCurrency = '', toNetwork = null] = to.split('.');
  const userId = randomUUID();
  const accountOf = (asset: string) => `${asset.includes('.') ? 'wlt' : 'vac'}_${randomUUID().replaceAll('-', '')}`;
  const [sourceAccount, destinationAccount] = [accountOf(from), accountOf(to)];
  return inTransaction(db, async (tx) => {
    await tx`insert into users (user_id) values (${userId})`;
    await tx`insert into conduit_accounts (account_id, user_id, asset)
      values (${sourceAccount}, ${userId}, ${from}), (${destinationAccount}, ${userId}, ${to})`;
    const order = await insertAccepted(tx, {
      id: randomUUID(),
      userId,
      pair,
      fromCurrency,
      fromNetwork,
      toCurrency,
      toNetwork,
      sourceAccount,
      destinationAccount,
      amount: '20.00',
      targetRate: '0.92',
      direction: '>=',
      floorRate: null,
      idempotencyKey: randomUUID(),
      expiresAt: Date.now() + expiresInMs,
      quotedRate: '0.915',
      triggerRate: '0.92',
      triggerFloor: null,
      lookInMs: DAY_IN_MS,
      termsAgeMs: 0,
    });
    if (announced) await addMessage(tx, 'order-checks', { v: 1, order_id: order.id });
    return order;
  });
}
