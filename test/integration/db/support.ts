import { randomUUID } from 'node:crypto';
import { findNewestAttempt, insertAttempt } from '../../../src/db/attempts.ts';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { findOrder } from '../../../src/db/orders.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { loadSituation } from '../../../src/db/situations.ts';
import type { Seen } from '../../../src/domain/order.ts';
import type { Timing } from '../../../src/domain/timing.ts';
import { createTestDatabase } from '../../support/database.ts';
import { insertTestOrder } from '../../workflow/support.ts';

export const TIMING: Timing = {
  sendMarginMs: 15_000,
  quoteMarginMs: 30_000,
  resendWindowMs: 240_000,
  retryBaseMs: 60_000,
  orphanWatchMs: 900_000,
  permitTtlMs: 2_000,
  secondMs: 1_000,
};

export interface TestDb {
  readonly db: Database;
  stop(): Promise<void>;
}

export async function openTestDb(): Promise<TestDb> {
  const database = await createTestDatabase();
  const db = connectDatabase({ url: database.url, applicationName: 'test', maxConnections: 20 });
  return {
    db,
    async stop() {
      await db.end({ timeout: 2 });
      await database.drop();
    },
  };
}

/** Lets a test bring rows back to before a reading, which nobody else may. */
export async function allowForgetting({ db }: TestDb): Promise<void> {
  await db`alter table transactions disable trigger readings_rise`;
}

export async function orderOf(db: Database, orderId: string): Promise<OrderRow> {
  const order = await findOrder(db, orderId);
  if (!order) throw new Error(`there is no order ${orderId}`);
  return order;
}

export async function seenOf(db: Database, orderId: string): Promise<Seen> {
  const loaded = await loadSituation(db, orderId, { isLookWanted: false, compareRate: false, rateMaxAgeMs: 0 });
  if (!loaded) throw new Error(`there is no order ${orderId}`);
  return loaded.seen;
}

/** A watched order. */
export async function aWatchedOrder(
  db: Database,
  fields: Parameters<typeof insertTestOrder>[2] = {},
): Promise<OrderRow> {
  const order = await insertTestOrder(db, Date.now(), fields);
  await applyRecord(db, order.id, { version: 1, attempt: null, attemptVersion: null }, { kind: 'watch' }, TIMING);
  return orderOf(db, order.id);
}

/** A prepared attempt whose quote meets 0.92: 20 USDT for 18.46 USDC. */
export async function anAttempt(db: Database, order: OrderRow, recipient = '18.460000'): Promise<number> {
  const newest = await findNewestAttempt(db, order.id);
  const attempt = (newest?.attempt ?? 0) + 1;
  await db.begin((tx) =>
    insertAttempt(tx, {
      orderId: order.id,
      attempt,
      reference: `${order.id}:g${attempt}`,
      baseUrl: 'http://127.0.0.1/v2',
      organisation: 'test',
      quoteId: `qte_${randomUUID()}`,
      quoteOptionId: `qop_${randomUUID()}`,
      quoteRate: '0.9277',
      optionExpiresAt: Date.now() + 300_000,
      quotedDebit: '20.000000',
      quotedRecipient: recipient,
      quotedDestinationFee: '0',
      fees: [],
      direction: order.direction,
      targetRate: order.targetRate,
      floorRate: order.floorRate,
      allInRate: '0.923',
    }),
  );
  return attempt;
}

/** Brings a prepared attempt to created: Conduit holds 20 USDT for `recipient` USDC, unclaimed. */
export async function makeCreated(
  db: Database,
  order: OrderRow,
  attempt: number,
  recipient = '18.460000',
): Promise<void> {
  await db`
    update transactions set conduit_order_id = ${`ord_${randomUUID()}`}, locked_debit = 20, locked_recipient = ${recipient},
      locked_destination_fee = 0, lock_expires_at = app_now() + interval '2 hours', observed = 'pending'
    where order_id = ${order.id} and attempt = ${attempt}`;
  const done = await applyRecord(
    db,
    order.id,
    await seenOf(db, order.id),
    { kind: 'adopt_created', isLost: false },
    TIMING,
  );
  if (done?.result !== 'applied') throw new Error('the attempt did not become created');
}
