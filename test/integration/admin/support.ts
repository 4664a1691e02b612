import { randomUUID } from 'node:crypto';
import type { SimulatorControl } from '../../../simulator/control.ts';
import { createAdvanceActivities } from '../../../src/activities/advance.ts';
import { createBell } from '../../../src/activities/bell.ts';
import type { Step } from '../../../src/activities/interface.ts';
import { createOrphans, type OrphanDeps } from '../../../src/activities/orphans.ts';
import type { TransferDeps } from '../../../src/activities/transfers.ts';
import { createConduitClient } from '../../../src/clients/conduit/client.ts';
import { type AttemptRow, findAttempt, insertAttempt } from '../../../src/db/attempts.ts';
import { connectDatabase, type Database, inTransaction } from '../../../src/db/client.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { addPause } from '../../../src/db/pauses.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { setUserAccounts } from '../../../src/db/users.ts';
import { createLogger } from '../../../src/logger.ts';
import { adoptCommands } from '../../../src/main/admin/adopt.ts';
import { deadLetterCommands } from '../../../src/main/admin/dead-letters.ts';
import { orphanCommands } from '../../../src/main/admin/orphans.ts';
import { pauseCommands } from '../../../src/main/admin/pauses.ts';
import { reconcileCommands } from '../../../src/main/admin/reconcile.ts';
import { CommandError, UsageError } from '../../../src/main/command.ts';
import { createMetrics } from '../../../src/metrics.ts';
import { type Api, PAIR, processKeys, start, stopAll, until } from '../../simulator/support.ts';
import { createTestDatabase } from '../../support/database.ts';
import { insertAccepted } from '../../support/versions.ts';
import { orderOf, TIMING } from '../db/support.ts';

const COMMANDS = [...adoptCommands, ...deadLetterCommands, ...orphanCommands, ...pauseCommands, ...reconcileCommands];
export const ORGANISATION = 'test';

export interface Ran {
  readonly code: 0 | 1 | 2;
  readonly out: string;
  readonly err: string;
}

export interface AdminBed {
  readonly db: Database;
  readonly api: Api;
  readonly simulator: SimulatorControl;
  readonly baseUrl: string;
  /** Runs one of the commands as the operator types it; words in quotes are one. */
  admin(text: string): Promise<Ran>;
  /** What `adopt --since` said of one reference: the line's first words. */
  adopt(reference: string, more?: string): Promise<string | undefined>;
  /** What the order's own run does next with the row, and the pages that it rings. */
  advance(orderId: string): Promise<Step & { readonly pages: readonly string[] }>;
  /** One pass over the orphans that are due; the pages that it rings. */
  followOrphans(): Promise<string[]>;
  stop(): Promise<void>;
}

