import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, jest, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { workflowBundle } from '../workflow/support.ts';

jest.setTimeout(60_000);

const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));
const names = readdirSync(HISTORIES).map((file) => file.replace(/\.json$/, ''));

/** The ways an order may end; each needs at least one stored run. */
const ENDS = ['executed', 'cancelled', 'expired', 'failed'];

function historyOf(name: string): unknown {
  return JSON.parse(readFileSync(`${HISTORIES}${name}.json`, 'utf8'));
}

test.each(ENDS)('a run that ended %s is stored', (end) => {
  expect(names.filter((name) => name.startsWith(end))).not.toHaveLength(0);
});

// A run that waits for months is replayed by the code that is there when it wakes.
test.each(names)('the present code replays %s', async (name) => {
  const options = { workflowBundle: await workflowBundle() };
  await Worker.runReplayHistory(options, historyFromJSON(historyOf(name)), `order-${name}`);
});

test('a history that the code did not write is refused', async () => {
  const history = historyOf('executed-at-once') as { events: { eventType: string }[] };
  // Without its first timer the run looks like another program's.
  const events = history.events.filter(({ eventType }) => eventType !== 'EVENT_TYPE_TIMER_STARTED');
  const options = { workflowBundle: await workflowBundle() };
  await expect(Worker.runReplayHistory(options, historyFromJSON({ ...history, events }), 'order-x')).rejects.toThrow();
});
