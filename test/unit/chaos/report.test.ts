// What a run publishes: nothing that failed is forgotten, and nothing of other sources is told with it.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { publish } from '../../../chaos/report/publish.ts';
import {
  adopt,
  basisOf,
  emptyFolder,
  hasPassed,
  type KeptResult,
  keepResult,
  publishedResults,
  resultsIn,
} from '../../../chaos/report/results.ts';
import { lineOf, markdownPage, summaryLine, textTable } from '../../../chaos/report/table.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'results-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const ASKED = { mode: 'all', minutes: 0, timeScale: 10, orders: undefined, build: undefined } as const;
const BASIS = basisOf(ASKED);

function aResult(change: Partial<KeptResult> = {}): KeptResult {
  return {
    id: 'F21',
    title: 'a fault',
    seed: 1,
    orders: 60,
    outcomes: { executed: 60 },
    faults: 3,
    violations: [],
    deliveredLate: 0,
    recoveryMs: 1_000,
    rested: true,
    seconds: 40,
    dir: '/evidence',
    basis: BASIS,
    ...change,
  };
}
const failed = aResult({ violations: [{ invariant: 'I1', orderId: null, text: 'twice' }] });

test('results are kept line by line, those that failed among them', () => {
  const file = join(dir, 'results.jsonl');
  expect(resultsIn(file, BASIS)).toEqual([]);
  keepResult(file, failed);
  keepResult(file, aResult());
  expect(resultsIn(file, BASIS).map(hasPassed)).toEqual([false, true]);
});

test.each([
  ['other sources', { sources: 'other' }],
  ['another pace', { timeScale: 1 }],
  ['another load', { orders: 5 }],
  ['a quick run', { size: 'quick' }],
  ['a broken build', { build: 'fresh-key' }],
])('results of %s are not told together with these', (_, other) => {
  const file = join(dir, 'results.jsonl');
  keepResult(file, aResult({ basis: { ...BASIS, ...other } }));
  expect(resultsIn(file, BASIS)).toEqual([]);
  const published = join(dir, 'results.json');
  writeFileSync(published, JSON.stringify({ results: [aResult({ basis: { ...BASIS, ...other } })] }));
  expect(() => publishedResults(published, BASIS)).toThrow('other sources or settings');
});

test('published results of the same sources are taken; another file is refused', () => {
  const published = join(dir, 'results.json');
  writeFileSync(published, JSON.stringify({ results: [aResult()] }));
  expect(publishedResults(published, BASIS)).toHaveLength(1);
  expect(() => publishedResults(join(dir, 'none.json'), BASIS)).toThrow('not a file of results');
});

test('a quick run, a mix of some length and a build rest on something else than a full run', () => {
  const bases = [
    BASIS,
    basisOf({ ...ASKED, mode: 'quick' }),
    basisOf({ ...ASKED, mode: 'minutes', minutes: 1 }),
    basisOf({ ...ASKED, mode: 'only', build: 'fresh-key' }),
  ];
  expect(new Set(bases.map((it) => JSON.stringify(it))).size).toBe(4);
  expect(basisOf({ ...ASKED, mode: 'only' })).toEqual(BASIS);
});

test('published results are taken over once, and are ours from then on', () => {
  const file = join(dir, 'results.jsonl');
  keepResult(file, aResult());
  const theirs = [aResult({ dir: '/elsewhere' }), aResult({ seed: 2, dir: '/elsewhere' })];
  const all = adopt(file, resultsIn(file, BASIS), theirs);
  expect(all.map(({ seed }) => seed)).toEqual([1, 2]);
  expect(adopt(file, resultsIn(file, BASIS), theirs)).toHaveLength(2);
  expect(resultsIn(file, BASIS)).toHaveLength(2);
});

