import type { Bell } from '../../activities/bell.ts';
import { createOrderRuns } from '../../activities/order-runs.ts';
import { type PassOptions, type ReconcileDeps, reconcileOrder, reconcilePass } from '../../activities/reconcile.ts';
import type { Repair } from '../../activities/repairs.ts';
import {
  connectTemporal,
  isTemporalUnavailable,
  type Temporal,
  type TemporalSettings,
} from '../../clients/temporal.ts';
import { type KeylessConfig, loadConfig, loadKeylessConfig } from '../../config.ts';
import type { Database } from '../../db/client.ts';
import { databaseNow } from '../../db/clock.ts';
import { findOrder } from '../../db/orders.ts';
import { type OpenOrder, openOrders } from '../../db/reconcile.ts';
import { createLogger } from '../../logger.ts';
import { createMetrics } from '../../metrics.ts';
import { CommandError, type CommandIo, UsageError, withDatabase } from '../command.ts';
import { withTemporal } from '../temporal-settings.ts';
import { type AdminCommand, readCount, readOptions, readUuid } from './command-line.ts';
import { createPatientAsk, withConduit } from './conduit.ts';
import { compareProvider } from './provider-ledger.ts';
import { compareRun, compareRuns, type RunLedgerDeps } from './run-ledger.ts';

/** A person waits; the schedule goes on beside it and takes what is left. */
const BUDGET_MS = 60_000;
const DEFAULT_HOURS = 24;
const MAX_HOURS = 24 * 31;
const PAGE = 1_000;

const DID: Record<Repair, (id: string) => string> = {
  expired: (id) => `expired   order ${id}: nobody had ended it 30 s after its expiry`,
  started: (id) => `started   order ${id}: it had no run`,
  replaced: (id) => `replaced  the stuck run of order ${id}, by one that goes on from its row`,
  told: (id) => `told      order ${id}: its run has not noticed what became of its row`,
  ended: (id) => `ended     the stuck run of order ${id}, which has ended itself`,
  hastened: (id) => `hastened  order ${id}: nobody went on with its attempt`,
  watched: (id) => `watched   pair ${id}: it has open orders and no new rate`,
};

export const reconcileCommands: readonly AdminCommand[] = [
  {
    words: 'reconcile',
    usage: `reconcile [--order UUID] | [--conduit [--hours ${DEFAULT_HOURS}]]`,
    does: "repairs now what the service repairs every 15 s, and holds rows against runs; --conduit: also against Conduit's orders",
    async run(args, io) {
      const options = readOptions(args, {
        order: { type: 'string' },
        conduit: { type: 'boolean' },
        hours: { type: 'string' },
      });
      const orderId = options.order === undefined ? null : readUuid(options.order, 'order');
      const isConduitAsked = options.conduit === true;
      if (orderId !== null && isConduitAsked) throw new UsageError('either --order or --conduit, not both');
      if (options.hours !== undefined && !isConduitAsked) throw new UsageError('--hours goes with --conduit');
      const hours = options.hours === undefined ? DEFAULT_HOURS : readCount(options.hours, 'hours');
      if (hours > MAX_HOURS) throw new UsageError(`--hours ${hours} is more than ${MAX_HOURS}`);
      const config = withTemporal<KeylessConfig>(isConduitAsked ? loadConfig : loadKeylessConfig)(process.env);
      const left = await withDatabase((db) =>
        askTemporal(config.temporal, (temporal) => repair({ db, temporal, config, io }, orderId)),
      );
      const apart = isConduitAsked ? await holdAgainstConduit(hours, io) : 0;
      if (left + apart > 0)
        throw new CommandError(
          `${left + apart} left, see the lines with an exclamation mark; docs/operations.md, Reconcile by hand.`,
        );
    },
  },
];

interface Bench {
  readonly db: Database;
  readonly temporal: Temporal;
  readonly config: KeylessConfig;
  readonly io: CommandIo;
}

