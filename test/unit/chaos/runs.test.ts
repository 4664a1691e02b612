// I7 and I12: what Temporal says of the orders.
import { describe } from '@jest/globals';
import type { Run } from '../../../chaos/checker/witnesses.ts';
import type { FaultNote } from '../../../chaos/evidence/history.ts';
import { BEGAN_AT, CANCELLED, EXECUTED, EXPIRED } from './clean-folder.ts';
import { runOf } from './facts.ts';
import { type Folder, the } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const firstRun = (folder: Folder) => the(runOf(folder).runs, () => true);

/** What was done to the runs, or to who runs them. */
const lay = (folder: Folder, note: Partial<FaultNote> & { readonly what: string }) =>
  folder.history.push({ kind: 'fault', experiment: 'F12', at: BEGAN_AT, phase: 'once', ...note });

describe('I7: our rows and Temporal agree', () => {
  each([
    [
      'an order was taken on, and has no run',
      (folder) => {
        runOf(folder).runs = [];
      },
      /^I7 executed: it was taken on, and has no run$/,
    ],
    [
      'a run that an experiment deletes is not missed',
      (folder) => {
        runOf(folder).runs = [];
        const detail = { orderId: EXECUTED, isRunGone: true };
        folder.history.push({ kind: 'fault', experiment: 'F18', at: 0, what: 'message', phase: 'once', detail });
      },
    ],
    [
      'an order that was cancelled before it was taken on needs none',
      (folder) => {
        runOf(folder, CANCELLED).runs = [];
        the(folder.order_events, (it) => it.orderId === CANCELLED && it.event === 'watching').event = 'accepted';
      },
    ],
    [
      'a run of an ended order is still open',
      (folder) => {
        firstRun(folder).status = 'RUNNING';
      },
      /^I7 executed: it is executed, and run .* of it is still open$/,
    ],
    [
      'a run failed',
      (folder) => {
        firstRun(folder).status = 'FAILED';
      },
      /^I7 executed: run .* ended FAILED$/,
    ],
    [
      'a run timed out',
      (folder) => {
        firstRun(folder).status = 'TIMED_OUT';
      },
      /^I7 executed: run .* ended TIMED_OUT$/,
    ],
    ...(['TERMINATED', 'CANCELLED'] as const).map(
      (status): Case => [
        `a run was ${status}, and nobody had laid hands on it`,
        (folder) => {
          firstRun(folder).status = status;
        },
        new RegExp(`^I7 executed: run run-.* ended ${status}, and nobody had laid hands on it$`),
      ],
    ),
    [
      'a run that an operator terminated proves nothing',
      (folder) => {
        firstRun(folder).status = 'TERMINATED';
        lay(folder, { what: 'terminate', detail: { orderId: EXECUTED } });
      },
    ],
    [
      'the hands that were laid on another are not on this one',
      (folder) => {
        firstRun(folder).status = 'TERMINATED';
        lay(folder, { what: 'terminate', detail: { orderId: EXPIRED } });
      },
      /^I7 executed: run run-.* ended TERMINATED, and nobody had laid hands on it$/,
    ],
    [
      'repair replaces what a release left stuck',
      (folder) => {
        firstRun(folder).status = 'TERMINATED';
        lay(folder, { what: 'deploy', detail: { what: 'a patched change' } });
      },
    ],
    [
      'of its own experiment only',
      (folder) => {
        firstRun(folder).status = 'TERMINATED';
        lay(folder, { what: 'deploy', experiment: 'F39' });
      },
      /^I7 executed: run run-.* ended TERMINATED, and nobody had laid hands on it$/,
    ],
    [
      'a watcher failed',
      (folder) => {
        the(the(folder.other_runs, () => true).runs, () => true).status = 'FAILED';
      },
      /^I7 -: run run-watch of rate-watch-USD-EUR ended FAILED$/,
    ],
    [
      'a run ended with another outcome than the row',
      (folder) => {
        firstRun(folder).events = the(runOf(folder, EXPIRED).runs, () => true).events;
      },
      /^I7 executed: it is executed, and run .* ended with expired$/,
    ],
    [
      'a completed run says nothing of its outcome',
      (folder) => {
        firstRun(folder).events = [];
      },
      /^I7 executed: it is executed, and run .* ended with null$/,
    ],
  ]);
});