test('evidence is never overwritten: neither judged nor that of a kept result', () => {
  const base = join(dir, 'F21-1');
  expect(emptyFolder(base, [])).toBe(base);
  mkdirSync(base);
  writeFileSync(join(base, 'history.jsonl'), '');
  expect(emptyFolder(base, [aResult({ dir: base })])).toBe(`${base}.2`);
  expect(emptyFolder(base, [])).toBe(base);
  expect(existsSync(base)).toBe(false);
  mkdirSync(base);
  writeFileSync(join(base, 'verdict.json'), '{}');
  expect(emptyFolder(base, [])).toBe(`${base}.2`);
});

test('the hash of the sources is the same for the same files', () => {
  expect(basisOf(ASKED)).toEqual(BASIS);
  expect(BASIS.sources).toMatch(/^[0-9a-f]{12}$/);
});

test('a violation stays in every table, however often the experiment passed afterwards', () => {
  const results = [failed, aResult(), aResult({ seed: 2, recoveryMs: 5_000 })];
  const row = '| F21 | a fault | 3 | 180 | 9 | 1 | 1.0 s | 5.0 s |';
  expect(markdownPage(results, [{ id: 'S14', title: 'a seam', why: 'no feature' }], 'About.')).toContain(row);
  expect(textTable(results, [])).toMatch(/F21 +a fault +3 +180 +9 +1 +1\.0 s +5\.0 s/);
  expect(summaryLine(results)).toBe('chaos: 1 experiments, 180 orders, 9 faults, 1 violations');
});

test('an order that never came to rest is a violation, also where no law was named', () => {
  expect(summaryLine([aResult({ rested: false })])).toBe('chaos: 1 experiments, 60 orders, 3 faults, 1 violations');
  expect(hasPassed(aResult({ rested: false }))).toBe(false);
});

test('what the network delivered far too late is told apart from the violations', () => {
  const late = aResult({ deliveredLate: 2 });
  expect(markdownPage([late, aResult()], [], 'About.')).toContain('2 requests took effect after an expiry');
  expect(lineOf(late, '1/1')).toContain('0 violations');
  expect(lineOf(late, '1/1')).toContain('2 requests took effect after an expiry');
  expect(markdownPage([aResult()], [], 'About.')).not.toContain('took effect');
});

test('what was not run is listed with its reason, and counts as nothing', () => {
  const notRun = [{ id: 'F43', title: 'a full volume', why: 'nobody may mount here' }];
  expect(textTable([], notRun)).toContain('F43  not run: nobody may mount here');
  expect(markdownPage([], notRun, 'About.')).toContain('- F43, a full volume: nobody may mount here');
  expect(summaryLine([])).toBe('chaos: 0 experiments, 0 orders, 0 faults, 0 violations');
});

test('what is published says how to do it again, and what is still to come', () => {
  const options = { ...ASKED, mode: 'only', ids: ['F21'], seeds: [1], with: undefined, fresh: false } as const;
  const pageOf = (asked: Partial<typeof options> | { timeScale: number }, seed: number, left: [number, string[]][]) => {
    const results = [aResult({ seed })];
    publish({ ...options, ...asked }, { dir, basis: BASIS, results, notRun: [], left: new Map(left) });
    return readFileSync(join(dir, 'results.md'), 'utf8');
  };
  const page = pageOf({ timeScale: 1 }, 7, []);
  expect(page).toContain('`npm run chaos -- --only F21 --seed 7 --time-scale 1`, every wait and outage in real time');
  expect(page).not.toContain('Still to come');
  expect(
    pageOf({}, 1, [
      [1, ['F22', 'F23']],
      [2, ['F21']],
    ]),
  ).toContain('Begun, not finished. Still to come are, of seed 1: F22, F23; of seed 2: F21.');
});

test('the line of a result says what was found, and where its evidence is', () => {
  expect(lineOf(aResult(), '1/2')).toMatch(/^✓ 1\/2 F21 seed 1: a fault\n {4}60 orders \(60 executed\), 3 faults/);
  expect(lineOf(failed, '2/2')).toMatch(/^✗ 2\/2 [\s\S]*I1 {2}twice\n {4}evidence: \/evidence$/);
});
