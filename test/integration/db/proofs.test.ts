import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { inTransaction, type Transaction } from '../../../src/db/client.ts';
import { type HitLook, prepareAttempt } from '../../../src/db/looks.ts';
import type { OrderRow } from '../../../src/db/orders.ts';
import { addPause } from '../../../src/db/pauses.ts';
import {
  areExecutesRefused,
  fenceAttempt,
  hasClaimProof,
  hasCreatedProof,
  hasEnded,
  hasEndedWithoutEffect,
} from '../../../src/db/proofs.ts';
import { applyRecord } from '../../../src/db/records.ts';
import type { SendOperation, SendOutcome } from '../../../src/domain/replies.ts';
import { writeVersion } from '../../support/versions.ts';
import { anAttempt, aWatchedOrder, makeCreated, openTestDb, seenOf, type TestDb, TIMING } from './support.ts';

// Plans are made with care and compared with the row's versions. Here nothing of that stands before the proof: it alone refuses.

jest.setTimeout(30_000);

let test_: TestDb;
beforeAll(async () => {
  test_ = await openTestDb();
});
afterEach(() => test_.db`delete from pauses`);
afterAll(() => test_.stop());

/** A watched order whose first attempt, created at Conduit, has these columns and these sends. */
async function anOrderWith(
  columns: string,
  sends: readonly (readonly [SendOperation, SendOutcome | null])[] = [],
): Promise<OrderRow> {
  const order = await aWatchedOrder(test_.db);
  await makeCreated(test_.db, order, await anAttempt(test_.db, order));
  await change(order, columns);
  for (const [operation, outcome] of sends) await aSend(order, operation, outcome);
  return order;
}

async function aSend({ id }: OrderRow, operation: SendOperation, outcome: SendOutcome | null): Promise<void> {
  await test_.db`
    insert into conduit_sends (order_id, attempt, operation, key_number, idempotency_key, outcome, replied_at)
    values (${id}, 1, ${operation}, 1, ${randomUUID()}, ${outcome}, ${outcome && test_.db`app_now()`})`;
}

async function change({ id }: OrderRow, columns: string): Promise<void> {
  await test_.db`
    update transactions set ${test_.db.unsafe(columns)} where order_id = ${id} and attempt = 1`;
}

function prove<T>(proof: (tx: Transaction) => Promise<T>): Promise<T> {
  return inTransaction(test_.db, proof);
}

const EXECUTING = "status = 'executing', version = version + 1";
const CLOSED = "status = 'cancelled', version = version + 1, closed_at = app_now(), closed_by = 'fence'";
const FAILED = `${EXECUTING}, observed = 'terminal', end_kind = 'failed', end_first_read_at = timestamptz '2026-01-01 00:00Z'`;
const READ_LATER = (ms: number) =>
  `end_read_again_at = timestamptz '2026-01-01 00:00Z' + ${ms} * interval '1 millisecond'`;
const NONE = `${FAILED}, end_code = 'insufficient_funds', end_linked = 'none'`;
const NO_EFFECT = `${FAILED}, end_code = 'insufficient_funds', end_linked = 'no_effect'`;

