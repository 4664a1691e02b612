import type { Seen } from '../domain/order.ts';
import type { RecordPlan } from '../domain/plan.ts';
import { healsByProbe } from '../domain/replies.ts';
import { backoffMs, type Timing } from '../domain/timing.ts';
import { moveAttempt } from './attempts.ts';
import { type Database, inTransaction, type Transaction } from './client.ts';
import { lockOrder, type OrderRow } from './orders.ts';
import { addPause } from './pauses.ts';
import { type Change, type TransitionResult, transitionLocked } from './transition.ts';

type Fence = Extract<RecordPlan, { kind: 'fence' }>;

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
    const base = { seen, actor: 'workflow', attempt: seen.attempt } as const;
    if (plan.kind === 'watch')
      return transitionLocked(tx, order, { ...base, to: 'watching', dedupeKey: 'watching', event: 'watching' });
    if (plan.kind === 'expire') {
      return transitionLocked(tx, order, { ...base, to: 'expired', dedupeKey: 'expired', event: 'expired' });
    }
    if (plan.kind === 'fail') {
      const patch = { reason: plan.reason, providerCode: plan.code };
      return transitionLocked(tx, order, {
        ...base,
        to: 'failed',
        dedupeKey: `failed:${plan.reason}`,
        event: 'failed',
        patch,
      });
    }
    const { attempt } = seen;
    return attempt === null ? { result: 'superseded', order } : recordOfAttempt(tx, order, attempt, base, plan, timing);
  });
}

type AttemptPlan = Exclude<RecordPlan, { kind: 'watch' | 'expire' | 'fail' }>;

async function recordOfAttempt(
  tx: Transaction,
  order: OrderRow,
  attempt: number,
  base: Pick<Change, 'actor' | 'attempt'> & { seen: Seen },
  plan: AttemptPlan,
  timing: Timing,
): Promise<TransitionResult> {
  const id = order.id;
  switch (plan.kind) {
    case 'adopt_created':
      return transitionLocked(
        tx,
        order,
        { ...base, to: order.status, dedupeKey: `created:g${attempt}`, event: 'attempt_created' },
        async () => (await hasCreatedProof(tx, id, attempt)) && moved(moveAttempt(tx, id, attempt, 'created')),
      );
    case 'adopt_claimed':
      return transitionLocked(
        tx,
        order,
        { ...base, to: 'executing', dedupeKey: `claimed:g${attempt}`, event: 'claimed' },
        async () => (await hasClaimProof(tx, id, attempt)) && moved(moveAttempt(tx, id, attempt, 'executing')),
      );
    case 'complete':
      return transitionLocked(
        tx,
        order,
        {
          ...base,
          to: 'executed',
          dedupeKey: `executed:g${attempt}`,
          event: 'executed',
          patch: { reason: null, providerCode: null },
        },
        async () =>
          (await hasEnded(tx, id, attempt, ['succeeded'])) &&
          moved(moveAttempt(tx, id, attempt, 'succeeded', 'reading')),
      );
    case 'execute_refused': {
      const [last] = await tx<{ sendId: string }[]>`
        select max(send_id) as send_id from conduit_sends where order_id = ${id} and attempt = ${attempt} and operation = 'execute'`;
      return transitionLocked(
        tx,
        order,
        {
          ...base,
          to: 'watching',
          dedupeKey: `refused:g${attempt}:execute${last?.sendId}`,
          event: 'execute_refused',
          patch: { reason: plan.reason, providerCode: plan.code },
        },
        async () => {
          if (!(await areExecutesRefused(tx, id, attempt))) return false;
          await moveAttempt(tx, id, attempt, 'created');
          if (plan.pause) await pauseFor(tx, order, plan.pause, plan.code);
          return true;
        },
      );
    }
    case 'fence': {
      const isOverdue = plan.to === 'expired';
      return transitionLocked(
        tx,
        order,
        { ...base, ...closing(plan, attempt, isOverdue ? 'expired' : 'attempt_closed', timing) },
        async () => {
          if (!(await fenceAttempt(tx, id, attempt, plan.attemptTo, timing))) return false;
          if (plan.pause) await pauseFor(tx, order, plan.pause, plan.code);
          return true;
        },
      );
    }
    case 'close_without_effect':
      return closeWithoutEffect(tx, order, attempt, base, plan, timing);
    case 'fail_attempt':
      return transitionLocked(
        tx,
        order,
        {
          ...base,
          to: 'failed',
          dedupeKey: `closed:g${attempt}`,
          event: 'failed',
          patch: { reason: plan.reason, providerCode: plan.code },
        },
        async () =>
          (await hasEnded(tx, id, attempt, ['failed', 'cancelled'])) &&
          moved(moveAttempt(tx, id, attempt, plan.attemptTo, 'reading')),
      );
  }
}

function closing(plan: Fence, attempt: number, event: Change['event'], timing: Timing) {
  return {
    to: plan.to,
    dedupeKey: `closed:g${attempt}`,
    event: plan.to === 'failed' ? 'failed' : event,
    patch: { reason: plan.reason, providerCode: plan.code, nextCheckInMs: backoffMs(attempt, timing) },
  } as const;
}

