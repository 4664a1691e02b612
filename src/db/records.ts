import type { Seen } from '../domain/order.ts';
import type { RecordPlan } from '../domain/plan.ts';
import { healsByProbe } from '../domain/replies.ts';
import { backoffMs, type Timing } from '../domain/timing.ts';
import type { Page } from '../metrics.ts';
import { moveAttempt } from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import { lockOrder, type OrderRow } from './orders.ts';
import { addPause } from './pauses.ts';
import {
  areExecutesRefused,
  fenceAttempt,
  hasClaimProof,
  hasCreatedProof,
  hasEnded,
  hasEndedWithoutEffect,
  isMovingElsewhere,
} from './proofs.ts';
import { type Change, type TransitionResult, transitionLocked } from './transition.ts';

/** One record: what the order's row becomes, and the attempt's step with its proof. */
interface Recording {
  readonly change: Pick<Change, 'to' | 'dedupeKey' | 'event' | 'patch'>;
  readonly work?: () => Promise<boolean>;
  /** Why a person must be called once this is recorded. */
  readonly pages?: readonly Page[];
}

/**
 * Carries out one planned record: one transaction that compares what the plan was made from and asks its proof again in SQL.
 * Null when there is no such order.
 */
export async function applyRecord(
  db: Database,
  orderId: string,
  seen: Seen,
  plan: RecordPlan,
  timing: Timing,
): Promise<TransitionResult | null> {
  return inTransaction(db, async (tx) => {
    const order = await lockOrder(tx, orderId);
    if (!order) return null;
    const recording = await recordingOf(tx, order, seen.attempt, plan, timing);
    if (!recording) return { result: 'superseded', order };
    const { change, work, pages = [] } = recording;
    return transitionLocked(tx, order, { ...change, seen, actor: 'workflow', attempt: seen.attempt, pages }, work);
  });
}

type AttemptPlan = Exclude<RecordPlan, { kind: 'watch' | 'expire' | 'fail' }>;

/** Null when the plan speaks of an attempt and none was seen. */
async function recordingOf(
  tx: Transaction,
  order: OrderRow,
  attempt: number | null,
  plan: RecordPlan,
  timing: Timing,
): Promise<Recording | null> {
  const isNotMoving = async () => !(await isMovingElsewhere(tx, order.id, attempt));
  switch (plan.kind) {
    case 'watch':
      return { change: { to: 'watching', dedupeKey: 'watching', event: 'watching' } };
    case 'expire':
      return {
        change: { to: 'expired', dedupeKey: 'expired', event: 'expired' },
        work: isNotMoving,
      };
    case 'fail': {
      const patch = { reason: plan.reason, providerCode: plan.code };
      return {
        change: { to: 'failed', dedupeKey: `failed:${plan.reason}`, event: 'failed', patch },
        work: isNotMoving,
      };
    }
    default:
      return attempt === null ? null : recordingOfAttempt(tx, order, attempt, plan, timing);
  }
}

async function recordingOfAttempt(
  tx: Transaction,
  order: OrderRow,
  attempt: number,
  plan: AttemptPlan,
  timing: Timing,
): Promise<Recording> {
  const { id } = order;
  switch (plan.kind) {
    case 'adopt_created':
      return {
        change: { to: order.status, dedupeKey: `created:g${attempt}`, event: 'attempt_created' },
        work: async () => (await hasCreatedProof(tx, id, attempt)) && moved(moveAttempt(tx, id, attempt, 'created')),
      };
    case 'adopt_claimed':
      return {
        change: { to: 'executing', dedupeKey: `claimed:g${attempt}`, event: 'claimed' },
        work: async () => (await hasClaimProof(tx, id, attempt)) && moved(moveAttempt(tx, id, attempt, 'executing')),
        pages: ['claimed_without_execute'],
      };
    case 'complete':
      return completion(tx, id, attempt, plan.isForeign);
    case 'execute_refused':
      return executeRefused(tx, order, attempt, plan);
    case 'fence':
      return {
        change: closing(plan, plan.to, attempt, timing),
        work: async () =>
          (plan.to === 'watching' || !(await isMovingElsewhere(tx, id, attempt))) &&
          (await fenceAttempt(tx, id, attempt, plan.attemptTo, timing)) &&
          moved(pauseFor(tx, order, plan)),
        pages: (await isAutoExecuting(tx, id, attempt)) ? ['auto_execute_ignored'] : [],
      };
    case 'close_without_effect':
      return withoutEffect(tx, order, attempt, plan, timing);
    case 'fail_attempt':
      return {
        change: closing(plan, 'failed', attempt, timing),
        work: async () =>
          (await hasEnded(tx, id, attempt, ['failed', 'cancelled'])) &&
          moved(moveAttempt(tx, id, attempt, plan.attemptTo, 'reading')),
        pages: plan.isPage ? ['partial_effect'] : [],
      };
  }
}

