import {
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import type { Temporal } from '../clients/temporal.ts';
import { ORPHANS_EVERY_MS, RECONCILE_EVERY_MS } from '../domain/timing.ts';
import type { Logger } from '../logger.ts';
import { ORDER_TASK_QUEUE, ORPHANS_WORKFLOW, RECONCILE_WORKFLOW } from '../workflows/messages.ts';

/** The two standing repairs. Every worker makes sure of them; who comes second finds them there. */
const SCHEDULES = [
  {
    id: 'reconcile',
    workflowType: RECONCILE_WORKFLOW,
    everyMs: RECONCILE_EVERY_MS,
    note: 'makes rows and runs tell one story',
  },
  {
    id: 'orphans',
    workflowType: ORPHANS_WORKFLOW,
    everyMs: ORPHANS_EVERY_MS,
    note: 'follows what closed attempts left at Conduit',
  },
] as const;

/** Longer than a pass may take: a run that is stuck must not hold up its schedule for good. */
const RUN_TIMEOUT = '2 minutes';

export interface KeptSchedules {
  /** Whether they were there, and as this release wants them, once. */
  areKept(): boolean;
  stop(): void;
}

/** What an operator deletes by mistake is made again within this; a pause of theirs stays. */
const EVERY_MS = 60_000;
const AGAIN_MS = 5_000;

/**
 * Makes sure of the schedules now, and again every minute. A Temporal that has no time for that ends no worker: under a backlog, which is
 * when it has none, each end of one would add to it. Until it has succeeded once it is tried again soon, and readiness says so.
 */
export function keepSchedules(temporal: Temporal, log: Logger, againMs = AGAIN_MS): KeptSchedules {
  // What has succeeded is not tried again soon: where each call is a matter of luck, all of them in a row would be of much.
  const kept = new Set<string>();
  const areKept = () => kept.size === SCHEDULES.length;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  async function keep(): Promise<void> {
    for (const schedule of areKept() ? SCHEDULES : SCHEDULES.filter(({ id }) => !kept.has(id))) {
      if (isStopped) return;
      try {
        await ensureSchedule(temporal, schedule, !kept.has(schedule.id));
        kept.add(schedule.id);
      } catch (err) {
        log.warn({ event: 'dependency_unavailable', err }, `the schedule ${schedule.id} could not be made sure of`);
      }
    }
    if (!isStopped) timer = setTimeout(() => void keep(), areKept() ? EVERY_MS : againMs);
  }
  void keep();
  return {
    areKept,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** Makes the schedule if it is not there; with `isUpdating` also brings one that is up to this release. */
async function ensureSchedule(
  { client, call }: Temporal,
  { id, workflowType, everyMs, note }: (typeof SCHEDULES)[number],
  isUpdating: boolean,
): Promise<void> {
  const schedule: Omit<ScheduleOptions<ScheduleOptionsStartWorkflowAction<Workflow>>, 'scheduleId'> = {
    spec: { intervals: [{ every: everyMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType,
      workflowId: id,
      taskQueue: ORDER_TASK_QUEUE,
      args: [],
      workflowRunTimeout: RUN_TIMEOUT,
    },
  };
  try {
    await call(() => client.schedule.create({ scheduleId: id, ...schedule, state: { note } }));
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    if (!isUpdating) return;
    // One that an older release made takes up what this one wants; a person's pause stays.
    await call(() => client.schedule.getHandle(id).update(({ state }) => ({ ...schedule, state })));
  }
}