const FAILED_AT = BEGAN_AT + 20_000;
const iso = (at: number) => new Date(at).toISOString();
const failed = (cause: string, message = 'a bug', at = FAILED_AT) => ({
  eventId: '50',
  eventTime: iso(at),
  eventType: 'EVENT_TYPE_WORKFLOW_TASK_FAILED',
  workflowTaskFailedEventAttributes: { cause, failure: { message }, identity: '77@host' },
});

const completedAt = (at: number) => ({
  eventId: '40',
  eventTime: iso(at),
  eventType: 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
});
const NON_DETERMINISTIC = failed('WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR');
const UNHANDLED = 'WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE';
const remembered = (firedAt: number) =>
  failed(
    UNHANDLED,
    `Fatal error in workflow machines: TimerMachine in state CancelTimerCommandSent says the transition is invalid during event EventInfo { event_id: ${firedAt}, event_type: TimerFired }`,
  );
const timedOut = (timeoutType: string) => ({
  eventId: '46',
  eventTime: iso(FAILED_AT - 1_000),
  eventType: 'EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT',
  workflowTaskTimedOutEventAttributes: { timeoutType: `TIMEOUT_TYPE_${timeoutType}` },
});
const TIMED_OUT = timedOut('START_TO_CLOSE');
const REMEMBERED =
  /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: Fatal error in workflow machines: .*TimerFired }$/;
const GOES_ON = completedAt(FAILED_AT + 100);
const HELD = failed(UNHANDLED, 'Script execution timed out after 5000ms');
const addEvent = (folder: Folder, ...events: Run['events']) => {
  const run = firstRun(folder);
  run.events = [...events, ...run.events];
};
/** The worker that failed the task was frozen. */
const freeze = (folder: Folder, at: number, ms: number) => {
  const detail = { name: 'worker1', pid: 77 };
  folder.history.push({ kind: 'system', at: BEGAN_AT, what: 'process.runs', detail });
  lay(folder, { what: 'freeze at seam', at, detail: { ms, process: 'worker1' } });
};
/** Bad code from the start of the first worker on, until all have the good one again. */
const release = (folder: Folder, from: number, to: number) => {
  lay(folder, { what: 'deploy', at: from - 5_000, detail: { what: 'a patched change' } });
  const started = { kind: 'system', what: 'process.started' } as const;
  folder.history.push({ ...started, at: from, detail: { name: 'worker1' } });
  lay(folder, { what: 'deploy', at: from + 2_000, detail: { what: 'code that cannot follow' } });
  lay(folder, { what: 'deploy', at: to, detail: { what: 'the patched change again' } });
};

