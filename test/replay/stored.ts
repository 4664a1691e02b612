import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));

/** Which release recorded which history: a name alone does not say which code a run was of. */
export const RELEASES_FILE = fileURLToPath(new URL('./releases.json', import.meta.url));

interface Payloads {
  readonly payloads: readonly { readonly data?: string }[];
}
interface Failure {
  readonly message?: string;
}

/** What is read of a stored event: the fields by which one kind of event differs from another. */
export interface StoredEvent {
  readonly eventId: string;
  readonly eventType: string;
  readonly eventTime: string;
  readonly workflowExecutionStartedEventAttributes?: {
    readonly workflowType: { readonly name: string };
    readonly continuedExecutionRunId?: string;
  };
  readonly workflowExecutionSignaledEventAttributes?: { readonly signalName: string };
  readonly workflowTaskFailedEventAttributes?: { readonly cause: string };
  readonly activityTaskScheduledEventAttributes?: {
    readonly activityType: { name: string };
    readonly retryPolicy?: { readonly maximumAttempts?: number };
    readonly startToCloseTimeout?: string;
  };
  readonly activityTaskCompletedEventAttributes?: { readonly scheduledEventId: string; readonly result?: Payloads };
  readonly activityTaskFailedEventAttributes?: { readonly scheduledEventId: string; readonly failure?: Failure };
  readonly activityTaskTimedOutEventAttributes?: { readonly scheduledEventId: string };
  readonly markerRecordedEventAttributes?: {
    readonly markerName: string;
    readonly details: { readonly data?: { readonly payloads: { data: string }[] }; readonly result?: Payloads };
    readonly failure?: Failure;
  };
}

export interface StoredHistory {
  readonly events: readonly StoredEvent[];
}

export interface Recording {
  /** The version of the product whose code the run is of. */
  readonly release: string;
}

export function storedNames(): string[] {
  return readdirSync(HISTORIES)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

export function readText(name: string): string {
  return readFileSync(`${HISTORIES}${name}.json`, 'utf8');
}

export function readHistory(name: string): StoredHistory {
  return JSON.parse(readText(name)) as StoredHistory;
}

export function readReleases(): Record<string, Recording> {
  return JSON.parse(readFileSync(RELEASES_FILE, 'utf8')) as Record<string, Recording>;
}

/** The first payload as it was before it was encoded; undefined where there is none. */
export function decode(payloads: Payloads | undefined): unknown {
  const data = payloads?.payloads[0]?.data;
  return data ? JSON.parse(Buffer.from(data, 'base64').toString()) : undefined;
}
