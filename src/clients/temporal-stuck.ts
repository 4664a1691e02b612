import type { Client } from '@temporalio/client';

type WorkflowService = Client['workflowService'];
type Page = Awaited<ReturnType<WorkflowService['getWorkflowExecutionHistoryReverse']>>;
type HistoryEvent = NonNullable<NonNullable<Page['history']>['events']>[number];

/** A worker that dies, or a release that is mended within it, costs a task some tries: nothing to end a run for. */
export const STUCK_AFTER_MS = 30_000;
const STUCK_AFTER_FAILURES = 3;
/** As far back as is looked for the last task that was completed. */
const NEWEST_EVENTS = 100;

/** A run's newest events, the newest first. */
export async function newestEvents(client: Client, workflowId: string, runId: string): Promise<HistoryEvent[]> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: NEWEST_EVENTS,
  });
  return history?.events ?? [];
}

/**
 * Whether a run's task has failed three times since it last completed one, first of all `stuckAfterMs` ago. `attempt` is that of the
 * task that waits. Neither alone tells: of tries in a row only the first failure is in the history, and every signal that comes in
 * between counts attempts from one again.
 *
 * @param events the newest first
 */
export function isStuck(events: readonly HistoryEvent[], attempt: number, stuckAfterMs: number): boolean {
  const completed = events.findIndex((event) => event.workflowTaskCompletedEventAttributes);
  const since = completed === -1 ? events : events.slice(0, completed);
  const failures = since.filter((event) => event.workflowTaskFailedEventAttributes);
  const firstAt = Number(failures.at(-1)?.eventTime?.seconds ?? Number.POSITIVE_INFINITY) * 1_000;
  return failures.length + Math.max(0, attempt - 2) >= STUCK_AFTER_FAILURES && Date.now() - firstAt >= stuckAfterMs;
}
