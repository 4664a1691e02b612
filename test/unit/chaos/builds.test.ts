// The broken builds as far as they can be judged without running them.
import { describe, expect, test } from '@jest/globals';
import { BUILD_NAMES, type BuildName } from '../../../chaos/builds/build.ts';
import { buildOf } from '../../../chaos/builds/catalogue.ts';
import { BUILD_EXPERIMENTS } from '../../../chaos/builds/experiments.ts';
import { mutated, sourcesOf } from '../../../chaos/builds/mutate.ts';
import { areAllCaught, caughtPage, type RunBuildsDeps, runBuilds } from '../../../chaos/builds/run-builds.ts';
import type { Invariant } from '../../../chaos/checker/verdict.ts';
import { PROVIDER_EXPERIMENTS } from '../../../chaos/experiments/provider.ts';
import type { Result } from '../../../chaos/experiments/run-experiment.ts';
import { SEAM_EXPERIMENTS } from '../../../chaos/experiments/seams.ts';
import type { System } from '../../../chaos/system/system.ts';

const OTHERS = [...SEAM_EXPERIMENTS, ...PROVIDER_EXPERIMENTS];
const EXPERIMENTS = [...OTHERS, ...BUILD_EXPERIMENTS];

describe.each(BUILD_NAMES)('build %s', (name) => {
  const build = buildOf(name);

  test('finds each text that it replaces in the product, once, and changes it', () => {
    const sources = sourcesOf(build.mutations ?? []);
    expect(sources.size).toBe(new Set(build.mutations?.map(({ file }) => file)).size);
    for (const { by } of build.mutations ?? [])
      expect([...sources.values()].some((text) => text.includes(by))).toBe(true);
  });

  test('changes something', () => {
    expect((build.mutations?.length ?? 0) + Object.keys(build.wrappers ?? {}).length).toBeGreaterThan(0);
  });

  test('is to be caught by an experiment that there is', () => {
    expect(EXPERIMENTS.map(({ id }) => id)).toContain(build.caughtBy);
  });
});

test.each(['no such text', 'twice twice'])('a text that is not there exactly once is refused: %s', (source) => {
  const mutation = { file: 'src/some.ts', text: 'twice', by: 'once' };
  expect(() => mutated(source, [mutation])).toThrow('src/some.ts holds');
});

test('what stands in place of a text is taken as it is', () => {
  expect(mutated('a b', [{ file: 'f', text: 'b', by: "$& $' $1" }])).toBe("a $& $' $1");
});

test('an unknown build is refused with the names of those that there are', () => {
  expect(() => buildOf('constructor')).toThrow('there is no build constructor; there are fresh-key, ');
});

/** Systems that find what they are told to find, and note whether they were stopped. */
function fakeDeps(found: (build: BuildName | null) => readonly Invariant[], rested = true) {
  const running = new Set<System>();
  const builds = new Map<System, BuildName | null>();
  const deps: RunBuildsDeps = {
    experiments: OTHERS,
    tell: () => {},
    async start(build) {
      const system = { stop: async () => void running.delete(system) } as unknown as System;
      running.add(system);
      builds.set(system, build);
      return system;
    },
    async run(system, { id, title }, label) {
      const violations = found(builds.get(system) ?? null).map((invariant) => ({
        invariant,
        orderId: null,
        text: label,
      }));
      return { id, title, violations, orders: 6, dir: '/nowhere', rested } as unknown as Result;
    },
  };
  return { deps, running };
}

describe('the run of all builds', () => {
  test('each build that harms a law is caught, and the product itself is not', async () => {
    const { deps, running } = fakeDeps((build) => (build ? [buildOf(build).harms[0], 'I14'] : []));
    const verdicts = await runBuilds(deps);
    expect(verdicts.map(({ name, isCaught }) => [name, isCaught])).toEqual(BUILD_NAMES.map((name) => [name, true]));
    expect(areAllCaught(verdicts)).toBe(true);
    expect(running.size).toBe(0);
    const page = caughtPage(verdicts, 'A run.');
    expect(page).toContain('`chaos: 18 of 18 broken builds caught`');
    expect(page).toContain('| `fresh-key` | every request to Conduit carries a fresh random key');
  });

  test('a build that only comes to no rest is not caught', async () => {
    const { deps } = fakeDeps((build) => (build ? ['I14'] : []));
    const verdicts = await runBuilds(deps, ['expiry-once']);
    expect(verdicts).toMatchObject([{ name: 'expiry-once', isCaught: false, invariants: ['I14'], firstVictim: null }]);
    expect(areAllCaught(verdicts)).toBe(false);
    expect(caughtPage(verdicts, '')).toContain('**not caught**');
  });

  test.each([
    ['I7', false],
    ['I11', false],
    ['I1', true],
  ] as const)(
    'where a system came to no rest, %s alone catches a build that harms it: %s',
    async (invariant, isCaught) => {
      const build = BUILD_NAMES.find((name) => !buildOf(name).isEndless && buildOf(name).harms.includes(invariant));
      const { deps } = fakeDeps((name) => (name ? [invariant] : []), false);
      expect(await runBuilds(deps, build && [build])).toMatchObject([{ name: build, isCaught }]);
    },
  );

  test('of a build whose harm is an order without an end no rest is asked', async () => {
    const { deps } = fakeDeps((name) => (name ? ['I2', 'I14'] : []), false);
    expect(await runBuilds(deps, ['stray-statements'])).toMatchObject([{ isCaught: true }]);
  });

  test('an experiment that finds something against the product proves nothing', async () => {
    const { deps } = fakeDeps(() => ['I4']);
    const verdicts = await runBuilds(deps, ['expiry-once']);
    expect(verdicts).toMatchObject([{ isCaught: true, healthyViolations: 1 }]);
    expect(areAllCaught(verdicts)).toBe(false);
  });

  test('a system is stopped also when its experiment breaks off', async () => {
    const { deps, running } = fakeDeps(() => []);
    const broken = { ...deps, run: () => Promise.reject(new Error('broke off')) };
    await expect(runBuilds(broken, ['expiry-once'])).rejects.toThrow('broke off');
    expect(running.size).toBe(0);
  });
});
