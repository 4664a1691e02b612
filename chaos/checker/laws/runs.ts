// I7, its third witness, and I12: what Temporal says of the orders' runs.
import { type Evidence, groupBy, isTerminal } from '../evidence.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Run } from '../witnesses.ts';

export function judgeRuns({ orders, events, runs, history }: Evidence): Violation[] {
  const runsOf = new Map(runs.map((entry) => [entry.orderId, entry.runs]));
  const eventsOf = groupBy(events, ({ orderId }) => orderId);
  // An experiment that deletes a run says so.
  const gone = new Set(
    history.flatMap((entry) => (entry.kind === 'fault' && entry.detail?.['isRunGone'] ? entry.detail['orderId'] : [])),
  );
  return orders.flatMap(({ orderId, status }): Violation[] => {
    const its = runsOf.get(orderId) ?? [];
    const find = (text: string) => broken('I7', orderId, text);
    const violations: Violation[] = [];
    // Only a run takes an order on; one that was cancelled or overdue before has none.
    const wasTaken = (eventsOf.get(orderId) ?? []).some(({ event }) => event === 'watching');
    if (wasTaken && its.length === 0 && !gone.has(orderId)) violations.push(find('it was taken on, and has no run'));
    for (const run of its) {
      if (isTerminal(status) && run.status === 'RUNNING')
        violations.push(find(`it is ${status}, and run ${run.runId} of it is still open`));
      if (run.status === 'FAILED' || run.status === 'TIMED_OUT')
        violations.push(find(`run ${run.runId} ended ${run.status}`));
      const told = run.status === 'COMPLETED' ? outcomeOf(run) : status;
      if (told !== status) violations.push(find(`it is ${status}, and run ${run.runId} ended with ${told}`));
    }
    return violations;
  });
}

/** The order's status in a completed run's result; null when there is none to be read. */
function outcomeOf({ events }: Run): string | null {
  const { result } = events.at(-1)?.workflowExecutionCompletedEventAttributes ?? {};
  const data = result?.payloads?.[0]?.data;
  if (data === undefined) return null;
  const outcome = JSON.parse(Buffer.from(data, 'base64').toString('utf8')) as { status?: string };
  return outcome.status ?? null;
}

/** What the code of a workflow is to blame for. A task that timed out, or met a reset, is the machine's. */
const FAULTS_OF_CODE = ['NON_DETERMINISTIC_ERROR', 'WORKFLOW_WORKER_UNHANDLED_FAILURE'];
/**
 * How the SDK says that code held its thread for five seconds. A worker that was frozen in the middle says so when it wakes, and its next
 * try goes on. Code that really never ends does so at every try: its order never comes to rest, which other laws see.
 */
const HELD_TOO_LONG = /^Script execution timed out/;

/** I12: no run met a history that it could not follow, nor threw where it may not. */
export function judgeReplay({ runs, meta }: Evidence): Violation[] {
  if (meta.breaksReplay) return [];
  return runs.flatMap(({ orderId, runs: its }) =>
    its.flatMap(({ runId, events }) => {
      const failures = events.flatMap(({ workflowTaskFailedEventAttributes: failed }) => failed ?? []);
      const causes = failures.map(({ cause = '', failure }) => (HELD_TOO_LONG.test(failure?.message ?? '') ? '' : cause));
      const cause = causes.find((text) => FAULTS_OF_CODE.some((fault) => text.endsWith(fault)));
      return cause === undefined ? [] : [broken('I12', orderId, `run ${runId} could not go on: ${cause}`)];
    }),
  );
}
