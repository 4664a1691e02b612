import { createHash } from 'node:crypto';
import { decode, type StoredEvent, type StoredHistory } from './stored.ts';

/** One thing that a run heard or did, with the event at which it stands in the history. */
export interface Step {
  readonly word: string;
  readonly eventId: number;
}

/** Of a plan's result, what the words of a step are made from. A release before the first had no `waitingFor` for some of them. */
interface Plan {
  readonly status: string;
  readonly next: { readonly kind: string; readonly waitingFor?: string };
  readonly recorded: readonly string[];
}

/**
 * A run in words, in the order of its events: what it was told (signals, results, timers), what it recorded and planned, and how
 * it ended. Workflow tasks, starts of activities and timers that were set or taken back say nothing of their own and are left out.
 */
export function stepsOf({ events }: StoredHistory): Step[] {
  const activities = new Map<string, string>();
  return events.flatMap((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) activities.set(event.eventId, scheduled.activityType.name);
    const word = wordOf(event, activities);
    return word === null ? [] : { word, eventId: Number(event.eventId) };
  });
}

function wordOf(event: StoredEvent, activities: ReadonlyMap<string, string>): string | null {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started) return started.continuedExecutionRunId ? 'begins:continued' : `begins:${started.workflowType.name}`;
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal) return `signal:${signal.signalName}`;
  const failedTask = event.workflowTaskFailedEventAttributes;
  if (failedTask) return `task:${failedTask.cause.replace('WORKFLOW_TASK_FAILED_CAUSE_', '').toLowerCase()}`;
  if (event.activityTaskScheduledEventAttributes)
    return `${event.activityTaskScheduledEventAttributes.activityType.name}?`;
  const activityWord = endOfActivity(event, activities);
  if (activityWord) return activityWord;
  if (event.markerRecordedEventAttributes) return markerWord(event.markerRecordedEventAttributes);
  switch (event.eventType) {
    case 'EVENT_TYPE_TIMER_FIRED':
      return 'timer';
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED':
      return 'cancel_requested';
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED':
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED':
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED':
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW':
      return `ends:${event.eventType.slice('EVENT_TYPE_WORKFLOW_EXECUTION_'.length).toLowerCase()}`;
    default:
      return null;
  }
}

function endOfActivity(event: StoredEvent, activities: ReadonlyMap<string, string>): string | null {
  const { activityTaskCompletedEventAttributes: completed, activityTaskFailedEventAttributes: failed } = event;
  const timedOut = event.activityTaskTimedOutEventAttributes;
  const ended = completed ?? failed ?? timedOut;
  if (!ended) return null;
  const name = activities.get(ended.scheduledEventId) ?? 'unknown';
  if (!completed) return `${name}!${failed ? 'failed' : 'timed_out'}`;
  return resultWord(name, decode(completed.result));
}

/** Records are local activities: what they answered stands in a marker. */
function markerWord(marker: NonNullable<StoredEvent['markerRecordedEventAttributes']>): string {
  const { details, failure, markerName } = marker;
  const data = decode(details.data) as { readonly activity_type?: string } | undefined;
  const name = data?.activity_type ?? markerName;
  return failure ? `${name}!failed_locally` : resultWord(name, decode(details.result));
}

function resultWord(name: string, result: unknown): string {
  if (typeof result === 'string') return `${name}=${result}`;
  if (typeof result !== 'object' || result === null) return `${name}=done`;
  if ('recorded' in result) return planWord(name, result as Plan);
  const { result: word, code, fault } = result as { result?: string; code?: string | null; fault?: string | null };
  if (word === undefined) return `${name}=${fault ?? 'done'}`;
  return `${name}=${word}${code ? `/${code}` : ''}`;
}

/** Such as `advanceOrder=executing:look_up`, and in front of it what was recorded on the way: `[adopt_created]`. */
function planWord(name: string, { status, next, recorded }: Plan): string {
  const kinds = recorded.map((text) => text.split(' ')[0]);
  const records = kinds.length === 0 ? '' : `[${kinds.join(',')}]`;
  return `${name}${records}=${status}:${next.waitingFor ? `waits_for_${next.waitingFor}` : next.kind}`;
}

/** As many steps as a look-up in vain takes, and those of a resent request with the look-ups around it. */
const LONGEST_REPEAT = 24;

/**
 * What makes a run's shape: its words, with whatever repeats itself at once told only once, since how often somebody looked in
 * vain is a matter of speed. Two runs of one shape have the same text.
 */
export function shapeOf(history: StoredHistory): string {
  return withoutRepeats(stepsOf(history).map(({ word }) => word)).join(' ');
}

/** The shape in sixteen hex digits. */
export function fingerprintOf(history: StoredHistory): string {
  return createHash('sha256').update(shapeOf(history)).digest('hex').slice(0, 16);
}

/** The events' types with the names of activities, records and signals, in order: what Temporal itself compares. */
export function namesOf({ events }: StoredHistory): string {
  const names = events.map((event) => {
    const marker = event.markerRecordedEventAttributes;
    const local = marker && (decode(marker.details.data) as { readonly activity_type?: string } | undefined);
    const name =
      event.activityTaskScheduledEventAttributes?.activityType.name ??
      event.workflowExecutionSignaledEventAttributes?.signalName ??
      local?.activity_type ??
      '';
    return `${event.eventType.slice('EVENT_TYPE_'.length)} ${name}`.trim();
  });
  return names.join('\n');
}

function withoutRepeats(words: readonly string[]): string[] {
  const kept: string[] = [];
  for (const word of words) {
    kept.push(word);
    for (let length = 1; length <= LONGEST_REPEAT && 2 * length <= kept.length; length += 1) {
      const [before, last] = [kept.slice(-2 * length, -length), kept.slice(-length)];
      if (!last.every((it, i) => it === before[i])) continue;
      kept.length -= length;
      break;
    }
  }
  return kept;
}

/**
 * The first of the steps in `shows` that the run did not take after the ones before it; undefined when it took them all. A step is
 * told by its beginning, with or without what was recorded: a record that news came upon is made once and its task twice.
 */
export function missingStep(history: StoredHistory, shows: readonly string[]): string | undefined {
  const words = stepsOf(history).map(({ word }) => word);
  let from = 0;
  return shows.find((wanted) => {
    const is = (word: string) => word.startsWith(wanted) || word.replace(/\[.*\]/, '').startsWith(wanted);
    const at = words.findIndex((word, index) => index >= from && is(word));
    from = at + 1;
    return at === -1;
  });
}
