// I7, its third witness: what Temporal says of the orders' runs.
import type { FaultNote } from '../../evidence/history.ts';
import { type Evidence, groupBy, isTerminal } from '../evidence.ts';
import { experimentsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Run } from '../witnesses.ts';

/** Of these runs somebody else than the workflow has made an end. */
const ENDED_BY_HAND = new Set(['TERMINATED', 'CANCELED', 'CANCELLED']);
/** Neither an order's run nor a watcher may: what they cannot do they try again. */
const FAILURES = new Set(['FAILED', 'TIMED_OUT']);
/** A reset ends the run that it begins anew; after a release that could not follow, repair replaces the runs that are stuck. */
const HANDS = new Set(['terminate', 'cancel', 'reset', 'deploy']);

export function judgeRuns(evidence: Evidence): Violation[] {
  const { orders, events, runs, otherRuns, history } = evidence;
  const runsOf = new Map(runs.map((entry) => [entry.orderId, entry.runs]));
  const eventsOf = groupBy(events, ({ orderId }) => orderId);
  const experiments = experimentsOf(evidence);
  const notes = history.filter((entry) => entry.kind === 'fault');
  // An experiment that deletes a run says so.
  const gone = new Set(notes.flatMap(({ detail }) => (detail?.['isRunGone'] ? detail['orderId'] : [])));
  const watchers = otherRuns.filter(({ workflowId }) => workflowId.startsWith('rate-watch-'));
  const ended = watchers.flatMap(({ workflowId, runs: its }) =>
    its
      .filter(({ status }) => FAILURES.has(status))
      .map(({ runId, status }) => broken('I7', null, `run ${runId} of ${workflowId} ended ${status}`)),
  );
  const ofOrders = orders.flatMap(({ orderId, status }): Violation[] => {
    const its = runsOf.get(orderId) ?? [];
    const violations: Violation[] = [];
    const add = (text: string) => violations.push(broken('I7', orderId, text));
    // Only a run takes an order on; one that was cancelled or overdue before has none.
    const wasTaken = (eventsOf.get(orderId) ?? []).some(({ event }) => event === 'watching');
    if (wasTaken && its.length === 0 && !gone.has(orderId)) add('it was taken on, and has no run');
    for (const run of its) {
      if (isTerminal(status) && run.status === 'RUNNING')
        add(`it is ${status}, and run ${run.runId} of it is still open`);
      const isByHand = ENDED_BY_HAND.has(run.status);
      if (isByHand && !notes.some((note) => isHandOn(note, orderId, experiments.get(orderId))))
        add(`run ${run.runId} ended ${run.status}, and nobody had laid hands on it`);
      if (FAILURES.has(run.status)) add(`run ${run.runId} ended ${run.status}`);
      const told = run.status === 'COMPLETED' ? outcomeOf(run) : status;
      if (told !== status) add(`it is ${status}, and run ${run.runId} ended with ${told}`);
    }
    return violations;
  });
  return [...ended, ...ofOrders];
}

/** What is done to one order's run says whose; a release is every order's of its experiment. */
function isHandOn({ what, detail, experiment }: FaultNote, orderId: string, ofOrder: string | undefined): boolean {
  if (!HANDS.has(what)) return false;
  return detail?.['orderId'] === undefined ? experiment === ofOrder : detail['orderId'] === orderId;
}

/** The order's status in a completed run's result; null when there is none to be read. */
function outcomeOf({ events }: Run): string | null {
  const { result } = events.at(-1)?.workflowExecutionCompletedEventAttributes ?? {};
  const data = result?.payloads?.[0]?.data;
  if (data === undefined) return null;
  const outcome = JSON.parse(Buffer.from(data, 'base64').toString('utf8')) as { status?: string };
  return outcome.status ?? null;
}