/** A database and a Conduit of one test's own, everything paused as after a restore. */
export async function openAdminBed(): Promise<AdminBed> {
  const [database, conduit] = await Promise.all([
    createTestDatabase(),
    start({ rates: { [PAIR]: '0.93' }, knobs: { lockSweepMs: 10 } }),
  ]);
  const db = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 4 });
  await inTransaction(db, (tx) =>
    addPause(tx, { scope: 'all', reason: 'restore', automatic: false, healsByProbe: false }),
  );
  const baseUrl = `${conduit.url}/v2`;
  const apiKey = processKeys()['SIMULATOR_API_KEY'] ?? '';
  const server = process.env['DATABASE_URL'];
  // The commands read their settings from here; `stop` gives the run its own address back.
  Object.assign(process.env, {
    DATABASE_URL: database.url,
    CONDUIT_BASE_URL: baseUrl,
    CONDUIT_API_KEY: apiKey,
    CONDUIT_ORGANISATION: ORGANISATION,
  });
  const client = createConduitClient({
    baseUrl,
    apiKey,
    timeoutMs: 5_000,
    connectTimeoutMs: 1_000,
    maxConnections: 1,
    permitTtlMs: TIMING.permitTtlMs,
    log: { debug: () => {}, info: () => {} },
  });
  const rung: string[] = [];
  const bell = {
    ...createBell(createLogger('test', 'silent'), createMetrics('worker')),
    page: (page: string) => void rung.push(page),
  };
  const deps: OrphanDeps = {
    db,
    conduit: client,
    timing: TIMING,
    sanity: { jumpFactor: '1.2', absurdFactor: '10' },
    rateRefreshMs: 60_000,
    bell,
    metrics: createMetrics('worker'),
    wait: async () => {},
    hints: { readReply: async () => null, keepReply: async () => {} } as unknown as TransferDeps['hints'],
    baseUrl,
    organisation: ORGANISATION,
    cacheOrder: async () => {},
  };
  const orphans = createOrphans(deps);
  const records = createAdvanceActivities(deps);

  return {
    db,
    api: conduit.api,
    simulator: conduit.control,
    baseUrl,
    admin,
    async adopt(reference, more = '') {
      const { out } = await admin(`adopt --since 2026-01-01T00:00:00Z${more}`);
      const line = out.split('\n').find((text) => text.includes(reference));
      return line?.slice(2, 11).trim();
    },
    async advance(orderId) {
      rung.length = 0;
      const step = await records.advanceOrder(orderId, { isLookWanted: false, isFirst: false });
      return { ...step, pages: [...rung] };
    },
    async followOrphans() {
      rung.length = 0;
      for (const orphan of await orphans.listDueOrphans()) await orphans.followOrphan(orphan);
      return [...rung];
    },
    async stop() {
      process.env['DATABASE_URL'] = server;
      await client.close();
      await db.end({ timeout: 2 });
      await Promise.all([stopAll(), database.drop()]);
    },
  };
}

/** Runs one of the commands as the operator types it, in this process and its environment; words in quotes are one. */
export async function admin(text: string): Promise<Ran> {
  const args = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const called = COMMANDS.filter(({ words }) => words.split(' ').every((word, index) => args[index] === word));
  const command = called.sort((a, b) => b.words.length - a.words.length)[0];
  if (!command) throw new Error(`there is no command ${text}`);
  const out: string[] = [];
  const err: string[] = [];
  const io = { say: (line: string) => void out.push(line), tell: (line: string) => void err.push(line) };
  try {
    await command.run(args.slice(command.words.split(' ').length), io);
    return { code: 0, out: out.join('\n'), err: err.join('\n') };
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof UsageError)) throw error;
    return { code: error instanceof UsageError ? 2 : 1, out: out.join('\n'), err: [...err, error.message].join('\n') };
  }
}

export type AtConduit = 'pending' | 'claimed' | 'succeeded' | 'expired' | 'cancelled' | 'failed' | 'half_failed';

/** An order of 20 USDT → USDC at ≥ 0.92, accepted a moment ago, between accounts that Conduit would have. */
export async function anAcceptedOrder({ db }: AdminBed): Promise<OrderRow> {
  const userId = randomUUID();
  const [source, destination] = [randomUUID(), randomUUID()].map((id) => `wlt_${id.replaceAll('-', '').slice(0, 22)}`);
  const accounts = [
    { asset: 'USDT.ethereum', accountId: source ?? '' },
    { asset: 'USDC.ethereum', accountId: destination ?? '' },
  ];
  await setUserAccounts(db, { userId, customerId: null, accounts });
  return inTransaction(db, (tx) =>
    insertAccepted(tx, {
      id: randomUUID(),
      userId,
      pair: PAIR,
      fromCurrency: 'USDT',
      fromNetwork: 'ethereum',
      toCurrency: 'USDC',
      toNetwork: 'ethereum',
      sourceAccount: source ?? '',
      destinationAccount: destination ?? '',
      amount: '20.00',
      targetRate: '0.92',
      direction: '>=',
      floorRate: null,
      expiresAt: Date.now() + 86_400_000,
      idempotencyKey: randomUUID(),
      quotedRate: '0.9150',
      triggerRate: '0.9269',
      triggerFloor: null,
      lookInMs: 86_400_000,
      termsAgeMs: 0,
    }),
  );
}

