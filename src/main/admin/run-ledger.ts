import { setTimeout as delay } from 'node:timers/promises';
import type { RunBook } from '../../activities/repairs.ts';
import type { Temporal } from '../../clients/temporal.ts';
import type { Database } from '../../db/client.ts';
import { findOrder } from '../../db/orders.ts';
import { openOrders, withoutOpenRow } from '../../db/reconcile.ts';
import { isUuid } from '../../domain/ids.ts';
import { ORDER_WORKFLOW, orderWorkflowId } from '../../workflows/messages.ts';

export interface RunLedgerDeps {
  readonly db: Database;
  readonly temporal: Pick<Temporal, 'client' | 'call'>;
  readonly runs: Pick<RunBook, 'describeOrder'>;
  readonly settleMs?: number;
}

export interface Disagreement {
  readonly orderId: string;
  readonly what: string;
}

export interface RunComparison {
  readonly openRows: number;
  readonly openRuns: number;
  readonly disagreements: readonly Disagreement[];
}

const PAGE = 200;
const AT_ONCE = 20;
const LIST_DEADLINE_MS = 30_000;
/** What is only under way is over by then: a start, a signal and the task that it makes take seconds. */
const SETTLE_MS = 10_000;
const LOOK_AGAIN_MS = 1_000;

/** Holds every open row against its run, and every open run against its row. What disagrees is looked at until it no longer does, or for good. */
export async function compareRuns(deps: RunLedgerDeps): Promise<RunComparison> {
  const { db, runs } = deps;
  const suspects = new Set<string>();
  let openRows = 0;
  for (let after: string | null = null; ; ) {
    const page = await openOrders(db, after, PAGE);
    openRows += page.length;
    // One that was placed a moment ago may still be on its way to its run.
    const settled = page.filter(({ isSettled }) => isSettled).map(({ orderId }) => orderId);
    await inParts(settled, async (id) => {
      if ((await runs.describeOrder(id)) !== 'running') suspects.add(id);
    });
    after = page.at(-1)?.orderId ?? null;
    if (page.length < PAGE || after === null) break;
  }
  const running = await runningOrders(deps);
  for (let i = 0; i < running.length; i += PAGE)
    for (const id of await withoutOpenRow(db, running.slice(i, i + PAGE))) suspects.add(id);
  return { openRows, openRuns: running.length, disagreements: await untilSettled(deps, suspects) };
}

/** The same for one order, whatever its age. */
export async function compareRun(deps: RunLedgerDeps, orderId: string): Promise<readonly Disagreement[]> {
  return untilSettled(deps, new Set([orderId]));
}

async function untilSettled(deps: RunLedgerDeps, suspects: ReadonlySet<string>): Promise<Disagreement[]> {
  const giveUpAt = performance.now() + (deps.settleMs ?? SETTLE_MS);
  for (let left = [...suspects]; ; await delay(LOOK_AGAIN_MS)) {
    const found = await inParts(left, (id) => disagreementOf(deps, id));
    const disagreements = found.filter((it) => it !== null);
    if (disagreements.length === 0 || performance.now() > giveUpAt) return disagreements;
    left = disagreements.map(({ orderId }) => orderId);
  }
}

const WITHOUT_RUN = {
  stuck: "its run's task fails again and again",
  ended: 'its run has ended',
  absent: 'it has no run',
} as const;

async function disagreementOf({ db, runs }: RunLedgerDeps, orderId: string): Promise<Disagreement | null> {
  // The run first: a row that ends after it is one whose run may still be open.
  const run = await runs.describeOrder(orderId);
  const order = await findOrder(db, orderId);
  if (!order) return run === 'running' ? { orderId, what: 'has a run, and there is no such order here' } : null;
  if (order.closedAt === null) {
    return run === 'running' ? null : { orderId, what: `is ${order.status}, and ${WITHOUT_RUN[run]}` };
  }
  return run === 'running' || run === 'stuck'
    ? { orderId, what: `is ${order.status}, and its run is still open` }
    : null;
}

/** By visibility, which is a little behind: whatever it names is looked at by itself. */
async function runningOrders({ temporal: { client, call } }: RunLedgerDeps): Promise<string[]> {
  const query = `WorkflowType = '${ORDER_WORKFLOW}' and ExecutionStatus = 'Running'`;
  const prefix = orderWorkflowId('');
  return call(async () => {
    const ids: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query })) {
      const id = workflowId.startsWith(prefix) ? workflowId.slice(prefix.length) : '';
      if (isUuid(id)) ids.push(id);
    }
    return ids;
  }, LIST_DEADLINE_MS);
}

async function inParts<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += AT_ONCE)
    results.push(...(await Promise.all(items.slice(i, i + AT_ONCE).map(act))));
  return results;
}
