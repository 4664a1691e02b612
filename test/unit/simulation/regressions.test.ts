import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DROPS } from './drops.ts';
import { histories } from './generator.ts';
import { historyOf, type Kept, keepable, nameOf } from './kept-form.ts';
import { KEPT } from './regressions.ts';
import { without } from './rules.ts';
import { simulate } from './simulate.ts';
import { historyAt, hunt, report, story } from './telling.ts';

const named = <T extends Kept>(kept: readonly T[]) => kept.map((each) => [nameOf(each), each] as const);

test.each(named(KEPT))('what was kept breaks no law: %s', (_name, kept) => {
  const history = historyOf(kept);
  const { breach } = simulate(history);
  if (breach !== null) throw new Error(`${breach}\n\n${story(history)}`);
});

const shows = KEPT.filter((kept) => 'without' in kept);

// Else nobody would notice that the protocol has changed so much that a history shows nothing any more.
test.each(named(shows))('what was kept breaks one without its rule: %s', (_name, kept) => {
  const { dropped, sought } = DROPS[kept.without];
  const options = { rules: without(...dropped), sought };
  const history = historyOf(kept);
  const { breach } = simulate(history, options);
  if (breach !== null) return;
  const how = 'SIMULATION=show npm run test:unit -- --testPathPatterns unit/simulation/dropped';
  throw new Error(`it shows nothing any more; ${how} finds another\n\n${story(history, options)}`);
});

test('of every rule that can be dropped a history is kept', () => {
  expect(new Set(shows.map((kept) => kept.without))).toEqual(new Set(Object.keys(DROPS)));
});

/** What Biome and the compiler make of a line in regressions.ts. */
function pasted(line: string): Kept {
  return JSON.parse(line.replace(/,$/, '')) as Kept;
}

test('every history can be kept as it is', () => {
  const isKept = fc.property(histories, (history) => {
    expect(historyOf(pasted(keepable(history, { why: 'any' })))).toEqual(history);
  });
  fc.assert(isKept, { numRuns: 200 });
});

test('what is said of a broken law holds its seed, its path, and the line to keep it by', () => {
  const options = {
    rules: without('lockIsVerified'),
    sought: DROPS['what Conduit locked is not held against the condition'].sought,
  };
  const found = hunt(histories, { ...options, seed: 2, runs: 1_000 });
  if (!found) throw new Error('nothing was found to be told');
  const text = report(found);

  const [, seed, path] = /SEED=(-?\d+) AT=(\S+) npm run/.exec(text) ?? [];
  expect(historyAt(histories, Number(seed), path ?? '')).toEqual(found.history);
  const line = text.split('\n').find((each) => each.startsWith('{')) ?? '';
  const kept = pasted(line);
  expect(historyOf(kept)).toEqual(found.history);
  expect(simulate(historyOf(kept), options).breach).toBe(found.breach);
  expect(nameOf(kept)).toContain(found.breach);
});

test('what throws is told with its history as well', () => {
  const broken = historyOf({ terms: { targetRate: 'none' }, commands: [] });
  const found = hunt(fc.constant(broken), { seed: 1, runs: 1 });
  if (!found) throw new Error('nothing was thrown');

  expect(found.breach).toMatch(/^threw: /);
  expect(report(found)).toContain(keepable(broken, { why: `${found.breach} (SEED=1)` }));
});