/** One pass and one comparison. Returns how much is left that should not be. */
async function repair({ db, temporal, config, io }: Bench, orderId: string | null): Promise<number> {
  const runs = createOrderRuns(temporal, db);
  const { timing, rateRefreshMs } = config;
  const deps: ReconcileDeps = { db, timing, rateRefreshMs, runs, bell: silentBell(), metrics: createMetrics('worker') };
  let failures = 0;
  const hooks: Pick<PassOptions, 'onRepair' | 'onFailure'> = {
    onRepair: (did, id) => io.say(`  ${DID[did](id)}`),
    onFailure: (what, error) => {
      failures += 1;
      io.say(`! failed    ${what}: ${error instanceof Error ? error.message : String(error)}`);
    },
  };
  const ledger: RunLedgerDeps = { db, temporal, runs };
  if (orderId === null) {
    const {
      areAllDone: _,
      alarms: _alarms,
      trimmed: _trimmed,
      ...counts
    } = await reconcilePass(deps, {
      ...hooks,
      budgetMs: BUDGET_MS,
      toCompare: () => allOpenOrders(db),
      isStanding: false,
    });
    io.tell(
      `Repaired: ${Object.entries(counts)
        .map(([what, count]) => `${count} ${what}`)
        .join(', ')}.`,
    );
    const { openRows, openRuns, disagreements } = await compareRuns(ledger);
    for (const { orderId: id, what } of disagreements) io.say(`! disagrees order ${id} ${what}`);
    io.say(`Rows and runs: ${openRows} open orders, ${openRuns} open runs, ${disagreements.length} disagree.`);
    return failures + disagreements.length;
  }
  const order = await findOrder(db, orderId);
  await reconcileOrder(deps, orderId, hooks);
  const disagreements = await compareRun(ledger, orderId);
  for (const { what } of disagreements) io.say(`! disagrees order ${orderId} ${what}`);
  if (!order) throw new CommandError(`There is no order ${orderId} here.`);
  const now = await findOrder(db, orderId);
  io.say(`Order ${orderId} is ${now?.status ?? order.status}; its run is ${await runs.describeOrder(orderId)}.`);
  return failures + disagreements.length;
}

/** One that was placed a moment ago may still be on its way to its run: it is left alone, as by the service. */
async function allOpenOrders(db: Database): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | null = null; ; ) {
    const page: OpenOrder[] = await openOrders(db, after, PAGE);
    ids.push(...page.filter(({ isSettled }) => isSettled).map(({ orderId }) => orderId));
    after = page.at(-1)?.orderId ?? null;
    if (page.length < PAGE || after === null) return ids;
  }
}

/** Every repair is said by its own line; counting and calling people is for the processes whose log and metrics are read. */
function silentBell(): Bell {
  return {
    log: createLogger('admin', 'silent'),
    recorded: () => {},
    looked: () => {},
    page: () => {},
    alert: () => {},
  };
}

async function holdAgainstConduit(hours: number, io: CommandIo): Promise<number> {
  let left = 0;
  await withConduit(io, async (deps) => {
    const since = (await databaseNow(deps.db)) - hours * 3_600_000;
    const asking = createPatientAsk(deps.wait, io, 'Nothing was changed there; try again later.');
    const ledger = { ...deps, ...asking, tell: io.tell };
    const { listed, orphans, unknown, disagreements } = await compareProvider(ledger, since);
    for (const it of unknown) io.say(`? unknown   ${it}`);
    for (const { reference, what } of disagreements) io.say(`! disagrees ${reference}: ${what}`);
    io.say(
      `Rows and Conduit, ${hours} h: ${listed} orders there, ${orphans} of them orphans that are being cancelled, ${unknown.length} not ours, ${disagreements.length} disagree.`,
    );
    left = disagreements.length;
  });
  return left;
}

async function askTemporal<T>(settings: TemporalSettings, use: (temporal: Temporal) => Promise<T>): Promise<T> {
  const temporal = connectTemporal(settings);
  try {
    // Asked first: else its absence would be told once for every order.
    await temporal.ping();
    return await use(temporal);
  } catch (error) {
    if (!isTemporalUnavailable(error)) throw error;
    const { connectionOptions, namespace = 'default' } = settings;
    throw new CommandError(
      `Temporal (namespace ${namespace} at ${connectionOptions.address ?? 'localhost:7233'}) does not answer or does not know us: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    await temporal.close();
  }
}
