// The product's own processes are killed, frozen, stopped and cut off.
import { readFile } from 'node:fs/promises';
import type { Alert } from '../../src/metrics.ts';
import type { Passing } from '../system/desk.ts';
import { BRIDGES, PROCESSES, type ProcessName, WORKERS } from '../system/fleet.ts';
import type { System } from '../system/system.ts';
import type { Experiment, Stage } from './experiment.ts';

/** A process under load ends within this of SIGTERM: the worker's own deadline, and the time to be heard. */
const STOP_WITHIN_MS = 42_000;

/** The process waits for our word, and dies without it; it is down for `mostMs` at most. */
export async function crashAtSeam(
  { system, random, note }: Stage,
  { process, seam, about }: Passing,
  mostMs = 5_000,
): Promise<void> {
  const downMs = random.between(0, mostMs);
  note('kill at seam', { seam, process, downMs, ...about });
  await system.fleet.crash(process as ProcessName, downMs);
}

/** Whether who comes is not frozen already: a shorter freeze would wake it from a longer one. */
export const isAwake =
  ({ fleet }: Stage['system']) =>
  ({ process }: Passing): boolean =>
    !fleet.isFrozen(process as ProcessName);

/** Waits until an order is `executing`; false when none was in time. */
async function untilExecuting({ system, sleep }: Stage, ms: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < ms; waitedMs += 50) {
    const [row] = await system.db`select 1 from orders where status = 'executing' limit 1`;
    if (row) return true;
    await sleep(50);
  }
  return false;
}

/** Arms a crash at a seam, so many times; what did not come to it is told by {@link expectStruck}. */
function crashAt(stage: Stage, seam: Passing['seam'], times: number): void {
  stage.system.desk.arm(seam, (passing) => crashAtSeam(stage, passing), { times });
}

/** An experiment whose strikes found nobody has shown nothing. */
export function expectStruck({ system, struck }: Stage): void {
  for (const { seam, left, times } of system.desk.armed())
    struck(left < times, `nothing came to seam ${seam}: it was not struck`);
}

/** The sum of a counter over some processes as they run now, by those of its series that have this label. */
export async function countOf(
  { fleet }: System,
  names: readonly ProcessName[],
  counter: string,
  label: string,
): Promise<number> {
  const texts = await Promise.all(names.map((name) => fleet.metrics(name).catch(() => '')));
  const counts = texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.startsWith(`${counter}{`) && line.includes(label))
    .map((line) => Number(line.split(' ').at(-1)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The lines that our processes have logged since then with these words in them. */
export async function logged({ fleet }: System, words: RegExp, since: number): Promise<string[]> {
  const texts = await Promise.all(fleet.logFiles.map((file) => readFile(file, 'utf8').catch(() => '')));
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => words.test(line));
  return lines.filter((line) => Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '') >= since);
}

/** A slow machine comes to it later. */
const TOLD_WITHIN_MS = 12_000;

/** Listens from now on; what it gives back says whether somebody was told: by a worker that has run since then. */
export async function listenFor({ system, expect, sleep }: Stage, alert: Alert): Promise<() => Promise<void>> {
  const rungNow = () => Promise.all(WORKERS.map((name) => countOf(system, [name], 'alerts_total', `alert="${alert}"`)));
  const before = await rungNow();
  // Who was started meanwhile counts from nothing again.
  const isRung = async () => (await rungNow()).some((count, index) => count > 0 && count !== before[index]);
  return async () => {
    let isTold = await isRung();
    for (const giveUpAt = Date.now() + TOLD_WITHIN_MS; !isTold && Date.now() < giveUpAt; isTold = await isRung())
      await sleep(500);
    expect(isTold, 'I14', `nobody was told: no ${alert}`);
  };
}

/** How many questions that were asked in that time were answered 503. */
export function countRefused({ history }: Stage, from: number, until: number): number {
  return history.entries.filter(
    (it) => it.kind === 'operation' && it.status === 503 && it.beganAt >= from && it.beganAt <= until,
  ).length;
}

async function rollingRestart(stage: Stage, name: ProcessName): Promise<void> {
  const { code, signal, ms } = await stage.system.fleet.terminate(name);
  stage.note('SIGTERM', { name, code, signal, ms });
  stage.expect(
    code === 0 && ms < STOP_WITHIN_MS,
    'I14',
    `${name} took ${ms} ms to end on SIGTERM, code ${code} ${signal ?? ''}`,
  );
  await stage.system.fleet.start(name);
}

