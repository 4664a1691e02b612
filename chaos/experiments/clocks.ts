// Clocks that are wrong: of a worker, of the api, of who signs the webhooks.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessName } from '../system/fleet.ts';
import type { Experiment, Stage } from './experiment.ts';
import { restartAll } from './processes.ts';

const SKEW = 'machine_clock_skew_seconds';

/** A process whose time of day follows a file; what counts time without naming it stays right, as on a real machine. */
function clockOf({ system }: Stage, name: ProcessName) {
  const file = join(system.logDir, `${name}.clock`);
  const set = (offset: string) => writeFileSync(file, offset);
  set('+0');
  return {
    set,
    env: {
      LD_PRELOAD: system.faketime ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  };
}

/** What the process itself finds its clock to be off by, in seconds: the first thing that it measures. */
async function skewOf({ system }: Stage, name: ProcessName): Promise<number> {
  const line = (await system.fleet.metrics(name)).split('\n').find((it) => it.startsWith(SKEW));
  return Number(line?.split(' ').at(-1));
}

async function withClock(
  stage: Stage,
  name: ProcessName,
  offsets: readonly [string, ...string[]],
  meanwhile: () => Promise<void> = async () => {},
): Promise<void> {
  const { system, note, sleep, windowMs } = stage;
  const clock = clockOf(stage, name);
  const [first, ...jumps] = offsets;
  clock.set(first);
  system.configure(name, clock.env);
  await restartAll(system, [name]);
  note('a clock is wrong', { name, offset: first });
  const skew = await skewOf(stage, name);
  stage.struck(Math.abs(skew - Number.parseInt(first, 10)) < 5, `${name} was to be ${first} off, and measures ${skew}`);
  await meanwhile();
  for (const offset of jumps) {
    await sleep(windowMs / (offsets.length + 1));
    clock.set(offset);
    note('a clock jumps', { name, offset });
  }
  await sleep(windowMs / (offsets.length + 1));
  system.configure(name);
  await restartAll(system, [name]);
}

export const CLOCK_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F29',
    title: 'the clocks of the workers are ten minutes off, and jump',
    atRisk: ['I4'],
    needs: ['faketime'],
    load: { windowMs: 24_000, expiresInMs: [16_000, 40_000] },
    async run(stage) {
      await Promise.all([
        withClock(stage, 'worker1', ['+600s', '-600s', '+0', '+600s']),
        withClock(stage, 'worker2', ['-600s', '+0', '-600s']),
      ]);
    },
  },
  {
    id: 'F30',
    title: "the api's clock is wrong; webhooks are signed minutes ago or ahead",
    atRisk: ['I15', 'I7'],
    needs: ['faketime'],
    async run(stage) {
      const { system, expect, note } = stage;
      for (const [skewSeconds, isGood] of [
        [299, true],
        [-299, true],
        [301, false],
        [-301, false],
      ] as const) {
        const sent = await system.simulator.sendWebhook({ type: 'order.succeeded', data: {}, skewSeconds });
        const status = 'status' in sent ? sent.status : null;
        note('a webhook of another time', { skewSeconds, status });
        const isTaken = status !== null && status < 300;
        expect(isTaken === isGood, 'I15', `a webhook signed ${skewSeconds} s off was answered ${status}`);
      }
      await withClock(stage, 'api', ['+120s', '-120s'], async () => {
        // Their age is not judged by this clock.
        const sent = await system.simulator.sendWebhook({ type: 'order.succeeded', data: {} });
        const status = 'status' in sent ? sent.status : null;
        expect(status !== null && status < 300, 'I15', `under a wrong clock a good webhook was answered ${status}`);
      });
    },
  },
];
