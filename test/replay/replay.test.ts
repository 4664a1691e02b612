import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, jest, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import * as temporal from '@temporalio/workflow';
import type { Errand, Step } from '../../src/activities/interface.ts';
import { workflowBundle } from '../workflow/support.ts';

jest.setTimeout(60_000);

const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));
const names = readdirSync(HISTORIES).map((file) => file.replace(/\.json$/, ''));

/** The ways an order may end; each needs at least one stored run. */
const ENDS = ['executed', 'cancelled', 'expired', 'failed'];

/** What these tests read of a stored run. */
interface History {
  readonly events: {
    readonly activityTaskScheduledEventAttributes?: {
      readonly activityType: { name: string };
      readonly retryPolicy?: { readonly maximumAttempts?: number };
      readonly startToCloseTimeout?: string;
    };
    readonly markerRecordedEventAttributes?: {
      readonly markerName: string;
      readonly details: { readonly data?: { readonly payloads: { data: string }[] } };
    };
  }[];
}

function historyOf(name: string): History {
  return JSON.parse(readFileSync(`${HISTORIES}${name}.json`, 'utf8'));
}

async function replay(name: string, history: History): Promise<void> {
  const options = { workflowBundle: await workflowBundle() };
  await Worker.runReplayHistory(options, historyFromJSON(history), `order-${name}`);
}

const scheduledOf = ({ events }: History) =>
  events.flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => scheduled ?? []);

/** The local activities of a run, each with the bytes that name it. */
const localOf = ({ events }: History) =>
  events.flatMap(({ markerRecordedEventAttributes: marker }) =>
    marker?.markerName === 'core_local_activity' ? (marker.details.data?.payloads ?? []) : [],
  );

interface LocalActivity {
  readonly activity_type: string;
}

const readMarker = ({ data }: { data: string }): LocalActivity => JSON.parse(Buffer.from(data, 'base64').toString());

test.each(ENDS)('a run that ended %s is stored', (end) => {
  expect(names.filter((name) => name.startsWith(end))).not.toHaveLength(0);
});

// A run that waits for months is replayed by the code that is there when it wakes.
test.each(names)('the present code replays %s', async (name) => {
  await replay(name, historyOf(name));
});

// Nothing but one name is changed: numbers without a gap and every other event are as they were.
test.each(['takeFirmLook', 'sendCreate', 'sendExecute', 'lookUpAttempt'])(
  'a history in which another activity stands for %s is refused as not of this code',
  async (activity) => {
    const history = historyOf('executed-at-once');
    const scheduled = scheduledOf(history).find(({ activityType }) => activityType.name === activity);
    if (!scheduled) throw new Error(`${activity} is not in the history`);
    scheduled.activityType.name = 'sendCancel';
    await expect(replay('x', history)).rejects.toThrow(temporal.DeterminismViolationError);
  },
);

test('a history with another local activity is refused as not of this code', async () => {
  const history = historyOf('executed-at-once');
  const [, local] = localOf(history);
  if (!local) throw new Error('there are no two local activities in the history');
  const marker = { ...readMarker(local), activity_type: 'cancelOrderForOperator' };
  local.data = Buffer.from(JSON.stringify(marker)).toString('base64');
  await expect(replay('x', history)).rejects.toThrow(temporal.DeterminismViolationError);
});

const isSend = (name: string) => name.startsWith('send');

test('in every stored run a send was tried once, with a deadline, and never as a local activity', () => {
  const histories = names.map(historyOf);
  const sends = histories.flatMap(scheduledOf).filter(({ activityType }) => isSend(activityType.name));
  expect([...new Set(sends.map(({ activityType }) => activityType.name))].sort()).toEqual([
    'sendCreate',
    'sendExecute',
  ]);
  for (const { retryPolicy, startToCloseTimeout } of sends) {
    expect(retryPolicy?.maximumAttempts).toBe(1);
    expect(Number.parseFloat(startToCloseTimeout ?? '0')).toBeGreaterThan(0);
  }
  const locals = histories.flatMap(localOf).map((local) => readMarker(local).activity_type);
  expect([...new Set(locals)].sort()).toEqual(['advanceOrder', 'cancelOrderForOperator']);
});

// A replay compares no retry policies, so the code that is there now is asked for them itself.
test.each<Errand>([
  { kind: 'send_create' },
  { kind: 'send_execute', keyNumber: 1 },
  { kind: 'send_cancel', keyNumber: 1 },
])('the present code has $kind tried once, with a deadline, and never as a local activity', async (next) => {
  const asked: temporal.ActivityOptions[] = [];
  jest.unstable_mockModule('@temporalio/workflow', () => ({
    ...temporal,
    proxyActivities(options: temporal.ActivityOptions) {
      asked.push(options);
      return new Proxy({}, { get: () => async () => ({ result: 'accepted', code: null }) });
    },
  }));
  jest.resetModules();
  const { runErrand } = await import('../../src/workflows/errands.ts');
  const seen = { version: 1, attempt: 1, attemptVersion: 1 };
  await runErrand('order', { next, seen, secondMs: 1_000 } as Step & { next: Errand });
  expect(asked).toMatchObject([{ retry: { maximumAttempts: 1 }, startToCloseTimeout: expect.any(Number) }]);
});