export const PROCESS_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F01',
    title: 'one of two workers is killed, twenty times',
    atRisk: ['I1', 'I2', 'I14'],
    load: { orders: 120, windowMs: 80_000 },
    async run({ system, random, sleep, note, isQuick }) {
      for (let kills = 0; kills < (isQuick ? 5 : 20); kills += 1) {
        // One that works, while the other is there to take its work.
        await system.fleet.untilReady(WORKERS);
        await sleep(random.between(0, 1_500));
        const name = random.pick(WORKERS);
        const downMs = random.between(0, 1_500);
        note('kill', { name, downMs });
        await system.fleet.crash(name, downMs);
      }
    },
  },
  {
    id: 'F02',
    title: 'every worker is killed while orders execute',
    atRisk: ['I1', 'I2', 'I4'],
    async run(stage) {
      const { system, windowMs, timeScale, sleep, during } = stage;
      for (let round = 0; round < 2; round += 1) {
        const isExecuting = await untilExecuting(stage, windowMs);
        stage.struck(isExecuting || round > 0, 'no order executed when the workers were killed');
        await during(
          'no worker',
          60_000 / timeScale,
          () => Promise.all(WORKERS.map((name) => system.fleet.kill(name))),
          () => Promise.all(WORKERS.map((name) => system.fleet.start(name))),
        );
        await sleep(4_000);
      }
    },
  },
  {
    id: 'F03',
    title: 'a worker freezes between its quote and the execute',
    atRisk: ['I3', 'I4', 'I1'],
    async run(stage) {
      const { system, timeScale, random, windowMs, sleep, note, market } = stage;
      const freeze = async ({ process, seam, about }: Passing) => {
        const ms = random.pick([30_000 / timeScale, 60_000 / timeScale, 20_000]);
        note('freeze', { seam, process, ms, ...about });
        system.fleet.freeze(process as ProcessName);
        // What it holds is old when it wakes: the market has gone.
        await market.away();
        await sleep(ms);
        system.fleet.thaw(process as ProcessName);
        await market.cross();
      };
      for (const seam of ['S5', 'S7', 'S10', 'S15'] as const) system.desk.arm(seam, freeze, { fits: isAwake(system) });
      await sleep(windowMs + 8_000);
      expectStruck(stage);
    },
  },
  {
    id: 'F04',
    title: 'processes are restarted one after another under load',
    atRisk: ['I2', 'I14'],
    async run(stage) {
      const names = ['worker1', 'bridge1', 'api', 'worker2', 'bridge2', 'worker1'] as const;
      for (const name of names) {
        await stage.sleep(20_000 / stage.timeScale);
        await rollingRestart(stage, name);
      }
    },
  },
  {
    id: 'F05',
    title: 'the api dies around the commit of an order while clients repeat',
    atRisk: ['I6', 'I2'],
    // A request that comes too late for its own expiry is refused, and no order: they outlive the time without an api.
    load: { windowMs: 24_000, expiresInMs: [35_000, 45_000] },
    async run(stage) {
      for (const seam of ['S1', 'S2'] as const) crashAt(stage, seam, 3);
      await stage.sleep(stage.windowMs);
      expectStruck(stage);
    },
  },
  {
    id: 'F06',
    title: 'the bridge dies between a started run and its acknowledgement',
    atRisk: ['I1', 'I2'],
    async run(stage) {
      crashAt(stage, 'S4', 6);
      await stage.sleep(stage.windowMs);
      expectStruck(stage);
    },
  },
  {
    id: 'F07',
    title: 'the relay dies between a publish and its mark; two relays at once',
    atRisk: ['I2', 'I13'],
    async run(stage) {
      crashAt(stage, 'S3', 6);
      await stage.sleep(stage.windowMs);
      expectStruck(stage);
    },
  },
  {
    id: 'F37',
    title: 'worker and bridge are cut off from Temporal',
    atRisk: ['I2', 'I5'],
    async run({ system: { network, fleet }, random, during, sleep, timeScale, struck }) {
      // Refused, or swallowed without a word.
      const part = (link: string) =>
        random.chance(0.5)
          ? network.cut(link)
          : Promise.all(
              (['upstream', 'downstream'] as const).map((stream) =>
                network.poison(link, { type: 'timeout', stream, timeout: 0 }),
              ),
            );
      const all = [...WORKERS, ...BRIDGES];
      const unheard: string[] = [];
      for (const those of [...all.map((name) => [name]), all]) {
        const links = those.map((name) => `${name}>temporal`);
        await during(
          `part ${links.join(', ')}`,
          60_000 / timeScale,
          () => Promise.all(links.map(part)),
          async () => {
            for (const name of those) if ((await fleet.unready(name))?.length === 0) unheard.push(name);
            await Promise.all(links.map((link) => network.heal(link)));
          },
        );
        await sleep(500);
      }
      struck(unheard.length < all.length, `these noticed nothing: ${unheard.join(', ')}`);
    },
  },
];

/** Every process at once, for the experiments that change what all of them run with. */
export async function restartAll(system: Stage['system'], names: readonly ProcessName[] = PROCESSES): Promise<void> {
  await bounce(system, names);
  await system.fleet.untilReady(names);
}

/** Anew, and without waiting: in a storm of replays nobody has promised to be ready. What must be is asked when it is over. */
export async function bounce({ fleet }: Stage['system'], names: readonly ProcessName[]): Promise<void> {
  await Promise.all(names.map((name) => fleet.kill(name)));
  await Promise.all(names.map((name) => fleet.start(name)));
}