describe('I12: replay', () => {
  each([
    [
      'what befell a watcher before this experiment was judged with that one',
      (folder) => {
        const run = the(the(folder.other_runs, () => true).runs, () => true);
        const earlier = failed(UNHANDLED, 'Script execution timed out after 5000ms', BEGAN_AT - 1_000);
        run.events = [earlier, ...run.events];
      },
    ],
    [
      'a watcher met one that it could not follow',
      (folder) => {
        const run = the(the(folder.other_runs, () => true).runs, () => true);
        run.events = [...run.events, NON_DETERMINISTIC];
      },
      /^I12 -: run run-watch of rate-watch-USD-EUR could not go on: .*NON_DETERMINISTIC_ERROR: a bug$/,
    ],
    [
      'a run met a history that it could not follow',
      (folder) => addEvent(folder, NON_DETERMINISTIC),
      /^I12 executed: run .* could not go on: WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR: a bug$/,
    ],
    [
      'the code of a workflow threw',
      (folder) => addEvent(folder, failed(UNHANDLED)),
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: a bug$/,
    ],
    [
      'code that was frozen in the middle is nobody’s fault',
      (folder) => {
        addEvent(folder, HELD);
        freeze(folder, FAILED_AT - 8_100, 8_000);
      },
    ],
    [
      'code that held its thread, and nobody had frozen it',
      (folder) => {
        addEvent(folder, HELD);
        lay(folder, { what: 'kill', at: FAILED_AT - 100 });
      },
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: Script execution timed out after 5000ms$/,
    ],
    [
      'a freeze that was long over, or came later, has held nothing',
      (folder) => {
        addEvent(folder, HELD);
        freeze(folder, FAILED_AT - 18_001, 8_000);
        freeze(folder, FAILED_AT + 1, 8_000);
      },
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: Script execution timed out after 5000ms$/,
    ],
    [
      'nor one of another process',
      (folder) => {
        addEvent(folder, HELD);
        freeze(folder, FAILED_AT - 18_001, 8_000);
        lay(folder, { what: 'freeze at seam', at: FAILED_AT - 8_100, detail: { ms: 8_000, process: 'worker2' } });
      },
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: Script execution timed out after 5000ms$/,
    ],
    [
      'a freeze excuses no other failure',
      (folder) => {
        addEvent(folder, failed(UNHANDLED));
        freeze(folder, FAILED_AT - 8_100, 8_000);
      },
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: a bug$/,
    ],
    [
      'a worker that slept through its task remembered a timer, and reads the history anew',
      (folder) => addEvent(folder, completedAt(FAILED_AT - 2_000), TIMED_OUT, remembered(47), GOES_ON),
    ],
    [
      'a timer that had fired before is none that it remembered',
      (folder) => addEvent(folder, TIMED_OUT, remembered(45), GOES_ON),
      REMEMBERED,
    ],
    [
      'it has not read it anew when it never goes on',
      (folder) => addEvent(folder, TIMED_OUT, remembered(47)),
      REMEMBERED,
    ],
    [
      'nobody slept through a task that was never begun',
      (folder) => addEvent(folder, timedOut('SCHEDULE_TO_START'), remembered(47), GOES_ON),
      REMEMBERED,
    ],
    [
      'nor through the last one, when that was completed',
      (folder) => addEvent(folder, TIMED_OUT, completedAt(FAILED_AT - 500), remembered(47), GOES_ON),
      REMEMBERED,
    ],
    [
      'a task that timed out excuses no other failure',
      (folder) => addEvent(folder, TIMED_OUT, failed(UNHANDLED), GOES_ON),
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: a bug$/,
    ],
    [
      'a command that Temporal does not take',
      (folder) => addEvent(folder, failed('WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES')),
      /^I12 executed: run .* could not go on: .*BAD_SEARCH_ATTRIBUTES: a bug$/,
    ],
    [
      'a task that news overtook is nobody’s fault',
      (folder) => addEvent(folder, failed('WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND')),
    ],
    [
      'a task that was overtaken by a reset, or whose run was terminated, is nobody’s fault',
      (folder) =>
        addEvent(
          folder,
          failed('WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW'),
          failed('WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND'),
        ),
    ],
  ]);
});

describe('I12: a release that cannot follow', () => {
  each([
    [
      'while code that cannot follow is in place it does not',
      (folder) => {
        addEvent(folder, NON_DETERMINISTIC);
        release(folder, FAILED_AT - 100, FAILED_AT + 8_000);
      },
    ],
    [
      'what it has written the good code cannot follow',
      (folder) => {
        addEvent(folder, completedAt(FAILED_AT - 2_000), NON_DETERMINISTIC);
        release(folder, FAILED_AT - 9_000, FAILED_AT - 1_000);
      },
    ],
    [
      'what it has not written the good code can',
      (folder) => {
        addEvent(folder, completedAt(FAILED_AT - 20_000), NON_DETERMINISTIC);
        release(folder, FAILED_AT - 9_000, FAILED_AT - 1_000);
      },
      /^I12 executed: run .* could not go on: .*NON_DETERMINISTIC_ERROR: a bug$/,
    ],
    [
      'before it was there the good code could follow everything',
      (folder) => {
        addEvent(folder, NON_DETERMINISTIC);
        release(folder, FAILED_AT + 1, FAILED_AT + 8_000);
      },
      /^I12 executed: run .* could not go on: .*NON_DETERMINISTIC_ERROR: a bug$/,
    ],
    [
      'nor may it throw',
      (folder) => {
        addEvent(folder, failed(UNHANDLED));
        release(folder, FAILED_AT - 100, FAILED_AT + 8_000);
      },
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE: a bug$/,
    ],
  ]);
});
