import { expect, jest, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import * as temporal from '@temporalio/workflow';
import type { Errand, Step } from '../../src/activities/interface.ts';
import { workflowBundle } from '../workflow/support.ts';
import { bundleWithPlants, type Plant } from './planted.ts';
import { readHistory, type StoredHistory, storedNames } from './stored.ts';

jest.setTimeout(60_000);

// Each replay is a worker of its own, and each refused one a warning: a hundred of them would hide what fails.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} } },
});

const names = storedNames();

/** The ways an order may end; each needs at least one stored run. */
const ENDS = ['executed', 'cancelled', 'expired', 'failed'];

async function replay(name: string, history: StoredHistory, bundle = workflowBundle()): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle: await bundle }, historyFromJSON(history), `order-${name}`);
}

const scheduledOf = ({ events }: StoredHistory) =>
  events.flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => scheduled ?? []);

/** The local activities of a run, each with the bytes that name it. */
const localOf = ({ events }: StoredHistory) =>
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
  await replay(name, readHistory(name));
});

// Nothing but one name is changed: numbers without a gap and every other event are as they were.
test.each(['takeFirmLook', 'sendCreate', 'sendExecute', 'lookUpAttempt'])(
  'a history in which another activity stands for %s is refused as not of this code',
  async (activity) => {
    const history = readHistory('executed-at-once');
    const scheduled = scheduledOf(history).find(({ activityType }) => activityType.name === activity);
    if (!scheduled) throw new Error(`${activity} is not in the history`);
    scheduled.activityType.name = 'sendCancel';
    await expect(replay('x', history)).rejects.toThrow(temporal.DeterminismViolationError);
  },
);

test('a history with another local activity is refused as not of this code', async () => {
  const history = readHistory('executed-at-once');
  const [, local] = localOf(history);
  if (!local) throw new Error('there are no two local activities in the history');
  const marker = { ...readMarker(local), activity_type: 'cancelOrderForOperator' };
  local.data = Buffer.from(JSON.stringify(marker)).toString('base64');
  await expect(replay('x', history)).rejects.toThrow(temporal.DeterminismViolationError);
});

/** The same things done in another order, or a wait before them: changes that look harmless, and that runs which wait cannot bear. */
const PLANTS: readonly Plant[] = [
  {
    file: 'order.ts',
    from: '    shownStatus = show(step, shownStatus, news);\n',
    to: "    if (step.next.kind === 'done') show(step, shownStatus, news);\n",
  },
  {
    file: 'order.ts',
    from: ' startErrand(orderId, step, news);\n',
    to: ' startErrand(orderId, step, news);\n    shownStatus = show(step, shownStatus, news);\n',
  },
  {
    file: 'rate-watch.ts',
    from: '    const tick = await',
    to: '    await sleep(Math.max(1, dueAt - Date.now()));\n    const tick = await',
  },
  {
    file: 'reconcile.ts',
    from: '  const probing = orElse(following.probePauses(), 0);\n  const orphans = await listing.listDueOrphans();\n',
    to: '  const orphans = await listing.listDueOrphans();\n  const probing = orElse(following.probePauses(), 0);\n',
  },
  {
    file: 'reconcile.ts',
    from: '  return reconciling',
    to: '  await new Promise((resolve) => setTimeout(resolve, 1));\n  return reconciling',
  },
];

let planted: ReturnType<typeof bundleWithPlants> | undefined;

test.each([
  'executed-at-once',
  'executed-after-lost-create-reply',
  'executed-after-terminate',
  'failed-provider-refused',
  'rate-watch-ended',
  'rate-watch-continued',
  'orphans-followed',
  'reconcile-pass',
])('workflows whose steps stand in another order do not replay %s', async (name) => {
  planted ??= bundleWithPlants(PLANTS);
  await expect(replay(name, readHistory(name), planted)).rejects.toThrow(temporal.DeterminismViolationError);
});

const isSend = (name: string) => name.startsWith('send');

test('in every stored run a send was tried once, with a deadline, and never as a local activity', () => {
  const histories = names.map(readHistory);
  const sends = histories.flatMap(scheduledOf).filter(({ activityType }) => isSend(activityType.name));
  expect([...new Set(sends.map(({ activityType }) => activityType.name))].sort()).toEqual([
    'sendCancel',
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