test.each([
  ['a cancel that was read', true, `${EXECUTING}, observed = 'terminal', end_kind = 'cancelled'`],
  ['funds, all linked without effect', true, `${NO_EFFECT}, ${READ_LATER(30_000)}`],
  ['another code in capitals', true, `${NO_EFFECT}, ${READ_LATER(30_000)}`.replace('insufficient_funds', 'CANCELLED')],
  ['all linked without effect, read again too soon', false, `${NO_EFFECT}, ${READ_LATER(29_999)}`],
  ['all linked without effect, read once', false, NO_EFFECT],
  ['no linked transaction, read again 30 s later', true, `${NONE}, ${READ_LATER(30_000)}`],
  ['no linked transaction, read again too soon', false, `${NONE}, ${READ_LATER(29_999)}`],
  ['no linked transaction, read once', false, NONE],
  [
    'no linked transaction, and a look-up since that says nothing of it',
    false,
    `${NONE}, lookup_result = 'terminal', lookup_begun_at = timestamptz '2026-01-01 00:01Z'`,
  ],
  [
    'a code of another list',
    false,
    `${FAILED}, end_code = 'internal_error', end_linked = 'no_effect', ${READ_LATER(9e4)}`,
  ],
  ['no code', false, `${FAILED}, end_linked = 'no_effect', ${READ_LATER(9e4)}`],
  [
    'a linked one still open',
    false,
    `${FAILED}, end_code = 'insufficient_funds', end_linked = 'open', ${READ_LATER(9e4)}`,
  ],
  ['a linked one completed', false, `${FAILED}, end_code = 'cancelled', end_linked = 'completed', ${READ_LATER(9e4)}`],
  ['linked ones not read', false, `${FAILED}, end_code = 'cancelled', ${READ_LATER(9e4)}`],
  ['a success', false, `${EXECUTING}, observed = 'terminal', end_kind = 'succeeded', end_linked = 'no_effect'`],
  ['a claim', false, `${EXECUTING}, observed = 'claimed', end_kind = 'cancelled'`],
  ['a closed attempt', false, `${CLOSED}, observed = 'terminal', end_kind = 'cancelled'`],
])('no effect is proved by %s: %s', async (_, isProven, columns) => {
  const { id } = await anOrderWith(columns);
  expect(await prove((tx) => hasEndedWithoutEffect(tx, id, 1, TIMING))).toBe(isProven);
});

test('of an attempt that a younger one has overtaken one reading is proof enough, of what it may be', async () => {
  const isProven = async (columns: string) => {
    const { id } = await anOrderWith(columns);
    return prove((tx) => hasEndedWithoutEffect(tx, id, 1, TIMING, true));
  };
  expect(await isProven(NONE)).toBe(true);
  expect(await isProven(NO_EFFECT)).toBe(true);
  expect(await isProven(`${FAILED}, end_code = 'insufficient_funds', end_linked = 'open'`)).toBe(false);
});

test.each([
  ['an end of the kind', true, "observed = 'terminal', end_kind = 'succeeded'"],
  ['an end of another kind', false, "observed = 'terminal', end_kind = 'failed'"],
  ['no end', false, "observed = 'terminal'"],
  ['an end that the strongest reading does not show', false, "observed = 'claimed', end_kind = 'succeeded'"],
  ['an attempt that is closed', false, `${CLOSED}, observed = 'terminal', end_kind = 'succeeded'`],
])('an end is proved by %s: %s', async (_, isProven, columns) => {
  const { id } = await anOrderWith(columns);
  expect(await prove((tx) => hasEnded(tx, id, 1, ['succeeded']))).toBe(isProven);
});

const CREATED = "status = 'created'";
test.each([
  ['created, its execute refused', true, CREATED, 'no_effect'],
  ['created, its execute unsent', true, CREATED, 'unsent'],
  ['created, its execute without a reply', false, CREATED, null],
  ['created, its execute unknown', false, CREATED, 'unknown'],
  ['created, its execute done before', false, CREATED, 'exists'],
  ['created, its execute accepted', false, CREATED, 'accepted'],
  ['seen claimed', false, "observed = 'claimed'", 'no_effect'],
  ['seen ended', false, "observed = 'terminal'", 'no_effect'],
  ['executing', false, EXECUTING, 'no_effect'],
  ['closed before', false, CLOSED, 'no_effect'],
] as const)('an attempt can be fenced that is %s: %s', async (_, isFenced, columns, execute) => {
  // A refused send beside it says nothing of the other one.
  const order = await anOrderWith(columns, [
    ['create', 'accepted'],
    ['execute', 'no_effect'],
    ['execute', execute],
  ]);
  expect(await prove((tx) => fenceAttempt(tx, order.id, 1, 'cancelled', TIMING))).toBe(isFenced);
});

