// `npm run chaos`: breaks the whole system on purpose and judges it.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../stack/errors.ts';
import { type FaultTools, prepareFaultTools } from '../stack/fault-tools.ts';
import { LOCAL_DIR, ROOT } from '../stack/paths.ts';
import { createProgress, seconds } from '../stack/progress.ts';
import { runMain, untilAskedToStop } from '../stack/shutdown.ts';
import { runAllBuilds } from './builds/all-builds.ts';
import { chosen, EXPERIMENTS, grouped } from './experiments/catalogue.ts';
import { brokenOff, keepResult, type Result, type RunOptions, runExperiments } from './experiments/run-experiment.ts';
import { HELP, type Options, readChaosOptions } from './options.ts';
import { markdownPage, type NotRun, summaryLine, textTable } from './report/table.ts';
import { type System, startSystem } from './system/system.ts';

/** Set by the first signal. */
const stopping = { isAsked: false };

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const options = readChaosOptions();
  if (options.mode === 'help') return tell(HELP);
  if (options.mode === 'list') return tell(EXPERIMENTS.map(({ id, title }) => `${id}  ${title}`).join('\n'));
  const asked = untilAskedToStop();
  const stops: (() => Promise<void>)[] = [];
  const ended = await Promise.race([asked, run(options, stops)]);
  stopping.isAsked = typeof ended === 'number';
  for (const stop of stops) await stop();
  if (typeof ended !== 'number') return ended.code;
  // What is half up would go on: the keeper ends it as soon as we are gone.
  process.exit(ended);
}

async function run(options: Options, stops: (() => Promise<void>)[]): Promise<{ code: number }> {
  const beganAt = performance.now();
  const tools = await prepareFaultTools(createProgress());
  const dir = join(LOCAL_DIR, 'chaos', options.build ?? options.mode);
  // Only the long run is worth going on with.
  if (options.mode !== 'all' || options.fresh) rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  if (options.mode === 'builds') {
    const start = (build: string | null) => bringUp({ ...options, build: build ?? undefined }, tools, dir, stops);
    return { code: (await runAllBuilds({ options, dir, say, start })) ? 0 : 1 };
  }
  const file = join(dir, 'results.jsonl');
  const results = earlier(file);
  const { runnable, notRun } = await chosen(options, tools, dir);
  const todo = options.seeds.flatMap((seed) =>
    grouped(
      runnable.filter(({ id }) => !results.some((it) => it.id === id && it.seed === seed)),
      options,
    ).map((experiments) => ({ seed, experiments })),
  );
  if (results.length > 0) say(`${results.length} results of an earlier run are kept; --fresh begins anew.`);
  const count = todo.reduce((sum, { experiments }) => sum + experiments.length, 0);
  say(`${count} experiments, seed ${options.seeds.join(', ')}. Evidence: ${dir}`);

  let system: System | null = null;
  let done = 0;
  for (const { seed, experiments } of todo) {
    system ??= await bringUp(options, tools, dir, stops);
    const runOptions: RunOptions = {
      seed,
      timeScale: options.timeScale,
      isQuick: options.mode === 'quick',
      dir: join(dir, `${experiments.length > 1 ? 'quick' : experiments[0]?.id}-${seed}`),
      ...(options.orders === undefined ? {} : { orders: options.orders }),
    };
    const news = await runExperiments(system, experiments, runOptions).catch((error: unknown) =>
      experiments.map((it) => brokenOff(it, runOptions, error)),
    );
    // Whoever asked us to stop has taken the system away from under it.
    if (stopping.isAsked) break;
    for (const result of news) {
      done += 1;
      results.push(result);
      keepResult(file, result);
      say(lineOf(result, `${done}/${count}`));
    }
    // What a broken law left behind would spoil the next experiment.
    if (news.some((result) => result.violations.length > 0 || !result.rested)) {
      await stops.pop()?.();
      system = null;
    }
  }
  say(`\n${textTable(results, notRun)}\n`);
  publish(options, dir, results, notRun);
  say(`Done in ${seconds(beganAt)}.`);
  say(summaryLine(results));
  return { code: results.some(({ violations, rested }) => violations.length > 0 || !rested) ? 1 : 0 };
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

function lineOf(result: Result, count: string): string {
  const { id, seed, title, orders, outcomes, faults, violations, recoveryMs, rested, seconds: took } = result;
  const ends = Object.entries(outcomes).map(([status, number]) => `${number} ${status}`);
  const mark = violations.length === 0 && rested ? '✓' : '✗';
  const recovery = recoveryMs === null ? 'not recovered' : `recovered in ${(recoveryMs / 1_000).toFixed(1)} s`;
  const head = `${mark} ${count} ${id} seed ${seed}: ${title}\n    ${orders} orders (${ends.join(', ')}), ${faults} faults, ${violations.length} violations, ${recovery}, ${took} s`;
  const shown = violations
    .slice(0, 8)
    .map(({ invariant, orderId, text }) => `    ${invariant} ${orderId ?? ''} ${text}`);
  const where = violations.length > 0 ? [`    evidence: ${result.dir}`] : [];
  return [head, ...(rested ? [] : ['    it did not come to rest']), ...shown, ...where].join('\n');
}

/** The JSON beside the evidence, and the page where there is one for such a run. */
function publish(options: Options, dir: string, results: readonly Result[], notRun: readonly NotRun[]): void {
  writeFileSync(join(dir, 'results.json'), `${JSON.stringify({ results, notRun }, null, 2)}\n`);
  const page = pageOf(options, results);
  if (page) writeFileSync(join(ROOT, 'docs', page.file), markdownPage(results, notRun, page.about));
}

/** The long run and the one in real time are published. */
function pageOf(
  { mode, timeScale, build }: Options,
  results: readonly Result[],
): { file: string; about: string } | null {
  if (build !== undefined) return null;
  const seeds = Math.max(...results.map(({ seed }) => seed));
  const ids = results.map(({ id }) => id).join(',');
  if (mode === 'all')
    return {
      file: 'chaos-results.md',
      about: `\`npm run chaos -- --all --seeds ${seeds}\`, waits divided by ${timeScale}, on two cores.`,
    };
  if (mode !== 'only' || timeScale !== 1) return null;
  return {
    file: 'chaos-unscaled.md',
    about: `\`npm run chaos -- --only ${ids} --time-scale 1\`: every wait and outage in real time, on two cores.`,
  };
}

function earlier(file: string): Result[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const results = lines.map((line) => JSON.parse(line) as Result);
  // What failed is run again; of an experiment that ran twice the later result counts.
  const newest = new Map(results.map((result) => [`${result.id} ${result.seed}`, result]));
  return [...newest.values()].filter(({ violations, rested }) => violations.length === 0 && rested);
}

function tell(text: string): number {
  say(text);
  return 0;
}

await runMain(main);
