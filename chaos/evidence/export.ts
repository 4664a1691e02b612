import { createWriteStream, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { orderWorkflowId } from '../../src/workflows/messages.ts';
import { SWEPT } from '../checker/evidence.ts';
import type { HandlesRow, MetricsText } from '../checker/rows.ts';
import type { Meta, OtherRuns, Run, RunsOfOrder } from '../checker/witnesses.ts';
import { kindOf, PROCESSES } from '../system/fleet.ts';
import type { System } from '../system/system.ts';
import { takeDeadLetters } from './dead-letters.ts';

/** What an experiment's evidence is about: the orders that are known to be its own, and all that happened since it began. */
export interface Scope {
  readonly orderIds: readonly string[];
  readonly since: number;
  /** The ledger's last entry before it. */
  readonly afterSeq: number;
}

const OF_ORDERS = ['transactions', 'conduit_sends', 'order_events'] as const;
const SINCE = {
  outbox: 'created_at',
  inbox: 'received_at',
  rate_observations: 'observed_at',
  pauses: 'created_at',
} as const;
/** Histories are fetched side by side, not all at once: the server serves the orders of the next experiment, too. */
const SIDE_BY_SIDE = 8;

/**
 * Writes everything that the witnesses say into the folder, a file of JSON lines each: the tables, Temporal's runs with their
 * histories, the simulator's ledger, the metrics of the processes, the messages that were put aside. The judge reads nothing else.
 */
export async function exportEvidence(system: System, dir: string, scope: Scope): Promise<void> {
  const { db, simulator } = system;
  const orderIds = await exportOrders(system, dir, scope);
  for (const [table, column] of Object.entries(SINCE)) {
    await writeLines(
      dir,
      table,
      await db`select * from ${db(table)} where ${db(column)} >= ${db.typed.instant(scope.since)}`,
    );
  }
  for (const table of [...SWEPT, 'account_owners']) await writeLines(dir, table, await db`select * from ${db(table)}`);
  await writeLines(dir, 'dead_letters', await takeDeadLetters(system.env));
  await writeLines(dir, 'ledger', await simulator.ledger({ afterSeq: scope.afterSeq }));
  await writeLines(dir, 'requests', await simulator.requests({ sinceMs: scope.since }));
  await writeLines(dir, 'runs', await runsOf(system, orderIds));
  await writeLines(dir, 'other_runs', await otherRuns(system, scope.since, new Set(orderIds.map(orderWorkflowId))));
  await writeLines(dir, 'handles', await handlesOf(system));
  const metrics = await Promise.all(
    PROCESSES.map(
      async (name): Promise<MetricsText> => ({
        name,
        text: await system.fleet.metrics(name).catch(() => ''),
      }),
    ),
  );
  await writeLines(dir, 'metrics', metrics);
}

/** Whatever was placed, also what nobody was told of: half an order, or a second one under a key, is otherwise nobody's. Returns the ids. */
async function exportOrders({ db }: System, dir: string, { orderIds, since }: Scope): Promise<string[]> {
  const known = orderIds as string[];
  const orders = await db<{ orderId: string }[]>`
    select * from orders where created_at >= ${db.typed.instant(since)} or order_id = any(${known}::uuid[])`;
  const ids = orders.map(({ orderId }) => orderId);
  await writeLines(dir, 'orders', orders);
  const keys = await db`
    select * from idempotency_keys
    where created_at >= ${db.typed.instant(since)} or order_id = any(${ids}::uuid[])`;
  await writeLines(dir, 'idempotency_keys', keys);
  for (const table of OF_ORDERS)
    await writeLines(dir, table, await db`select * from ${db(table)} where order_id = any(${ids}::uuid[])`);
  return ids;
}

/** What each process holds open at rest: files and sockets, and the sessions that PostgreSQL counts for all of its kind. */
async function handlesOf({ db, fleet }: System): Promise<HandlesRow[]> {
  const sessions = await db<{ applicationName: string; count: number }[]>`
    select application_name, count(*)::int as count from pg_stat_activity
    where application_name like 'conduitpay-%' group by application_name`;
  return PROCESSES.map((name) => ({
    name,
    openFiles: openFilesOf(fleet.pidOf(name)),
    sessions: sessions.find(({ applicationName }) => applicationName === `conduitpay-${kindOf(name)}`)?.count ?? 0,
  }));
}

/** Null where the system does not tell. */
function openFilesOf(pid: number | null): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

async function writeLines(dir: string, name: string, values: readonly object[]): Promise<void> {
  const out = createWriteStream(join(dir, `${name}.jsonl`));
  for (const value of values) out.write(`${JSON.stringify(legible(value))}\n`);
  out.end();
  await finished(out);
}

/** Bytes as the text that they may be: as a list of numbers a secret among them would go unseen. */
function legible(row: object): object {
  const entries = Object.entries(row) as [string, unknown][];
  if (!entries.some(([, value]) => Buffer.isBuffer(value))) return row;
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('latin1') : value]),
  );
}

/** Every run of every order, newest first, each with its events; an order without a run has an empty list. */
async function runsOf(system: System, orderIds: readonly string[]): Promise<RunsOfOrder[]> {
  return sideBySide(orderIds, async (orderId) => {
    const workflowId = orderWorkflowId(orderId);
    const found = await listed(system, `WorkflowId = '${workflowId}'`);
    const runs: Run[] = [];
    for (const run of found) runs.push(await fetched(system, run));
    return { orderId, runs };
  });
}

/** Whatever else ran in this time: the watchers, repair, and orders that are none of ours. */
async function otherRuns(system: System, since: number, known: ReadonlySet<string>): Promise<OtherRuns[]> {
  const from = new Date(since).toISOString();
  const found = await listed(system, `StartTime >= '${from}' or CloseTime >= '${from}' or ExecutionStatus = 'Running'`);
  const others = found.filter(({ workflowId }) => !known.has(workflowId));
  return sideBySide(others, async (run) => ({ workflowId: run.workflowId, runs: [await fetched(system, run)] }));
}

type Listed = Omit<Run, 'events'> & { readonly workflowId: string };

async function listed({ temporal }: System, query: string): Promise<Listed[]> {
  const found: Listed[] = [];
  for await (const { workflowId, runId, status, closeTime } of temporal.client.workflow.list({ query }))
    found.push({ workflowId, runId, status: status.name, closedAt: closeTime?.toISOString() ?? null });
  return found;
}

async function fetched({ temporal }: System, { workflowId, runId, status, closedAt }: Listed): Promise<Run> {
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  const history = await temporal.call(() => handle.fetchHistory(), 15_000);
  const { events } = JSON.parse(historyToJSON(history)) as Pick<Run, 'events'>;
  return { runId, status, closedAt, events };
}

/** In the order of the list. */
async function sideBySide<T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const left = [...list.entries()];
  const results: R[] = [];
  async function takeNext(): Promise<void> {
    for (let next = left.shift(); next; next = left.shift()) results[next[0]] = await work(next[1]);
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, takeNext));
  return results;
}

/** What the judge must know besides: who must not be seen, which accounts there are, how fast time ran. */
export async function writeMeta(dir: string, meta: Meta): Promise<void> {
  await writeFile(join(dir, 'meta.json'), `${JSON.stringify(meta, null, 2)}\n`);
}
