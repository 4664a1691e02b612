import { createWriteStream, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { orderWorkflowId } from '../../src/workflows/messages.ts';
import { kindOf, PROCESSES } from '../system/fleet.ts';
import type { System } from '../system/system.ts';

/** What an experiment's evidence is about: its orders, and what happened since it began. */
export interface Scope {
  readonly orderIds: readonly string[];
  readonly since: number;
  /** The ledger's last entry before it. */
  readonly afterSeq: number;
}

const OF_ORDERS = ['orders', 'transactions', 'conduit_sends', 'order_events', 'idempotency_keys'] as const;
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
 * histories, the simulator's ledger, the metrics of the processes. The judge reads nothing else.
 */
export async function exportEvidence(system: System, dir: string, scope: Scope): Promise<void> {
  const { db, simulator } = system;
  for (const table of OF_ORDERS) {
    // Decimals come as the text that PostgreSQL prints, so that none is rounded on its way to the judge.
    const rows = await db`select * from ${db(table)} where order_id = any(${scope.orderIds as string[]}::uuid[])`;
    await writeLines(dir, table, rows);
  }
  for (const [table, column] of Object.entries(SINCE)) {
    await writeLines(
      dir,
      table,
      await db`select * from ${db(table)} where ${db(column)} >= ${db.typed.instant(scope.since)}`,
    );
  }
  await writeLines(dir, 'ledger', await simulator.ledger({ afterSeq: scope.afterSeq }));
  await writeLines(dir, 'requests', await simulator.requests({ sinceMs: scope.since }));
  await writeLines(dir, 'runs', await runsOf(system, scope.orderIds));
  await writeLines(dir, 'handles', await handlesOf(system));
  const metrics = await Promise.all(
    PROCESSES.map(async (name) => ({ name, text: await system.fleet.metrics(name).catch(() => '') })),
  );
  await writeLines(dir, 'metrics', metrics);
}

/** What each process holds open at rest: files and sockets, and the sessions that PostgreSQL counts for all of its kind. */
async function handlesOf({ db, fleet }: System): Promise<unknown[]> {
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

async function writeLines(dir: string, name: string, values: readonly unknown[]): Promise<void> {
  const out = createWriteStream(join(dir, `${name}.jsonl`));
  for (const value of values) out.write(`${JSON.stringify(value)}\n`);
  out.end();
  await finished(out);
}

/** Every run of every order, newest first, each with its events; an order without a run has an empty list. */
async function runsOf({ temporal }: System, orderIds: readonly string[]): Promise<unknown[]> {
  const left = [...orderIds];
  const found: unknown[] = [];
  const { workflow } = temporal.client;
  async function fetchNext(): Promise<void> {
    for (let orderId = left.pop(); orderId !== undefined; orderId = left.pop()) {
      const workflowId = orderWorkflowId(orderId);
      const runs: unknown[] = [];
      for await (const run of workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
        const handle = workflow.getHandle(workflowId, run.runId);
        const history = await temporal.call(() => handle.fetchHistory(), 15_000);
        runs.push({
          runId: run.runId,
          status: run.status.name,
          startedAt: run.startTime.toISOString(),
          closedAt: run.closeTime?.toISOString() ?? null,
          events: (JSON.parse(historyToJSON(history)) as { events: unknown[] }).events,
        });
      }
      found.push({ orderId, runs });
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, fetchNext));
  return found;
}

/** What the judge must know besides: who must not be seen, which accounts there are, how fast time ran. */
export async function writeMeta(dir: string, meta: Readonly<Record<string, unknown>>): Promise<void> {
  await writeFile(join(dir, 'meta.json'), `${JSON.stringify(meta, null, 2)}\n`);
}
