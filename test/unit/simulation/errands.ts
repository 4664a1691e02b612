import type { Errand, ErrandResult, Hints, Step } from '../../../src/activities/interface.ts';
import { sendsOf } from '../../../src/domain/attempt.ts';
import type { Seen } from '../../../src/domain/order.ts';
import type { Request } from './conduit.ts';
import { takeFirmLook } from './firm-looks.ts';
import { lookUp, readingOf } from './look-ups.ts';
import { exchange } from './network.ts';
import { insertSend, takePermit } from './permits.ts';
import { planFor, situationOf, stepOf } from './planning.ts';
import { storeSendReply } from './readings.ts';
import { applyRecord } from './records.ts';
import { pass, type Steps } from './steps.ts';
import type { AttemptRow, SendRow } from './tables.ts';
import type { World } from './world.ts';

const said = (result: string, code: string | null = null): ErrandResult => ({ result, code });

/** More than an order can need in one go. */
const MAX_RECORDS = 12;
const DATABASE_MS = 3;

/** `advanceOrder`. */
export function* advance(world: World, hints: Hints): Steps<Step> {
  const recorded: string[] = [];
  for (let count = 0; count < MAX_RECORDS; count += 1) {
    const situation = situationOf(world, hints);
    const seen = world.seen();
    const action = planFor(world, situation);
    if (action.kind !== 'record') return stepOf(world, action, recorded);
    yield* pass(world, 'record');
    if (applyRecord(world, seen, action.record)) recorded.push(action.record.kind);
  }
  world.laws.broken(`L2: the plan repeats itself: ${recorded.join(', ') || 'its record is never applied'}`);
  return stepOf(world, { kind: 'sleep', until: world.now + 60_000, waitingFor: 'retry' }, recorded);
}

export function* carryOut(world: World, errand: Errand, seen: Seen): Steps<ErrandResult> {
  yield* pass(world, 'begin');
  yield DATABASE_MS;
  switch (errand.kind) {
    case 'look':
      return yield* takeFirmLook(world, seen);
    case 'look_up':
      return yield* lookUp(world, seen);
    case 'send_create':
      return yield* sendUnderPermit(world, seen, 'create', 1);
    case 'send_execute':
      return yield* sendUnderPermit(world, seen, 'execute', errand.keyNumber);
    case 'send_cancel':
      return yield* sendCancel(world, seen, errand.keyNumber);
  }
}

function* sendUnderPermit(
  world: World,
  seen: Seen,
  operation: 'create' | 'execute',
  keyNumber: number,
): Steps<ErrandResult> {
  const { now: permittedAt, timing, rules } = world;
  const permit = takePermit(world, seen, operation, keyNumber);
  if (!permit) return said('refused');
  yield* pass(world, 'bytes');
  if (rules.permitAges && world.now - permittedAt > timing.permitTtlMs) {
    const result = { outcome: 'unsent', code: 'PERMIT_EXPIRED', httpStatus: null, retryAfterMs: null } as const;
    storeSendReply(world, permit.attempt, permit.send, result, null);
    return said('unsent');
  }
  return yield* deliver(world, permit.attempt, permit.send);
}

function* sendCancel(world: World, seen: Seen, keyNumber: number): Steps<ErrandResult> {
  const attempt = seen.attempt === null ? undefined : world.tables.attempts[seen.attempt - 1];
  if (!attempt || attempt.conduitOrderId === null) return said('refused');
  if (world.tables.gateClosedUntil > world.now) return said('gate_closed');
  return yield* cancelAtProvider(world, attempt, keyNumber);
}

export function* cancelAtProvider(
  world: World,
  attempt: AttemptRow,
  keyNumber: number,
  orderId = attempt.conduitOrderId,
): Steps<ErrandResult> {
  const isFirst = sendsOf(attempt, 'cancel').length === 0;
  const send = insertSend(world, attempt, 'cancel', keyNumber);
  if (isFirst) attempt.nextLookupAt = world.now + 2 * world.timing.secondMs;
  return yield* deliver(world, attempt, send, orderId);
}

function* deliver(
  world: World,
  attempt: AttemptRow,
  send: SendRow,
  orderId = attempt.conduitOrderId,
): Steps<ErrandResult> {
  const { operation, key } = send;
  const { optionId, reference } = attempt;
  world.laws.left(operation);
  const request: Request = { operation, key, optionId, reference, orderId: orderId ?? '', leftAt: world.now };
  let exchanged = yield* exchange(world, request);
  // An HTTP agent that repeats by itself: two physical requests, and one row for both.
  if (!world.rules.ownRowPerSend && exchanged.result.code === 'TIMEOUT') exchanged = yield* exchange(world, request);
  const { result, order } = exchanged;
  yield* pass(world, 'reply');
  if (result.httpStatus === 429) world.closeGate(result.retryAfterMs ?? 5_000);
  storeSendReply(world, attempt, send, result, order && readingOf(attempt, order, null));
  return said(result.outcome, result.code);
}
