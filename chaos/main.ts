// `npm run chaos`: breaks the whole system on purpose and judges it.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeFailure, SetupError } from '../stack/errors.ts';
import { type FaultTools, prepareFaultTools } from '../stack/fault-tools.ts';
import { LOCAL_DIR } from '../stack/paths.ts';
import { createProgress, seconds } from '../stack/progress.ts';
import { runMain, untilAskedToStop } from '../stack/shutdown.ts';
import { runAllBuilds } from './builds/all-builds.ts';
import { chosen, grouped, listing } from './experiments/catalogue.ts';
import { brokenOff, type RunOptions, runExperiments } from './experiments/run-experiment.ts';
import { HELP, type Options, readChaosOptions } from './options.ts';
import { publish } from './report/publish.ts';
import {
  adopt,
  basisOf,
  emptyFolder,
  hasPassed,
  type KeptResult,
  keepResult,
  publishedResults,
  resultsIn,
} from './report/results.ts';
import { lineOf, summaryLine, textTable } from './report/table.ts';
import { type System, startSystem } from './system/system.ts';

/** Set by the first signal. */
const stopping = { isAsked: false };

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const options = readChaosOptions();
  if (options.mode === 'help') return tell(HELP);
  if (options.mode === 'list') return tell(listing());
  const asked = untilAskedToStop();
  const stops: (() => Promise<void>)[] = [];
  try {
    const ended = await Promise.race([asked, run(options, stops)]);
    stopping.isAsked = typeof ended === 'number';
    await stopAll(stops);
    if (typeof ended !== 'number') return ended.code;
    // What is half up would go on: the keeper ends it as soon as we are gone.
    process.exit(ended);
  } finally {
    await stopAll(stops);
  }
}

async function run(options: Options, stops: (() => Promise<void>)[]): Promise<{ code: number }> {
  const beganAt = performance.now();
  const tools = await prepareFaultTools(createProgress());
  const dir = join(LOCAL_DIR, 'chaos', options.build ?? options.mode);
  // Only the long run is worth going on with.
  if (options.mode !== 'all' || options.fresh) rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  if (options.mode === 'builds') {
    const start = async (build: string | null) => {
      if (stopping.isAsked) throw new SetupError('stopped before the last build');
      return bringUp({ ...options, build: build ?? undefined }, tools, dir, stops);
    };
    return { code: (await runAllBuilds({ options, dir, say, start })) ? 0 : 1 };
  }
  const basis = basisOf(options);
  const file = join(dir, 'results.jsonl');
  const ours = resultsIn(file, basis);
  const results = options.with ? adopt(file, ours, publishedResults(options.with, basis)) : ours;
  const { runnable, notRun: lacking } = await chosen(options, tools, dir);
  // Another machine may have what this one lacks.
  const notRun = lacking.filter(({ id }) => !results.some((result) => result.id === id));
  const isDone = (id: string, seed: number) => results.some((it) => it.id === id && it.seed === seed && hasPassed(it));
  const todo = options.seeds.flatMap((seed) =>
    grouped(
      runnable.filter(({ id }) => !isDone(id, seed)),
      options,
    ).map((experiments) => ({ seed, experiments })),
  );
  if (results.length > 0) say(`${results.length} results of these sources are kept; --fresh begins anew.`);
  const count = todo.reduce((sum, { experiments }) => sum + experiments.length, 0);
  say(`${count} experiments, seed ${options.seeds.join(', ')}, sources ${basis.sources}. Evidence: ${dir}`);

  let system: System | null = null;
  let done = 0;
  const takeDown = async () => {
    await stopAll(stops);
    system = null;
  };
  for (const [index, { seed, experiments }] of todo.entries()) {
    const hasOwnSystem = experiments.some((it) => it.hasOwnSystem);
    if (hasOwnSystem) await takeDown();
    system ??= await bringUp(options, tools, dir, stops);
    const name = experiments.length > 1 ? 'quick' : experiments[0]?.id;
    const runOptions: RunOptions = {
      seed,
      timeScale: options.timeScale,
      isQuick: options.mode === 'quick',
      dir: emptyFolder(join(dir, `${name}-${seed}`), results),
      tell: say,
      ...(options.orders === undefined ? {} : { orders: options.orders }),
    };
    const news = await runExperiments(system, experiments, runOptions).catch((error: unknown) =>
      experiments.map((it) => brokenOff(it, runOptions, error)),
    );
    // Whoever asked us to stop has taken the system away from under it.
    if (stopping.isAsked) return { code: 1 };
    if (basisOf(options).sources !== basis.sources)
      throw new SetupError('the sources have changed while they were run: nothing of this can be told; run again');
    for (const result of news.map((it): KeptResult => ({ ...it, basis }))) {
      done += 1;
      results.push(result);
      keepResult(file, result);
      say(lineOf(result, `${done}/${count}`));
    }
    // What a broken law left behind would spoil the next experiment.
    if (hasOwnSystem || !news.every(hasPassed)) await takeDown();
    // A run of hours that is ended before its end has told what it had.
    publish(options, { dir, basis, results, notRun, left: bySeed(todo.slice(index + 1)) });
  }
  say(`\n${textTable(results, notRun)}\n`);
  // Nothing was to be run: what is told together here is new all the same.
  if (todo.length === 0) publish(options, { dir, basis, results, notRun, left: new Map() });
  say(`Done in ${seconds(beganAt)}.`);
  say(summaryLine(results));
  // Of nothing nothing follows.
  return { code: results.length > 0 && results.every(hasPassed) ? 0 : 1 };
}

function bySeed(todo: readonly { readonly seed: number; readonly experiments: readonly { readonly id: string }[] }[]) {
  const ids = new Map<number, string[]>();
  for (const { seed, experiments } of todo)
    ids.set(seed, [...(ids.get(seed) ?? []), ...experiments.map(({ id }) => id)]);
  return ids;
}

/** Stops what was started. What cannot be stopped in good order is told, and keeps nothing else from its end. */
async function stopAll(stops: (() => Promise<void>)[]): Promise<void> {
  for (let stop = stops.pop(); stop; stop = stops.pop())
    await stop().catch((error: unknown) => process.stderr.write(`${describeFailure(error)}\n`));
}

async function bringUp(
  options: Options,
  tools: FaultTools,
  runDir: string,
  stops: (() => Promise<void>)[],
): Promise<System> {
  // One folder a start: its logs stay beside the evidence.
  const dir = join(runDir, `system-${Date.now().toString(36)}`);
  const { toxiproxy, faketime } = tools;
  if (typeof toxiproxy !== 'string')
    throw new SetupError(`Toxiproxy carries every connection of a run: ${toxiproxy.lacking}`);
  const system = await createProgress().step('The whole system', () =>
    startSystem({
      dir,
      toxiproxy,
      timeScale: options.timeScale,
      ...(typeof faketime === 'string' ? { faketime } : {}),
      ...(options.build === undefined ? {} : { build: options.build }),
    }),
  );
  stops.push(() => system.stop());
  return system;
}

function tell(text: string): number {
  say(text);
  return 0;
}

await runMain(main);