test.each([
  ['refused', false, 'no_effect'],
  ['unsent', false, 'unsent'],
  ['without a reply', true, null],
  ['unknown', true, 'unknown'],
  ['made before', true, 'exists'],
  ['accepted', true, 'accepted'],
] as const)('a fence leaves an orphan of a create %s: %s', async (_, isOrphan, outcome) => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  await aSend(order, 'create', outcome);
  expect(await prove((tx) => fenceAttempt(tx, order.id, 1, 'cancelled', TIMING))).toBe(true);
  const [row] = await test_.db`
    select orphan_until >= option_expires_at + interval '900 seconds' as is_orphan from transactions where order_id = ${order.id}`;
  expect(row?.['isOrphan'] === true).toBe(isOrphan);
});

test.each([
  ['each was refused itself', true, EXECUTING, ['no_effect', 'unsent']],
  ['one has no reply', false, EXECUTING, ['no_effect', null]],
  ['one is unknown', false, EXECUTING, ['no_effect', 'unknown']],
  ['one was done before', false, EXECUTING, ['no_effect', 'exists']],
  ['one was accepted', false, EXECUTING, ['no_effect', 'accepted']],
  ['there is none', false, EXECUTING, []],
  ['a claim was seen', false, `${EXECUTING}, observed = 'claimed'`, ['no_effect']],
  ['an end was seen', false, `${EXECUTING}, observed = 'terminal'`, ['no_effect']],
  ['the attempt is not executing', false, CREATED, ['no_effect']],
] as const)(
  'the executes of an attempt are known to be refused when %s: %s',
  async (_, isProven, columns, outcomes) => {
    const order = await anOrderWith(columns, [
      ['create', 'accepted'],
      ...outcomes.map((outcome) => ['execute', outcome] as const),
    ]);
    expect(await prove((tx) => areExecutesRefused(tx, order.id, 1))).toBe(isProven);
  },
);

test.each([
  ["conduit_order_id = 'ord_1', observed = 'pending'", true, false],
  ["observed = 'pending'", false, false],
  ["conduit_order_id = 'ord_2', observed = 'absent'", false, false],
  ["conduit_order_id = 'ord_3', observed = 'claimed'", false, true],
  ["conduit_order_id = 'ord_4', observed = 'terminal'", false, true],
  [`conduit_order_id = 'ord_5', observed = 'claimed', ${EXECUTING}`, false, false],
])('a prepared attempt with %s may become created: %s, or executing: %s', async (columns, isCreated, isClaimed) => {
  const order = await aWatchedOrder(test_.db);
  await anAttempt(test_.db, order);
  await change(order, columns);
  expect(await prove((tx) => hasCreatedProof(tx, order.id, 1))).toBe(isCreated);
  expect(await prove((tx) => hasClaimProof(tx, order.id, 1))).toBe(isClaimed);
});

const OVERDUE = "created_at = app_now() - interval '2 hours', expires_at = app_now() - interval '1 hour'";
test.each([
  ['watches again', 'amount = amount', 'watching', 'attempt_without_effect'],
  ['expires when it is overdue', OVERDUE, 'expired', 'attempt_without_effect'],
  ['fails as cancelled after a refused cancel', 'cancel_refused_at = app_now()', 'failed', 'cancel_requested'],
  ['fails so when overdue as well', `${OVERDUE}, cancel_refused_at = app_now()`, 'failed', 'cancel_requested'],
])('an order whose attempt ended without effect %s', async (_, columns, status, reason) => {
  const { db } = test_;
  const { id } = await anOrderWith(`${EXECUTING}, observed = 'terminal', end_kind = 'cancelled'`);
  await writeVersion(db, { set: db`status = 'executing', ${db.unsafe(columns)}`, where: db`order_id = ${id}` });
  const plan = {
    kind: 'close_without_effect',
    attemptTo: 'cancelled',
    reason: 'attempt_without_effect',
    code: null,
  } as const;
  const done = await applyRecord(db, id, await seenOf(db, id), plan, TIMING);
  expect(done).toMatchObject({ result: 'applied', order: { status, reason } });
});

