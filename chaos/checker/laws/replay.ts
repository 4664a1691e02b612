// I12: no run met a history that its code could not follow, nor threw where it may not.
import type { Evidence } from '../evidence.ts';
import { isFrozenAt } from '../strikes.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Run, RunEvent } from '../witnesses.ts';

const NON_DETERMINISTIC = 'NON_DETERMINISTIC_ERROR';
/** What no code of a workflow is to blame for: its task was overtaken by an operator, or by news that came while it ended. */
const OVERTAKEN = ['RESET_WORKFLOW', 'FORCE_CLOSE_COMMAND', 'UNHANDLED_COMMAND', 'RESET_STICKY_TASK_QUEUE'];
const TASK_COMPLETED = 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED';
const TASK_FAILED = 'EVENT_TYPE_WORKFLOW_TASK_FAILED';
const TASK_ENDS = new Set([TASK_COMPLETED, TASK_FAILED, 'EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT']);
const SLEPT_THROUGH = 'TIMEOUT_TYPE_START_TO_CLOSE';
/** How the SDK says that code held its thread for five seconds, which a worker that was frozen in the middle says when it wakes. */
const HELD_TOO_LONG = /^Script execution timed out/;
/**
 * How its core says that it mistook a run (temporalio/sdk-rust issue 680): a worker that slept through the deadline of a task may be given
 * the next one while it still remembers a timer as cancelled, which has fired since. It then forgets the run and reads its history anew.
 */
const REMEMBERED_A_TIMER =
  /^Fatal error in workflow machines: TimerMachine in state CancelTimerCommandSent .*\bevent_id: (\d+), event_type: TimerFired\b/;

export function judgeReplay({ runs, otherRuns, history, meta }: Evidence): Violation[] {
  const releases = badReleasesIn(history);
  const all = [
    ...runs.map(({ orderId, runs: its }) => [orderId, null, its] as const),
    ...otherRuns.map(({ workflowId, runs: its }) => [null, workflowId, its] as const),
  ];
  return all.flatMap(([orderId, workflowId, its]) =>
    its.flatMap((run) => {
      // A watcher lives on: what befell it in an experiment before was judged with that one's faults beside it.
      const events = run.events.filter(({ eventTime }) => Date.parse(eventTime) >= meta.beganAt);
      const cause = causeIn({ ...run, events }, history, releases);
      const of = workflowId === null ? '' : ` of ${workflowId}`;
      return cause === null ? [] : [broken('I12', orderId, `run ${run.runId}${of} could not go on: ${cause}`)];
    }),
  );
}

/** Why one of the run's tasks failed through its code; null where none did that nothing excuses. */
function causeIn({ events }: Run, history: Evidence['history'], releases: readonly Release[]): string | null {
  for (const [index, event] of events.entries()) {
    if (event.eventType !== TASK_FAILED) continue;
    const { cause = '', failure, identity = '' } = event.workflowTaskFailedEventAttributes ?? {};
    if (OVERTAKEN.some((it) => cause.endsWith(`_${it}`))) continue;
    const at = Date.parse(event.eventTime);
    const message = failure?.message ?? '';
    if (HELD_TOO_LONG.test(message) && isFrozenAt(history, Number.parseInt(identity, 10), at)) continue;
    if (rememberedATimer(message, events, index)) continue;
    if (cause.endsWith(NON_DETERMINISTIC) && releases.some((release) => isOf(release, at, events))) continue;
    return `${cause}: ${message}`;
  }
  return null;
}

/**
 * Whether the task that failed at `index` came after one that its worker slept through, and the timer fired in that time: one that is read
 * anew has fired before. And whether the run has gone on: of a row of failures the history has the first only.
 */
function rememberedATimer(message: string, events: readonly RunEvent[], index: number): boolean {
  const firedAt = Number(REMEMBERED_A_TIMER.exec(message)?.[1]);
  const before = events.slice(0, index).findLast(({ eventType }) => TASK_ENDS.has(eventType));
  const wasSleptThrough =
    before?.workflowTaskTimedOutEventAttributes?.timeoutType === SLEPT_THROUGH && firedAt > Number(before.eventId);
  return wasSleptThrough && events.slice(index).some(({ eventType }) => eventType === TASK_COMPLETED);
}

/** While workers had code that could not follow. */
interface Release {
  readonly from: number;
  readonly to: number;
}

const CANNOT_FOLLOW = 'code that cannot follow';

/** A deployment is noted when all have the new code; the first got it when it was started for that. */
function badReleasesIn(history: Evidence['history']): Release[] {
  const deploys = history.filter((entry) => entry.kind === 'fault' && entry.what === 'deploy') as {
    readonly at: number;
    readonly detail?: Readonly<Record<string, unknown>>;
  }[];
  return deploys.flatMap(({ at, detail }, index) => {
    if (detail?.['what'] !== CANNOT_FOLLOW) return [];
    const before = deploys[index - 1]?.at ?? Number.NEGATIVE_INFINITY;
    const starts = history.filter(
      (entry) =>
        entry.kind === 'system' &&
        entry.what === 'process.started' &&
        String(entry.detail['name']).startsWith('worker') &&
        entry.at > before &&
        entry.at <= at,
    ) as { readonly at: number }[];
    return [{ from: starts[0]?.at ?? at, to: deploys[index + 1]?.at ?? Number.POSITIVE_INFINITY }];
  });
}

/** Such code fails where others wrote the history, and afterwards others fail where it wrote. */
function isOf({ from, to }: Release, failedAt: number, events: readonly RunEvent[]): boolean {
  if (failedAt >= from && failedAt <= to) return true;
  return events.some(({ eventType, eventTime }) => {
    const at = Date.parse(eventTime);
    return eventType === TASK_COMPLETED && at >= from && at <= to && at < failedAt;
  });
}