/** However the attempt is closed: an order that executes by itself, which we asked it not to, is for a person. */
async function isAutoExecuting(tx: Transaction, orderId: string, attempt: number): Promise<boolean> {
  const rows = await tx`
    select from transactions where order_id = ${orderId} and attempt = ${attempt} and lock_fault = 'auto_execute'`;
  return rows.count === 1;
}

async function completion(tx: Transaction, orderId: string, attempt: number, isForeign: boolean): Promise<Recording> {
  const asLocked = await tx`
    select from transactions where order_id = ${orderId} and attempt = ${attempt}
      and settled_debit = locked_debit and settled_recipient = locked_recipient`;
  const pages: Page[] = isForeign ? ['executed_without_execute'] : [];
  return {
    change: {
      to: 'executed',
      dedupeKey: `executed:g${attempt}`,
      event: 'executed',
      patch: { reason: null, providerCode: null },
    },
    work: async () =>
      (await hasEnded(tx, orderId, attempt, ['succeeded'])) &&
      moved(moveAttempt(tx, orderId, attempt, 'succeeded', 'reading')),
    pages: asLocked.count === 1 ? pages : [...pages, 'settled_differs_from_lock'],
  };
}

async function executeRefused(
  tx: Transaction,
  order: OrderRow,
  attempt: number,
  plan: Extract<RecordPlan, { kind: 'execute_refused' }>,
): Promise<Recording> {
  const [last] = await tx<{ sendId: string }[]>`
    select max(send_id) as send_id from conduit_sends
    where order_id = ${order.id} and attempt = ${attempt} and operation = 'execute'`;
  return {
    change: {
      to: 'watching',
      dedupeKey: `refused:g${attempt}:execute${last?.sendId}`,
      event: 'execute_refused',
      patch: { reason: plan.reason, providerCode: plan.code },
    },
    work: async () => {
      if (!(await areExecutesRefused(tx, order.id, attempt))) return false;
      await moveAttempt(tx, order.id, attempt, 'created');
      return moved(pauseFor(tx, order, plan));
    },
  };
}

/**
 * Where the order goes is read under the lock: a refused cancel fails it, the clock expires it, else it watches again; so does one of
 * which money moves under another attempt, until the alarm for that ends it.
 */
async function withoutEffect(
  tx: Transaction,
  order: OrderRow,
  attempt: number,
  plan: Extract<RecordPlan, { kind: 'close_without_effect' }>,
  timing: Timing,
): Promise<Recording> {
  const overdue = await tx`select from orders where order_id = ${order.id} and app_now() >= expires_at`;
  const isMoving = await isMovingElsewhere(tx, order.id, attempt);
  const isCancelled = order.cancelRefusedAt !== null && !isMoving;
  const to = isCancelled ? 'failed' : overdue.count === 1 && !isMoving ? 'expired' : 'watching';
  return {
    change: closing(isCancelled ? { ...plan, reason: 'cancel_requested' } : plan, to, attempt, timing),
    work: async () =>
      (await hasEndedWithoutEffect(tx, order.id, attempt, timing)) &&
      moved(moveAttempt(tx, order.id, attempt, plan.attemptTo, 'reading')),
  };
}

function closing(
  { reason, code }: Extract<RecordPlan, { attemptTo: unknown }>,
  to: 'watching' | 'expired' | 'failed',
  attempt: number,
  timing: Timing,
): Recording['change'] {
  return {
    to,
    dedupeKey: `closed:g${attempt}`,
    event: to === 'watching' ? 'attempt_closed' : to,
    patch: { reason, providerCode: code, nextCheckInMs: backoffMs(attempt, timing) },
  };
}

async function moved(move: Promise<void>): Promise<true> {
  await move;
  return true;
}

async function pauseFor(
  tx: Transaction,
  order: OrderRow,
  { pause, code }: Extract<RecordPlan, { pause: unknown }>,
): Promise<void> {
  if (pause === null) return;
  const reason = code ?? 'provider refused our access';
  const settings = { reason, automatic: true, healsByProbe: code === null || healsByProbe(code) };
  if (pause === 'all') await addPause(tx, { ...settings, scope: 'all' });
  // Which of the two accounts is at fault the provider does not say; both stay out until a probe of each succeeds.
  const accounts = pause === 'account' ? [order.sourceAccount, order.destinationAccount].sort() : [];
  for (const account of accounts) {
    await addPause(tx, { ...settings, scope: `account:${account}` });
  }
}
