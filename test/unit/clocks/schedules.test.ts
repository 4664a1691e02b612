// A worker makes sure of the standing repairs, however long Temporal has no time for that.
import { afterEach, expect, test } from '@jest/globals';
import { ScheduleAlreadyRunning, type ScheduleOptions } from '@temporalio/client';
import { pino } from 'pino';
import type { Temporal } from '../../../src/clients/temporal.ts';
import { type KeptSchedules, keepSchedules } from '../../../src/main/schedules.ts';
import { eventually } from '../../support/eventually.ts';

const AGAIN_MS = 10;

let kept: KeptSchedules | undefined;
afterEach(() => kept?.stop());

/** The two calls of Temporal's client, in memory; the first `failures` of them run out of time. */
function slowTemporal(failures: number, existing: readonly string[] = []) {
  const made = new Set(existing);
  const updated: string[] = [];
  const written: string[] = [];
  let left = failures;
  const schedule = {
    async create({ scheduleId }: ScheduleOptions) {
      if (made.has(scheduleId)) throw new ScheduleAlreadyRunning('there is one', scheduleId);
      made.add(scheduleId);
    },
    getHandle: (id: string) => ({
      async update() {
        updated.push(id);
      },
    }),
  };
  const temporal = {
    client: { schedule },
    async call(work: () => Promise<unknown>) {
      left -= 1;
      if (left >= 0) throw new Error('4 DEADLINE_EXCEEDED');
      return work();
    },
  } as unknown as Temporal;
  const log = pino({}, { write: (line: string) => void written.push(line) });
  return { temporal, log, made, updated, written };
}

test('a Temporal that runs out of time ends nothing: it is asked again until the schedules are there', async () => {
  const { temporal, log, made, written } = slowTemporal(3);
  kept = keepSchedules(temporal, log, AGAIN_MS);
  expect(kept.areKept()).toBe(false);
  await eventually('the schedules', async () => kept?.areKept() === true);
  expect([...made].sort()).toEqual(['orphans', 'reconcile']);
  expect(written.length).toBe(3);
  expect(written[0]).toContain('the schedule reconcile could not be made sure of');
});

test('what has succeeded is not tried again: luck with one call after another is enough', async () => {
  const { temporal, log, written } = slowTemporal(0);
  let calls = 0;
  // Every second call is lost, which would be one of the two schedules each time.
  const call = (work: () => Promise<unknown>) => {
    calls += 1;
    return calls % 2 === 0 ? Promise.reject(new Error('4 DEADLINE_EXCEEDED')) : temporal.call(work);
  };
  kept = keepSchedules({ ...temporal, call } as unknown as Temporal, log, AGAIN_MS);
  await eventually('the schedules', async () => kept?.areKept() === true);
  expect({ calls, warnings: written.length }).toEqual({ calls: 3, warnings: 1 });
});

test('those that an older release made are brought up to this one, also when the first try failed', async () => {
  const { temporal, log, updated } = slowTemporal(1, ['reconcile', 'orphans']);
  kept = keepSchedules(temporal, log, AGAIN_MS);
  await eventually('the schedules', async () => kept?.areKept() === true);
  expect(updated.sort()).toEqual(['orphans', 'reconcile']);
});

test('once it is told to stop it asks no more, not even after a try that was under way', async () => {
  const { temporal, log } = slowTemporal(0);
  let asked = 0;
  let answer = (): void => {};
  const call = async (): Promise<never> => {
    asked += 1;
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    throw new Error('4 DEADLINE_EXCEEDED');
  };
  kept = keepSchedules({ ...temporal, call } as unknown as Temporal, log, AGAIN_MS);
  await eventually('the first try', async () => asked === 1);
  kept.stop();
  answer();
  await new Promise((resolve) => setTimeout(resolve, 5 * AGAIN_MS));
  expect(asked).toBe(1);
});