export async function aWatchedOrder(bed: AdminBed): Promise<OrderRow> {
  const { id } = await anAcceptedOrder(bed);
  await applyRecord(bed.db, id, { version: 1, attempt: null, attemptVersion: null }, { kind: 'watch' }, TIMING);
  return orderOf(bed.db, id);
}

/** The sides of a create for this order. */
export function sidesOf({ sourceAccount, destinationAccount }: OrderRow) {
  const side = (id: string, code: string) => ({ type: 'wallet', id, asset: { code, chain: 'ethereum' } });
  return { source: side(sourceAccount, 'USDT'), destination: side(destinationAccount, 'USDC') };
}

/** The attempt's order at Conduit, brought to a state; returns its id. */
export async function atConduit(
  { api, simulator }: AdminBed,
  order: OrderRow,
  attempt: number,
  state: AtConduit,
): Promise<string> {
  await simulator.setKnobs({ settlementHeld: true, lockTtlMs: state === 'expired' ? 20 : 7_200_000 });
  const { body } = await api.create({ reference: `${order.id}:g${attempt}`, extra: sidesOf(order) });
  const { id } = body;
  if (!id) throw new Error(`the simulator made no order: ${JSON.stringify(body)}`);
  const isClaimed = state !== 'pending' && state !== 'expired' && state !== 'cancelled';
  if (isClaimed) await api.execute(id);
  if (state === 'cancelled') await simulator.cancelAsOther(id);
  if (state === 'expired') await until(async () => (await api.get(id)).body.status === 'cancelled');
  if (state === 'succeeded') await simulator.settle(id);
  if (state === 'failed') await simulator.failOrder(id, { code: 'insufficient_funds', transactions: ['failed'] });
  if (state === 'half_failed')
    await simulator.failOrder(id, { code: 'insufficient_funds', transactions: ['completed'] });
  return id;
}

/** A prepared attempt of this Conduit and organisation, or of another. */
export async function aRow(bed: AdminBed, order: OrderRow, attempt: number, organisation = ORGANISATION) {
  const { db, baseUrl, api } = bed;
  const reference = `${order.id}:g${attempt}`;
  const { body } = await api.call('GET', `/orders?clientReferenceId=${reference}`);
  const [theirs]: { quoteOptionId?: string }[] = body.data;
  await inTransaction(db, (tx) =>
    insertAttempt(tx, {
      orderId: order.id,
      attempt,
      reference,
      baseUrl,
      organisation,
      quoteId: 'qte_1',
      quoteOptionId: theirs?.quoteOptionId ?? `qop_${randomUUID()}`,
      quoteRate: '0.93',
      optionExpiresAt: Date.now() + 300_000,
      quotedDebit: '20.000000',
      quotedRecipient: '18.460000',
      quotedDestinationFee: '0',
      fees: [],
      direction: order.direction,
      targetRate: order.targetRate,
      floorRate: order.floorRate,
      allInRate: '0.923',
    }),
  );
}

/** Brings a prepared row to created, holding the order `conduitOrderId`, unclaimed as far as the row knows. */
export async function makeCreated({ db }: AdminBed, orderId: string, attempt: number, conduitOrderId: string) {
  await db`
    update transactions set status = 'created', version = version + 1, conduit_order_id = ${conduitOrderId}, locked_debit = 20,
      locked_recipient = '18.46', locked_destination_fee = 0, lock_expires_at = app_now() + interval '2 hours', observed = 'pending'
    where order_id = ${orderId} and attempt = ${attempt}`;
}

export async function rowOf({ db }: AdminBed, orderId: string, attempt: number): Promise<AttemptRow> {
  const row = await findAttempt(db, orderId, attempt);
  if (!row) throw new Error(`order ${orderId} has no attempt ${attempt}`);
  return row;
}

/** Status and reason of an order in two words. */
export async function stateOf({ db }: AdminBed, orderId: string): Promise<string> {
  const { status, reason } = await orderOf(db, orderId);
  return reason === null ? status : `${status} ${reason}`;
}
