import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { Temporal } from '../../src/clients/temporal.ts';
import { HISTORIES, RELEASES_FILE, readReleases, type StoredHistory } from './stored.ts';

/** One run of a workflow; the newest one where no run is named. */
export interface RunRef {
  readonly workflowId: string;
  readonly runId?: string;
}

export function isStored(name: string): boolean {
  return existsSync(`${HISTORIES}${name}.json`);
}

/** The run's history as it is now, without what only the machine that recorded it can mean. */
export async function fetchHistory({ client }: Temporal, { workflowId, runId }: RunRef): Promise<StoredHistory> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  return withoutMachine(JSON.parse(historyToJSON(history))) as StoredHistory;
}

/** Writes a history and which release it is of. */
export function store(name: string, history: StoredHistory): void {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  writeFileSync(`${HISTORIES}${name}.json`, `${JSON.stringify(history)}\n`);
  const releases = { ...readReleases(), [name]: { release: version } };
  const sorted = Object.fromEntries(Object.entries(releases).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(RELEASES_FILE, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** Who ran it, where its sources lay, and the server's own bookkeeping: no replay reads any of it. */
const OF_THE_MACHINE = new Set(['identity', 'stackTrace', 'taskId', 'requestId', 'workerVersion', 'meteringMetadata']);

function withoutMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (typeof value !== 'object' || value === null) return value;
  // The queue of one worker alone is named after its machine.
  if ('normalName' in value && 'kind' in value) return { name: value.normalName, kind: value.kind };
  const kept = Object.entries(value).filter(([key]) => !OF_THE_MACHINE.has(key));
  return Object.fromEntries(kept.map(([key, it]) => [key, withoutMachine(it)]));
}
