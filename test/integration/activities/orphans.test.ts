import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import type { ConduitClient } from '../../../src/clients/conduit/client.ts';
import { cancelOrder } from '../../../src/db/cancel.ts';
import { inTransaction } from '../../../src/db/client.ts';
import { findOrder } from '../../../src/db/orders.ts';
import { addPause, type PauseScope } from '../../../src/db/pauses.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { waitUntil } from '../../../stack/wait.ts';
import { TIMING } from '../db/support.ts';
import { type Lab, openLab } from './lab.ts';

jest.setTimeout(40_000);

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
beforeEach(() => lab.quiet());
afterAll(() => lab?.stop());

/** A cancelled order whose create never reached Conduit; nobody here can know that. */
async function orphanThatNeverWas(): Promise<string> {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({ match: { operation: 'orders.create' }, action: { drop: 'before' } });
  await lab.drive(orderId, ({ next }) => next.kind === 'sleep' && next.waitingFor === 'look_up');
  expect(await cancelOrder(lab.db, orderId, 'api', TIMING)).toMatchObject({ answer: 'cancelled' });
  return orderId;
}

/** The same of an order that goes on: its accounts were changed meanwhile. */
async function orphanOfAnOpenOrder(): Promise<string> {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({ match: { operation: 'orders.create' }, action: { drop: 'before' } });
  await lab.drive(orderId, ({ next }) => next.kind === 'sleep' && next.waitingFor === 'look_up');
  const plan = {
    kind: 'fence',
    to: 'watching',
    attemptTo: 'cancelled',
    reason: 'account_changed',
    code: null,
    pause: null,
  } as const;
  expect(await applyRecord(lab.db, orderId, await lab.seen(orderId), plan, TIMING)).toMatchObject({
    result: 'applied',
  });
  return orderId;
}

/** From then on an absent that was asked for ends the orphan. */
const watchFor = (orderId: string, ms: number) =>
  lab.db`update transactions set orphan_until = app_now() + ${ms} * interval '1 millisecond' where order_id = ${orderId}`;

const isClosed = async (orderId: string) => (await lab.attempt(orderId)).orphanClosedAt !== null;

test('an orphan that reads absent stays open until its time is over, and is closed after it', async () => {
  const orderId = await orphanThatNeverWas();
  const follow = () => lab.activities.followOrphan({ orderId, attempt: 1 });
  const { optionExpiresAt, orphanUntil } = await lab.attempt(orderId);
  expect(orphanUntil).toBe(optionExpiresAt + TIMING.orphanWatchMs);
  expect(await follow()).toEqual({ result: 'open', code: 'absent' });
  expect(await follow()).toEqual({ result: 'open', code: 'absent' });
  expect(await isClosed(orderId)).toBe(false);
  await watchFor(orderId, -1);
  expect(await follow()).toEqual({ result: 'ended', code: 'absent' });
  expect(await isClosed(orderId)).toBe(true);
});

test('an absent counts from when it was asked for, not from when it was answered', async () => {
  const orderId = await orphanThatNeverWas();
  const slow = lab.activitiesWith((real) => ({
    ...real,
    async findOrders(reference) {
      const reply = await real.findOrders(reference);
      await waitUntil(hasEnded, { deadlineMs: 5_000, everyMs: 20, orElse: 'the watch did not end' });
      return reply;
    },
  }));
  const hasEnded = async () =>
    (await lab.db`select 1 from transactions where order_id = ${orderId} and orphan_until < app_now()`).length > 0;
  await watchFor(orderId, 500);
  expect(await slow.followOrphan({ orderId, attempt: 1 })).toEqual({ result: 'open', code: 'absent' });
  expect(await isClosed(orderId)).toBe(false);
});

test('two that find an orphan ended at once have closed it, and not audited what they closed', async () => {
  const orderId = await orphanThatNeverWas();
  await watchFor(orderId, -1);
  const follow = (activities: typeof lab.activities) => activities.followOrphan({ orderId, attempt: 1 });
  // The first is overtaken by the second while it asks.
  const overtaken = lab.activitiesWith((real) => ({
    ...real,
    async findOrders(reference) {
      expect(await follow(lab.activities)).toEqual({ result: 'ended', code: 'absent' });
      return real.findOrders(reference);
    },
  }));
  expect(await follow(overtaken)).toEqual({ result: 'ended', code: 'absent' });
  const auditedAt = async () =>
    (await lab.db`select orphan_audited_at from transactions where order_id = ${orderId}`)[0]?.['orphanAuditedAt'];
  expect(await isClosed(orderId)).toBe(true);
  expect(await auditedAt()).toBeNull();
  expect(await follow(lab.activities)).toEqual({ result: 'ended', code: 'absent' });
  expect(await auditedAt()).not.toBeNull();
});

test.each([
  ['completed', "observed = 'terminal', end_kind = 'failed', end_linked = 'completed'"],
  ['claimed', "observed = 'claimed'"],
  [
    'still open when its order has expired',
    "observed = 'terminal', end_kind = 'failed', end_linked = 'open', end_first_read_at = app_now()",
  ],
])(
  'money that was seen under an orphan, %s, ends the order though this pass reads nothing of it',
  async (_, columns) => {
    const orderId = await orphanOfAnOpenOrder();
    await lab.db`update transactions set ${lab.db.unsafe(columns)} where order_id = ${orderId}`;
    await watchFor(orderId, -1);
    if (columns.includes("'open'")) {
      expect(await lab.activities.followOrphan({ orderId, attempt: 1 })).toEqual({ result: 'open', code: 'absent' });
      expect(lab.rung).toEqual([]);
      await lab.db`
      update orders set created_at = created_at - interval '2 hours', expires_at = app_now() - interval '1 second'
      where order_id = ${orderId}`;
    }
    await lab.activities.followOrphan({ orderId, attempt: 1 });
    expect(lab.rung).toEqual(['page orphan_executed']);
    expect(await findOrder(lab.db, orderId)).toMatchObject({ status: 'failed', reason: 'orphan_executed' });
  },
);

