// I7 and I12: what Temporal says of the orders.
import { describe } from '@jest/globals';
import { CANCELLED, EXECUTED, EXPIRED } from './clean-folder.ts';
import { runOf } from './facts.ts';
import { type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const firstRun = (folder: Folder) => the(runOf(folder).runs, () => true);

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
    [
      'a run that an operator terminated proves nothing',
      (folder) => {
        firstRun(folder).status = 'TERMINATED';
      },
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

describe('I12: replay', () => {
  const failed = (cause: string, message = 'a bug') => ({
    workflowTaskFailedEventAttributes: { cause, failure: { message } },
  });
  const NON_DETERMINISTIC = failed('WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR');
  const addEvent = (folder: Folder, event: object) => {
    const run = firstRun(folder);
    run.events = [event, ...run.events];
  };
  each([
    [
      'a run met a history that it could not follow',
      (folder) => addEvent(folder, NON_DETERMINISTIC),
      /^I12 executed: run .* could not go on: WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR$/,
    ],
    [
      'the code of a workflow threw',
      (folder) => addEvent(folder, failed('WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE')),
      /^I12 executed: run .* could not go on: .*UNHANDLED_FAILURE$/,
    ],
    [
      'code that was frozen in the middle is nobody’s fault',
      (folder) =>
        addEvent(
          folder,
          failed(
            'WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE',
            'Script execution timed out after 5000ms',
          ),
        ),
    ],
    [
      'a task that was overtaken by a reset is nobody’s fault',
      (folder) => addEvent(folder, failed('WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW')),
    ],
    [
      'an experiment that deploys such code is not held to it',
      (folder) => {
        addEvent(folder, NON_DETERMINISTIC);
        folder.meta.breaksReplay = true;
      },
    ],
  ]);
});
