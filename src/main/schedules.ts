import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Temporal } from '../clients/temporal.ts';
import { ORDER_TASK_QUEUE, ORPHANS_WORKFLOW, RECONCILE_WORKFLOW } from '../workflows/messages.ts';

/** The two standing repairs. Every worker makes sure of them; who comes second finds them there. */
const SCHEDULES = [
  { id: 'reconcile', workflowType: RECONCILE_WORKFLOW, everyMs: 15_000, note: 'makes rows and runs tell one story' },
  {
    id: 'orphans',
    workflowType: ORPHANS_WORKFLOW,
    everyMs: 30_000,
    note: 'follows what closed attempts left at Conduit',
  },
] as const;

export async function ensureSchedules({ client, call }: Temporal): Promise<void> {
  for (const { id, workflowType, everyMs, note } of SCHEDULES) {
    try {
      await call(() =>
        client.schedule.create({
          scheduleId: id,
          spec: { intervals: [{ every: everyMs }] },
          policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
          action: { type: 'startWorkflow', workflowType, workflowId: id, taskQueue: ORDER_TASK_QUEUE, args: [] },
          state: { note },
        }),
      );
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    }
  }
}
