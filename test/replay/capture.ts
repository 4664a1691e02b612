// `npm run history:capture`: plays scenes on the whole product and stores the histories of their runs, so that the code of tomorrow is
// held against the runs of today. Without a name it lists what there is. A stored history stays as it is, because runs of its
// release may still wait somewhere, unless `--again` says that it was never released.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { connectTemporal } from '../../src/clients/temporal.ts';
import { SEARCH_ATTRIBUTES } from '../../src/clients/temporal-starts.ts';
import { loadTemporalSettings } from '../../src/main/temporal-settings.ts';
import { LOCAL_DIR } from '../../stack/paths.ts';
import { createProgress } from '../../stack/progress.ts';
import { type Services, startServices } from '../../stack/services.ts';
import { createWorld } from '../support/world.ts';
import { fetchHistory, isStored, store } from './archive.ts';
import { EARLY, type Scene, type StageName } from './scene.ts';
import { allScenes, type Database } from './scenes/index.ts';
import { fingerprintOf, missingStep, shapeOf } from './shape.ts';
import { createStage, type Stage } from './stage.ts';
import { HISTORIES, readHistory, readReleases, storedNames } from './stored.ts';

/** Most of a scene is waiting, so two of them fit beside each other on two cores. */
const LANES: Record<StageName, number> = { usual: 2, early: 1, alone: 1 };

interface Wish {
  readonly scene: Scene;
  /** Those of the scene's takes that shall be stored. */
  readonly names: readonly string[];
}

const progress = createProgress();

async function main(): Promise<void> {
  const { values, positionals: named } = parseArgs({
    options: { missing: { type: 'boolean' }, again: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (named.length === 0 && !values.missing) return list();

  const scenes = allScenes();
  const known = scenes.flatMap(({ takes }) => Object.keys(takes));
  const unknown = named.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no scene gives ${unknown.join(', ')}; without a name all are listed`);
  const kept = named.filter((name) => isStored(name) && !values.again);
  if (kept.length > 0)
    throw new Error(
      `${kept.join(', ')}: stored, and of a shape that may be released; --again replaces it all the same`,
    );

  const services = await startServices({
    only: ['postgres', 'redis', 'pubsub'],
    ports: 'free',
    dataDir: join(LOCAL_DIR, 'capture'),
    throwAway: true,
    ignoreGiven: true,
    quiet: true,
  });
  Object.assign(process.env, services.env);
  const failures: string[] = [];
  try {
    const wishes = wishesOf(allScenes(databaseOf(services)), (name) =>
      named.length > 0 ? named.includes(name) : !isStored(name),
    );
    // One after the other, so that the last one alone is hit when its database goes away.
    for (const stageName of ['usual', 'early', 'alone'] as const) failures.push(...(await playAll(stageName, wishes)));
  } finally {
    await services.stop();
  }
  if (failures.length > 0) throw new Error(`not stored: ${failures.join(', ')}`);
}

function wishesOf(scenes: readonly Scene[], isWanted: (name: string) => boolean): Wish[] {
  return scenes
    .map((scene) => ({ scene, names: Object.keys(scene.takes).filter(isWanted) }))
    .filter(({ names }) => names.length > 0);
}

/** Plays the scenes of one kind of stage, on as many of it as there are lanes. */
async function playAll(stageName: StageName, wishes: readonly Wish[]): Promise<string[]> {
  const waiting = wishes.filter(({ scene }) => scene.stage === stageName);
  const lanes = Array.from({ length: Math.min(LANES[stageName], waiting.length) }, () => playLane(stageName, waiting));
  return (await Promise.all(lanes)).flat();
}

/** Takes one scene after the other from those that wait; one that fails does not keep the others from being stored. */
async function playLane(stageName: StageName, waiting: Wish[]): Promise<string[]> {
  const failures: string[] = [];
  const { stage, close } = await openStage(stageName);
  try {
    for (let wish = waiting.shift(); wish; wish = waiting.shift()) {
      const next = wish;
      const { names } = next;
      await progress
        .step(names.join(', '), () => record(stage, next))
        .catch((error: unknown) => {
          progress.line(`    ${textOf(error)}`);
          failures.push(...names);
        });
    }
  } finally {
    await close();
  }
  return failures;
}

/** Nothing is stored unless each wanted run went the way that its take promises. */
async function record(stage: Stage, { scene, names }: Wish): Promise<void> {
  try {
    const runs = await scene.play(stage);
    for (const name of names) {
      const [take, ref] = [scene.takes[name], runs[name]];
      if (!take || !ref) throw new Error(`the scene gave no ${name}`);
      const history = await fetchHistory(stage.temporal, ref);
      const missing = missingStep(history, take.shows);
      if (missing) throw new Error(`${name} does not show ${missing}, but ${shapeOf(history)}`);
      store(name, history);
    }
  } catch (error) {
    const open = await stage.endOpenOrders().catch((reason: unknown) => [textOf(reason)]);
    throw new Error([textOf(error), ...open].join('\n    '));
  } finally {
    await stage.tidy();
  }
}

async function openStage(name: StageName): Promise<{ stage: Stage; close: () => Promise<void> }> {
  const world = await createWorld();
  if (name !== 'early') return { stage: await createStage(world), close: () => world.stop() };

  const server = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: world.services.env['TEMPORAL_CLI_PATH'] ?? '' },
      extraArgs: [
        '--dynamic-config-value',
        `limit.historyCount.suggestContinueAsNew=${EARLY}`,
        ...Object.values(SEARCH_ATTRIBUTES).flatMap(({ name: key, type }) => [
          '--search-attribute',
          `${key}=${type === 'DATETIME' ? 'Datetime' : 'Keyword'}`,
        ]),
      ],
    },
  });
  const temporal = connectTemporal(loadTemporalSettings({ ...world.env, TEMPORAL_ADDRESS: server.address }));
  return {
    stage: await createStage(world, { address: server.address, temporal }),
    async close() {
      await world.stop();
      await temporal.close();
      await server.teardown();
    },
  };
}

function databaseOf(services: Services): Database {
  return {
    async stop() {
      await services.kill('postgres', 'SIGINT');
      await services.list.find(({ name }) => name === 'postgres')?.child?.exited;
    },
    start: () => services.restart('postgres'),
  };
}

/** What there is, and what the scenes would add. */
function list(): void {
  const stored = new Set(storedNames());
  const releases = readReleases();
  let bytes = 0;
  for (const [name, { gives }] of allScenes().flatMap(({ takes }) => Object.entries(takes))) {
    if (!stored.delete(name)) {
      progress.line(`  –  ${name}: ${gives}`);
      continue;
    }
    const history = readHistory(name);
    bytes += statSync(`${HISTORIES}${name}.json`).size;
    const facts = `${releases[name]?.release}, ${history.events.length} events, ${fingerprintOf(history)}`;
    progress.line(`  ✓  ${name} (${facts}): ${gives}`);
  }
  for (const name of stored) progress.line(`  ?  ${name}: stored, and no scene gives it`);
  progress.line(
    `\n${storedNames().length} stored, ${Math.ceil(bytes / 1024)} kB. Names record those, --missing all that lack.`,
  );
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${textOf(error.cause)})`;
}

await main().catch((error: unknown) => {
  process.stderr.write(`${textOf(error)}\n`);
  process.exitCode = 1;
});