test.each([
  ['pending, before its lock is over', "observed = 'pending', lock_expires_at = app_now() + interval '1 hour'", 'open'],
  ['pending, long after that', "observed = 'pending', lock_expires_at = app_now() - interval '1 hour'", 'ended'],
  ['cancelled', "observed = 'terminal', end_kind = 'cancelled'", 'ended'],
  [
    'failed, and read once',
    "observed = 'terminal', end_kind = 'failed', end_linked = 'none', end_first_read_at = app_now()",
    'open',
  ],
])('an orphan that was read as %s and is not shown now is %s', async (_, columns, result) => {
  const orderId = await orphanThatNeverWas();
  await watchFor(orderId, -1);
  await lab.db`update transactions set ${lab.db.unsafe(columns)} where order_id = ${orderId}`;
  expect(await lab.activities.followOrphan({ orderId, attempt: 1 })).toMatchObject({ result, code: 'absent' });
});

async function pause(scope: PauseScope, healsByProbe: boolean): Promise<void> {
  const settings = { scope, reason: 'test', automatic: healsByProbe, healsByProbe };
  await inTransaction(lab.db, (tx) => addPause(tx, settings));
}

/** An account of an open order, in use at Conduit. */
async function anAccount(): Promise<PauseScope> {
  const order = await findOrder(lab.db, await lab.order());
  if (!order) throw new Error('the order is not there');
  return `account:${order.sourceAccount}`;
}

/** What is paused, and the call that probes it. */
const SCOPES: readonly (readonly [string, () => Promise<PauseScope>, 'quotes.create' | 'wallets.get'])[] = [
  ['all', async () => (await anAccount()) && 'all', 'quotes.create'],
  ['an account', anAccount, 'wallets.get'],
];

test.each(SCOPES)("a person's pause on %s is neither probed nor lifted", async (_, scopeOf) => {
  await pause(await scopeOf(), false);
  const sinceMs = Date.now();
  expect(await lab.activities.probePauses()).toBe(0);
  expect(await lab.pauses()).toHaveLength(1);
  expect(await lab.conduit.control.requestCounts({ sinceMs })).toEqual({});
});

test.each(SCOPES)("a pause on %s that becomes a person's while it is probed stays", async (_, scopeOf) => {
  const scope = await scopeOf();
  await pause(scope, true);
  let probes = 0;
  const takeOver = async <T>(reply: T): Promise<T> => {
    probes += 1;
    await pause(scope, false);
    return reply;
  };
  const meanwhile = lab.activitiesWith(
    (real): ConduitClient => ({
      ...real,
      requestQuote: async (request) => takeOver(await real.requestQuote(request)),
      probeAccount: async (...account) => takeOver(await real.probeAccount(...account)),
    }),
  );
  expect(await meanwhile.probePauses()).toBe(0);
  expect(probes).toBe(1);
  expect(await lab.pauses()).toHaveLength(1);
});

const FAULTS = [
  ['a refused key', { problem: { code: 'API_KEY_INVALID', status: 401, when: 'before' } }],
  ["a gateway's error", { html: { status: 502, when: 'before' } }],
  ['no answer', { drop: 'before' }],
  ['a call to wait', { rateLimited: { retryAfterSeconds: 1 } }],
] as const;
const PROBES = SCOPES.flatMap(([scope, ...how]) =>
  FAULTS.map(([name, fault]) => [scope, name, fault, ...how] as const),
);

test.each(PROBES)('a pause on %s is lifted by a call that succeeds, not by one that meets %s', async (...row) => {
  const [, , action, scopeOf, operation] = row;
  await pause(await scopeOf(), true);
  await lab.conduit.control.armFault({ match: { operation }, action });
  const sinceMs = Date.now();
  expect(await lab.activities.probePauses()).toBe(0);
  expect(await lab.pauses()).toHaveLength(1);
  expect(await lab.conduit.control.requestCounts({ sinceMs })).toEqual({ [operation]: 1 });
  await lab.db`update provider_gate set closed_until = '-infinity'`;
  expect(await lab.activities.probePauses()).toBe(1);
  expect(await lab.pauses()).toEqual([]);
});

test('a pair without a rate keeps no pause on everything: Conduit has let us in', async () => {
  await lab.order();
  await pause('all', true);
  const problem = { code: 'RATE_UNAVAILABLE_AFTER_HOURS', status: 503, when: 'before' } as const;
  await lab.conduit.control.armFault({ match: { operation: 'quotes.create' }, action: { problem } });
  expect(await lab.activities.probePauses()).toBe(1);
  expect(await lab.pauses()).toEqual([]);
});

test.each(SCOPES)('a pause on %s is not lifted by a call that breaks down here', async (_, scopeOf) => {
  await pause(await scopeOf(), true);
  const fail = async () => Promise.reject(new Error('broken'));
  const broken = lab.activitiesWith((real) => ({ ...real, requestQuote: fail, probeAccount: fail }));
  expect(await broken.probePauses()).toBe(0);
  expect(await lab.pauses()).toHaveLength(1);
});