/** Where the order goes is read under the lock: a refused cancel fails it, the clock expires it, else it watches again. */
async function closeWithoutEffect(
  tx: Transaction,
  order: OrderRow,
  attempt: number,
  base: Pick<Change, 'actor' | 'attempt'> & { seen: Seen },
  plan: Extract<RecordPlan, { kind: 'close_without_effect' }>,
  timing: Timing,
): Promise<TransitionResult> {
  const [clock] = await tx<
    { overdue: boolean }[]
  >`select app_now() >= expires_at as overdue from orders where order_id = ${order.id}`;
  const to = order.cancelRefusedAt !== null ? 'failed' : clock?.overdue ? 'expired' : 'watching';
  const reason = to === 'failed' ? 'cancel_requested' : plan.reason;
  return transitionLocked(
    tx,
    order,
    {
      ...base,
      to,
      dedupeKey: `closed:g${attempt}`,
      event: to === 'watching' ? 'attempt_closed' : to,
      patch: { reason, providerCode: plan.code, nextCheckInMs: backoffMs(attempt, timing) },
    },
    async () =>
      (await hasEndedWithoutEffect(tx, order.id, attempt, timing)) &&
      moved(moveAttempt(tx, order.id, attempt, plan.attemptTo, 'reading')),
  );
}

async function moved(move: Promise<void>): Promise<boolean> {
  await move;
  return true;
}

/**
 * Closes a live attempt before any execute can have an effect, under the order's lock; false when that cannot be proved. What
 * it may have left at the provider becomes an orphan, which the reconciler cancels and follows to its end.
 */
export async function fenceAttempt(
  tx: Transaction,
  orderId: string,
  attempt: number,
  to: 'cancelled' | 'failed',
  timing: Timing,
): Promise<boolean> {
  const rows = await tx`
    update transactions t set
      status = ${to}, version = version + 1, updated_at = app_now(), closed_at = app_now(), closed_by = 'fence', unknown_since = null,
      orphan_until = case when conduit_order_id is not null or exists (
          select from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt and s.operation = 'create'
            and (s.outcome is null or s.outcome not in ('no_effect', 'unsent')))
        then greatest(option_expires_at, app_now()) + ${timing.orphanWatchMs} * interval '1 millisecond' end,
      next_lookup_at = app_now()
    where order_id = ${orderId} and attempt = ${attempt} and status in ('prepared', 'created')
      and (observed is null or observed not in ('claimed', 'terminal'))
      and not exists (select from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt
        and s.operation = 'execute' and (s.outcome is null or s.outcome not in ('no_effect', 'unsent')))`;
  return rows.count === 1;
}

async function hasCreatedProof(tx: Transaction, orderId: string, attempt: number): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt} and status = 'prepared'
      and conduit_order_id is not null and coalesce(observed, 'pending') = 'pending'`;
  return rows.length === 1;
}

async function hasClaimProof(tx: Transaction, orderId: string, attempt: number): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt} and status in ('prepared', 'created')
      and observed in ('claimed', 'terminal')`;
  return rows.length === 1;
}

async function areExecutesRefused(tx: Transaction, orderId: string, attempt: number): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions t where order_id = ${orderId} and attempt = ${attempt} and status = 'executing'
      and (observed is null or observed not in ('claimed', 'terminal'))
      and (select count(*) > 0 and bool_and(s.outcome is not null and s.outcome in ('no_effect', 'unsent'))
        from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt and s.operation = 'execute')`;
  return rows.length === 1;
}

async function hasEnded(tx: Transaction, orderId: string, attempt: number, kinds: string[]): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt}
      and status in ('prepared', 'created', 'executing') and observed = 'terminal' and end_kind = any (${kinds})`;
  return rows.length === 1;
}

async function hasEndedWithoutEffect(
  tx: Transaction,
  orderId: string,
  attempt: number,
  timing: Timing,
): Promise<boolean> {
  const rows = await tx`
    select 1 from transactions where order_id = ${orderId} and attempt = ${attempt}
      and status in ('prepared', 'created', 'executing') and observed = 'terminal'
      and (end_kind = 'cancelled' or (end_kind = 'failed'
        and lower(end_code) in ('insufficient_funds', 'provider_unavailable', 'cancelled')
        and (end_linked = 'no_effect' or (end_linked = 'none' and lookup_result = 'terminal'
          and lookup_begun_at >= end_first_read_at + ${30 * timing.secondMs} * interval '1 millisecond'))))`;
  return rows.length === 1;
}

async function pauseFor(tx: Transaction, order: OrderRow, kind: 'all' | 'account', code: string | null): Promise<void> {
  const reason = code ?? 'provider refused our access';
  const pause = { reason, automatic: true, healsByProbe: code === null || healsByProbe(code) };
  if (kind === 'all') return addPause(tx, { ...pause, scope: 'all' });
  // Which of the two accounts is at fault the provider does not say; both stay out until a probe of each succeeds.
  for (const account of [order.sourceAccount, order.destinationAccount].sort()) {
    await addPause(tx, { ...pause, scope: `account:${account}` });
  }
}