/** A quote of the order that meets it, ready to become its next attempt. */
async function mint({ id }: OrderRow, maxAttempts = 5) {
  const option = {
    quoteId: randomUUID(),
    optionId: randomUUID(),
    endUserRate: '0.93',
    expiresAt: Date.now(),
    fees: [],
  };
  return prepareAttempt(test_.db, {
    orderId: id,
    seen: await seenOf(test_.db, id),
    option: option as unknown as HitLook['option'],
    amounts: { debit: '20', recipient: '18.46', destinationFee: '0' },
    baseUrl: 'http://127.0.0.1/v2',
    organisation: 'test',
    look: { rate: '0.923', nextCheckInMs: 1_000, lookInMs: 1_000, failedLooks: 0, isAsked: true },
    maxAttempts,
  });
}

async function attemptsOf({ id }: OrderRow): Promise<number[]> {
  const rows = await test_.db`select attempt from transactions where order_id = ${id} order by attempt`;
  return rows.map((row) => Number(row['attempt']));
}

test('the next attempt gets the number after the highest in the table', async () => {
  const order = await anOrderWith(CLOSED);
  expect(await mint(order)).toMatchObject({ result: 'applied', order: { status: 'watching' } });
  expect(await attemptsOf(order)).toEqual([1, 2]);
});

test.each([
  ['all', () => 'all'],
  ['its pair', ({ pair }: OrderRow) => `pair:${pair}`],
  ['its source account', ({ sourceAccount }: OrderRow) => `account:${sourceAccount}`],
  ['its destination account', ({ destinationAccount }: OrderRow) => `account:${destinationAccount}`],
])('no attempt is minted under a pause on %s', async (_, scopeOf) => {
  const order = await aWatchedOrder(test_.db);
  const scope = scopeOf(order) as 'all';
  await prove((tx) => addPause(tx, { scope, reason: 'test', automatic: false, healsByProbe: false }));
  expect(await mint(order)).toBe('paused');
  expect(await attemptsOf(order)).toEqual([]);
});

test('no second attempt is minted beside a live one', async () => {
  const order = await anOrderWith(CREATED);
  expect(await mint(order)).toMatchObject({ result: 'already_applied' });
  expect(await attemptsOf(order)).toEqual([1]);
});

test('no attempt is minted after a refused cancel', async () => {
  const order = await aWatchedOrder(test_.db);
  await test_.db`update orders set cancel_refused_at = app_now() where order_id = ${order.id}`;
  expect(await mint(order)).toMatchObject({ result: 'superseded' });
  expect(await attemptsOf(order)).toEqual([]);
});

test.each(["observed = 'claimed'", "end_kind = 'succeeded'", "end_linked = 'open'", "end_linked = 'completed'"])(
  'no attempt is minted while money was seen to move under a closed one: %s',
  async (moved) => {
    const order = await anOrderWith(`${CLOSED}, ${moved}`);
    expect(await mint(order)).toMatchObject({ result: 'superseded' });
    expect(await attemptsOf(order)).toEqual([1]);
  },
);

test.each([
  ['one that sent something in this hour', 'attempt = 1', 'unknown', 'limited'],
  ['one that sent something before', "created_at = app_now() - interval '61 minutes'", 'unknown', 'applied'],
  ['one that sent nothing', 'attempt = 1', 'unsent', 'applied'],
] as const)('the limit of attempts is asked again under the lock: %s', async (_, columns, outcome, expected) => {
  const order = await anOrderWith(`${CLOSED}, ${columns}`, [['create', outcome]]);
  const done = await mint(order, 1);
  expect(typeof done === 'string' ? done : done?.result).toBe(expected);
});
